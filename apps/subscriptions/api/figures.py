"""`/v1/billing/recovery` and `/v1/billing/revenue`: figures of billing, the platform's own."""

from datetime import datetime
from decimal import Decimal

from django.http import HttpRequest
from django.utils import timezone

from apps.api.fields import TimestampField
from apps.api.schemas import RequestSchema
from apps.api.views import ApiView, Json
from apps.common.errors import InvalidParameter
from apps.subscriptions.api.shapes import RECOVERY, REVENUE
from apps.subscriptions.figures import (
    DEFAULT_WINDOW,
    MonthOfRevenue,
    Recovery,
    Tally,
    read_recovery,
    read_revenue,
    read_worth,
)


class Window(RequestSchema):
    start = TimestampField(required=False)
    end = TimestampField(required=False)


class _FiguresView(ApiView):
    resource = "billing"
    schemas = {"GET": Window}

    def window(self) -> tuple[datetime, datetime]:
        """Return the time the figures are asked for; the last 90 days without an answer."""
        params = self.load()
        end = params.get("end") or timezone.now()
        start = params.get("start") or end - DEFAULT_WINDOW
        if start >= end:
            raise InvalidParameter("start must be before end.", param="start")
        return start, end


class RecoveryFigures(_FiguresView):
    """What dunning got back of the invoices whose first charge failed in a time."""

    answers = {"GET": RECOVERY}

    def get(self, _request: HttpRequest) -> Json:
        start, end = self.window()
        found = read_recovery(start=start, end=end, scope=self.scope)
        return {
            "object": "billing.recovery",
            "livemode": self.scope.livemode,
            "start": int(start.timestamp()),
            "end": int(end.timestamp()),
            "currencies": [_recovery(each) for each in found],
        }


def _recovery(recovery: Recovery) -> Json:
    return {
        "currency": recovery.currency.lower(),
        "failed": _tally(recovery.failed),
        "recovered": _tally(recovery.recovered),
        "lost": _tally(recovery.lost),
        "open": _tally(recovery.open),
        "rate": str(round(recovery.rate, 4)),
        "recovered_by_step": [
            {"retries": step, **_tally(tally)} for step, tally in sorted(recovery.by_step.items())
        ],
    }


def _tally(tally: Tally) -> Json:
    return {"count": tally.count, "amount": tally.amount}


class RevenueFigures(_FiguresView):
    """What subscriptions are worth a month now, and how that moved month by month."""

    answers = {"GET": REVENUE}

    def get(self, _request: HttpRequest) -> Json:
        start, end = self.window()
        months = read_revenue(start=start, end=end, scope=self.scope)
        return {
            "object": "billing.revenue",
            "livemode": self.scope.livemode,
            "start": int(start.timestamp()),
            "end": int(end.timestamp()),
            "current": [
                {"currency": currency.lower(), "amount_decimal": _exact(worth)}
                for currency, worth in read_worth(self.scope)
            ],
            "months": [_month(each) for each in months],
        }


def _month(month: MonthOfRevenue) -> Json:
    return {
        "month": f"{month.month:%Y-%m}",
        "currency": month.currency.lower(),
        "new": _exact(month.new),
        "expansion": _exact(month.expansion),
        "contraction": _exact(month.contraction),
        "churn": _exact(month.churn),
        "net": _exact(month.net),
    }


def _exact(amount: Decimal) -> str:
    """Return minor units as a decimal text: a month of a yearly price has fractions."""
    return f"{amount.normalize():f}"
