"""
The dashboard's figures and charts, read from the hours that `roll_up` made.

Each number is one of `selectors`, whose tests count the facts; nothing here reads raw payments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Sum
from django.utils.translation import gettext

from apps.api.models import Merchant
from apps.backoffice.kit.dashboard import Bar, Chart, Figure, View
from apps.backoffice.kit.display import Tone, money
from apps.common.origin import Scope
from apps.disputes.ratios import VAMP_LIMIT
from apps.ledger import chart
from apps.payments.states import AttemptStatus
from apps.reporting.models import HourOfAttempts, HourOfBooks
from apps.reporting.reports.settlements import draw_forecast
from apps.reporting.selectors import (
    Interval,
    Money,
    Tries,
    figures_as_of,
    gateways_of,
    summarise_money,
    summarise_tries,
)
from apps.reporting.spans import Span

# The sweep runs every minute: older figures are said to be old.
FIGURES_FRESH: Final = timedelta(minutes=10)
# Merchants, modes and currencies that are looked at, and other merchants that are offered.
VIEWS_READ: Final = 50
CHOICES_SHOWN: Final = 8
DAYS_SHOWN: Final = 14
# What the volume and the approvals can be shown for instead, in days.
PERIODS: Final = (7, 30, 90)
MONTHS_SHOWN: Final = 4
RATE_DAYS: Final = 7
FORECAST_SHOWN: Final = 10
HOURS_SHOWN: Final = 24
# Per cent of attempts that failed for reasons of ours or the gateway's, from which an hour is bad.
FAULTS_BAD_PERCENT: Final = 5
# Hundredths of a per cent: how the selectors count rates.
_WHOLE: Final = 10_000
_FAULTS: Final = ("not_sent", "unknown")


def open_view(asked: Mapping[str, str], *, now: datetime) -> View:
    """
    Return whose figures somebody wants to see, by what an address names.

    That is `merchant`, `mode` and `currency`; without them, the merchant with the most captures
    lately, in this installation's mode, in the currency that it takes most. `days` and `gateway`
    narrow the charts down.
    """
    rows = (
        HourOfBooks.objects.filter(
            hour__gte=now - timedelta(days=30), kind="captured", account=chart.GATEWAY_CLEARING
        )
        .values_list("merchant_id", "livemode", "currency")
        .annotate(entries=Sum("entries"))
        .order_by("-entries")[:VIEWS_READ]
    )
    busy = [(Scope(merchant, livemode), currency) for merchant, livemode, currency, _ in rows]
    here = [row for row in busy if row[0].livemode == settings.LIVE_MODE]
    wanted = [
        (scope, currency)
        for scope, currency in busy
        if asked.get("merchant", "") in {"", scope.merchant_id}
        and asked.get("mode", "") in {"", _mode(scope)}
        and asked.get("currency", "") in {"", currency}
    ]
    is_asked = any(name in asked for name in ("merchant", "mode", "currency"))
    chosen = (wanted if is_asked else here) or busy
    scope, currency = chosen[0] if chosen else (Scope("", settings.LIVE_MODE), "EUR")
    made_at = figures_as_of()
    gateways = gateways_of(
        scope=scope, since=now - timedelta(days=max(PERIODS)), until=_next_hour(now)
    )
    days = next((each for each in PERIODS if asked.get("days") == str(each)), 0)
    gateway = asked.get("gateway", "") if asked.get("gateway") in gateways else ""
    kept = _Kept(scope, currency, days, gateway)
    return View(
        scope=scope,
        currency=currency,
        now=now,
        choices=_choices(busy, kept),
        narrower=_narrower(kept, gateways),
        days=days,
        gateway=gateway,
        old_at=made_at if made_at is not None and now - made_at > FIGURES_FRESH else None,
    )


@dataclass(frozen=True, slots=True)
class _Kept:
    """What an address names of a view; another view differs in one of these."""

    scope: Scope
    currency: str = ""
    days: int = 0
    gateway: str = ""

    @property
    def query(self) -> str:
        named = {
            "merchant": self.scope.merchant_id,
            "mode": _mode(self.scope),
            "currency": self.currency,
            "days": self.days,
            "gateway": self.gateway,
        }
        return urlencode({name: value for name, value in named.items() if value})


def _choices(busy: list[tuple[Scope, str]], kept: _Kept) -> list[tuple[str, str, bool]]:
    """Return the currencies of this merchant, then the other merchants."""
    scope = kept.scope
    names = Merchant.objects.in_bulk([other.merchant_id for other, _ in busy])
    choices = [
        (code, replace(kept, currency=code).query, code == kept.currency)
        for other, code in busy
        if other == scope
    ]
    others = dict.fromkeys(other for other, _ in busy if other != scope)
    for other in list(others)[:CHOICES_SHOWN]:
        merchant = names.get(other.merchant_id)
        label = f"{merchant.name if merchant else other.merchant_id} · {_mode(other)}"
        choices.append((label, _Kept(other, days=kept.days).query, False))
    return choices


def _narrower(
    kept: _Kept, gateways: Sequence[str]
) -> list[tuple[str, Sequence[tuple[str, str, bool]]]]:
    """Return the periods, and the gateways where there are several."""
    periods = [
        (
            gettext("%(days)s days") % {"days": days},
            replace(kept, days=0 if days == kept.days else days).query,
            days == kept.days,
        )
        for days in PERIODS
    ]
    named = [
        (name, replace(kept, gateway="" if name == kept.gateway else name).query,
         name == kept.gateway)
        for name in gateways
    ]  # fmt: skip
    return [("Period", periods), *([("Gateway", named)] if len(named) > 1 else [])]


def _mode(scope: Scope) -> str:
    return "live" if scope.livemode else "test"


def read_today(view: View) -> list[Figure]:
    """Return what came in today, beside the same hours of yesterday."""
    midnight, hour = _midnight(view.now), _next_hour(view.now)
    today = _money(view, midnight, hour)
    yesterday = _money(view, midnight - timedelta(days=1), hour - timedelta(days=1))
    tries = _tries(view, midnight, hour)
    before = _tries(view, midnight - timedelta(days=RATE_DAYS), midnight)
    return [
        Figure(
            label="Captured today",
            value=money(today.captured, view.currency),
            hint=f"{_change(today.captured, yesterday.captured)} yesterday by this hour",
        ),
        Figure(
            label="Payments captured",
            value=f"{today.captures:,}",
            hint=f"{_change(today.captures, yesterday.captures)} yesterday by this hour",
        ),
        Figure(
            label="Approved attempts",
            value=_percent(tries.approval_rate),
            hint=f"{_percent(before.approval_rate)} in the {RATE_DAYS} days before",
        ),
        Figure(
            label="Refunded today",
            value=money(today.refunded, view.currency),
            hint=f"{today.refunds:,} refunds",
        ),
    ]


def volume_chart(view: View) -> Chart:
    """Return what was captured on each of the last days; today is not over."""
    midnight, end = _midnight(view.now), _next_hour(view.now)
    days = view.days or DAYS_SHOWN
    since = midnight - timedelta(days=days - 1)
    found = summarise_money(
        scope=view.scope, since=since, until=end, interval=Interval.DAY, gateway=view.gateway
    )
    bars = []
    for number in range(days):
        day = since + timedelta(days=number)
        captured = found.get((day, view.currency), Money()).captured
        bars.append(
            Bar(
                label=f"{day:%d %b}",
                height=captured,
                text=money(captured, view.currency),
                tone=Tone.BUSY,
                is_open=day == midnight,
            )
        )
    return Chart(
        title="Captured volume",
        hint=f"{view.currency}, days of UTC; today is not over",
        columns=("Day", "Captured"),
        bars=bars,
    )


def approval_chart(view: View) -> Chart:
    """Return how many of the decided attempts each gateway approved lately."""
    until = _next_hour(view.now)
    days = view.days or RATE_DAYS
    since = until - timedelta(days=days)
    named = [view.gateway] if view.gateway else []
    bars = []
    for gateway in named or gateways_of(scope=view.scope, since=since, until=until):
        found = summarise_tries(
            scope=view.scope, since=since, until=until, interval=Interval.DAY, gateway=gateway
        )
        rate = _sum_tries(list(found.values())).approval_rate
        bars.append(Bar(label=gateway, height=rate or 0, text=_percent(rate), tone=Tone.GOOD))
    return Chart(
        title="Approval rate",
        hint=f"approved of all decided attempts, last {days} days",
        columns=("Gateway", "Approved"),
        bars=bars,
        most=_WHOLE,
    )


def dispute_chart(view: View) -> Chart:
    """Return the disputes of each month per hundred captures, below the schemes' line."""
    months = _months(view.now)
    bars = []
    for first, end in months:
        disputed = _entries(view.scope, "dispute_withdrawn", first, end)
        captured = _entries(view.scope, "captured", first, end)
        ratio = disputed * _WHOLE // captured if captured else 0
        bars.append(
            Bar(
                label=f"{first:%b}",
                height=ratio,
                text=f"{_percent(ratio)} ({disputed:,} of {captured:,})",
                tone=Tone.WARNING,
                is_open=end > view.now,
            )
        )
    return Chart(
        title="Dispute ratio",
        hint="disputes that took money, of the captures of the same month",
        columns=("Month", "Ratio"),
        bars=bars,
        limit=int(VAMP_LIMIT * 100),
        limit_text=f"Visa's line: {VAMP_LIMIT} %",
    )


def forecast_chart(view: View) -> Chart:
    """Return what the gateways are expected to pay out in the next days, with its band."""
    span = Span(view.scope, view.now, view.now, made_at=view.now, currency=view.currency)
    chart = draw_forecast(span)
    return replace(chart, title="Payouts of the gateways", bars=chart.bars[:FORECAST_SHOWN])


def health_chart(view: View) -> Chart:
    """Return, for each of the last hours, how many attempts failed without the bank's no."""
    end = _next_hour(view.now)
    since = end - timedelta(hours=HOURS_SHOWN)
    rows = HourOfAttempts.objects.filter(
        merchant_id=view.scope.merchant_id,
        livemode=view.scope.livemode,
        hour__gte=since,
        hour__lt=end,
    ).values_list("hour", "status", "error_class", "attempts")
    counts: dict[datetime, list[int]] = {}
    for hour, status, error_class, attempts in rows:
        sums = counts.setdefault(hour, [0, 0])
        sums[0] += attempts
        is_fault = status == AttemptStatus.UNKNOWN or error_class in _FAULTS
        sums[1] += attempts if is_fault else 0
    bars = []
    for number in range(HOURS_SHOWN):
        hour = since + timedelta(hours=number)
        attempts, faults = counts.get(hour, [0, 0])
        is_bad = attempts and faults * 100 >= attempts * FAULTS_BAD_PERCENT
        bars.append(
            Bar(
                label=f"{hour:%H}",
                height=1,
                text=f"{faults:,} of {attempts:,} without an answer" if attempts else "quiet",
                tone=Tone.BAD if is_bad else Tone.GOOD if attempts else Tone.NEUTRAL,
            )
        )
    return Chart(
        title="Health of the gateways",
        hint=f"the last {HOURS_SHOWN} hours, UTC; red: a twentieth or more had no answer",
        columns=("Hour", "Attempts"),
        bars=bars,
        most=3,
    )


def _money(view: View, since: datetime, until: datetime) -> Money:
    found = summarise_money(
        scope=view.scope, since=since, until=until, interval=Interval.HOUR, gateway=view.gateway
    )
    mine = [row for (_, currency), row in found.items() if currency == view.currency]
    return Money(
        captured=sum(row.captured for row in mine),
        captures=sum(row.captures for row in mine),
        refunded=sum(row.refunded for row in mine),
        refunds=sum(row.refunds for row in mine),
    )


def _tries(view: View, since: datetime, until: datetime) -> Tries:
    found = summarise_tries(
        scope=view.scope, since=since, until=until, interval=Interval.DAY, gateway=view.gateway
    )
    return _sum_tries(list(found.values()))


def _sum_tries(rows: list[Tries]) -> Tries:
    return Tries(
        attempts=sum(row.attempts for row in rows),
        approved=sum(row.approved for row in rows),
        declined=sum(row.declined for row in rows),
    )


def _entries(scope: Scope, kind: str, since: datetime, until: datetime) -> int:
    rows = HourOfBooks.objects.filter(
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        hour__gte=since,
        hour__lt=until,
        kind=kind,
        account=chart.GATEWAY_CLEARING,
    )
    return rows.aggregate(total=Sum("entries"))["total"] or 0


def _months(now: datetime) -> list[tuple[datetime, datetime]]:
    end = _midnight(now).replace(day=1)
    ends = [(end + timedelta(days=32)).replace(day=1), end]
    while len(ends) <= MONTHS_SHOWN:
        ends.append((ends[-1] - timedelta(days=1)).replace(day=1))
    return list(zip(ends[:0:-1], ends[-2::-1], strict=True))


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _next_hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _percent(rate: int | None) -> str:
    return "no attempts" if rate is None else f"{rate / 100:.1f} %"


def _change(now: int, before: int) -> str:
    if not before:
        return "nothing"
    return f"{(now - before) * 100 / before:+.0f} % against"
