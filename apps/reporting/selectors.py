"""Reads of the figures. Every number here has one definition, and a test that counts the facts."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import F, Model, QuerySet, Sum
from django.db.models.functions import Trunc

from apps.common.origin import Scope
from apps.ledger import chart
from apps.payments.states import AttemptStatus, ErrorClass
from apps.reconciliation.models import Settlement
from apps.reconciliation.states import SettlementStatus
from apps.reporting.calendars import calendar_of
from apps.reporting.models import (
    COUNTED_EVENTS,
    Forecast,
    HourOfAttempts,
    HourOfBooks,
    HourOfEvents,
    RollUp,
)
from apps.reporting.policies import (
    FORECAST_DAYS,
    WEEKS_BACK,
    ExpectedPayout,
    forecast_payouts,
    mean_error_percent,
)

# How far back the error of the forecasts is told.
ERROR_DAYS: Final = 60
# A forecast is compared as it was so long before: a day later most of it is booked.
COMPARED_AHEAD: Final = timedelta(days=3)
# The entries by which the money at a gateway grows or shrinks before it pays out. What people book
# by hand or take back is not among them: it may be about a payout.
EARNING_KINDS: Final = (
    "captured", "captured_in_conflict", "refunded", "refund_reversed", "fee_charged",
    "dispute_withdrawn", "dispute_reinstated", "exchanged", "corrected",
)  # fmt: skip
_REFUND_KINDS: Final = ("refunded", "refund_reversed")
_DISPUTE_KINDS: Final = ("dispute_withdrawn", "dispute_reinstated")
_FEE_ACCOUNTS: Final = (chart.GATEWAY_FEES, chart.DISPUTE_FEES)
_APPROVED: Final = (AttemptStatus.AUTHORIZED, AttemptStatus.CAPTURED, AttemptStatus.VOIDED)
# What a forecast looks at, and a little more for holidays and the gateway's own days.
_HISTORY: Final = timedelta(weeks=WEEKS_BACK + 1, days=FORECAST_DAYS)


M = TypeVar("M", HourOfBooks, HourOfAttempts, HourOfEvents)
R = TypeVar("R", bound=Model)


class Interval(StrEnum):
    """How long a row of a summary is; days and months are those of UTC."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(slots=True)
class Money:
    """
    One period's money in one currency, in minor units.

    `captured` is what payers paid, whoever it belongs to; `refunded` and `disputed` what they got
    back, without fees; `fees` what gateways took, `dispute_fees` included; `net` is by how much the
    money at the gateways grew.
    """

    captured: int = 0
    captures: int = 0
    refunded: int = 0
    refunds: int = 0
    disputed: int = 0
    disputes: int = 0
    dispute_fees: int = 0
    fees: int = 0
    net: int = 0


@dataclass(slots=True)
class Tries:
    """
    One period's attempts in one currency: approved of all that are decided.

    `declined` is a no of the bank, of the gateway or of risk; what never arrived is none.
    """

    attempts: int = 0
    approved: int = 0
    declined: int = 0

    @property
    def approval_rate(self) -> int | None:
        """Return approved of decided in hundredths of a per cent."""
        decided = self.approved + self.declined
        return self.approved * 10_000 // decided if decided else None


Period = tuple[datetime, str]


def summarise_money(
    *, scope: Scope, since: datetime, until: datetime, interval: Interval, gateway: str = ""
) -> dict[Period, Money]:
    """Return the money of each (start of period, currency) between two full hours."""
    rows = _hours(HourOfBooks.objects.all(), scope, since, until, interval)
    periods: defaultdict[Period, Money] = defaultdict(Money)
    if gateway:
        rows = rows.filter(gateway=gateway)
    for period, currency, kind, account, amount, entries in (
        rows.values_list("period", "currency", "kind", "account")
        .annotate(total=Sum("amount"), count=Sum("entries"))
        .order_by("period", "currency")
    ):
        _add(periods[period, currency], kind, account, amount, entries)
    return dict(periods)


def _add(money: Money, kind: str, account: str, amount: int, entries: int) -> None:
    if account == chart.GATEWAY_CLEARING:
        _add_at_gateway(money, kind, amount, entries)
    elif account in _FEE_ACCOUNTS:
        money.fees += amount
        money.dispute_fees += amount if account == chart.DISPUTE_FEES else 0
    else:
        return
    # What moved at the gateway and the fee that went with it: both together are the payer's.
    if kind == "captured":
        money.captured += amount
    elif kind in _REFUND_KINDS:
        money.refunded -= amount
    elif kind in _DISPUTE_KINDS:
        money.disputed -= amount


def _add_at_gateway(money: Money, kind: str, amount: int, entries: int) -> None:
    if kind in EARNING_KINDS:
        money.net += amount
    if kind == "captured":
        money.captures += entries
    elif kind in _REFUND_KINDS:
        money.refunds += entries if kind == "refunded" else -entries
    elif kind == "dispute_withdrawn":
        money.disputes += entries


def summarise_tries(
    *, scope: Scope, since: datetime, until: datetime, interval: Interval, gateway: str = ""
) -> dict[Period, Tries]:
    """Return the attempts of each (start of period, currency), by when they began."""
    rows = _hours(HourOfAttempts.objects.all(), scope, since, until, interval)
    if gateway:
        rows = rows.filter(gateway=gateway)
    periods: defaultdict[Period, Tries] = defaultdict(Tries)
    for period, currency, status, error_class, count in (
        rows.values_list("period", "currency", "status", "error_class")
        .annotate(count=Sum("attempts"))
        .order_by("period", "currency")
    ):
        tries = periods[period, currency]
        tries.attempts += count
        if status in _APPROVED:
            tries.approved += count
        elif status == AttemptStatus.FAILED and error_class != ErrorClass.NOT_SENT:
            tries.declined += count
    return dict(periods)


def gateways_of(*, scope: Scope, since: datetime, until: datetime) -> list[str]:
    """Return the gateways that had attempts in the hours between the two."""
    rows = _between(HourOfAttempts.objects.all(), scope, since, until)
    return sorted(rows.values_list("gateway", flat=True).distinct())


def count_declines(*, scope: Scope, since: datetime, until: datetime) -> dict[tuple[str, str], int]:
    """Return the failed attempts of the hours between the two, by gateway and class of error."""
    rows = _between(HourOfAttempts.objects.all(), scope, since, until)
    failed = rows.filter(status=AttemptStatus.FAILED).values_list("gateway", "error_class")
    counted = failed.annotate(Sum("attempts")).order_by("gateway", "error_class")
    return {(gateway, error_class): count for gateway, error_class, count in counted}


def count_events(
    *, scope: Scope, since: datetime, until: datetime, types: Collection[str] = COUNTED_EVENTS
) -> dict[datetime, dict[str, int]]:
    """Return how often each counted event happened on each day between the two."""
    rows = _hours(HourOfEvents.objects.filter(type__in=types), scope, since, until, Interval.DAY)
    days: defaultdict[datetime, dict[str, int]] = defaultdict(dict)
    for day, type_, count in (
        rows.values_list("period", "type").annotate(Sum("events")).order_by("period", "type")
    ):
        days[day][type_] = count
    return dict(days)


def figures_as_of() -> datetime | None:
    """Return when the figures were last brought up to date; None before the first time."""
    return RollUp.objects.values_list("rolled_at", flat=True).first()


def local_day(moment: datetime, gateway: str) -> date:
    """Return the day it is at a gateway."""
    return moment.astimezone(_zone(gateway)).date()


def forecast_of(
    *, scope: Scope, gateway: str, currency: str, now: datetime
) -> list[ExpectedPayout]:
    """Return what the gateway is expected to pay out in the next days."""
    return forecast_payouts(
        net_by_day=net_by_day(scope=scope, gateway=gateway, currency=currency, now=now),
        today=local_day(now, gateway),
        calendar=calendar_of(gateway),
    )


def net_by_day(*, scope: Scope, gateway: str, currency: str, now: datetime) -> dict[date, int]:
    """Return by how much each of the gateway's own days added to the money it holds."""
    rows = _between(HourOfBooks.objects.all(), scope, now - _HISTORY, now + timedelta(hours=1))
    earning = rows.filter(
        gateway=gateway,
        currency=currency,
        account=chart.GATEWAY_CLEARING,
        kind__in=EARNING_KINDS,
    )
    days: defaultdict[date, int] = defaultdict(int)
    for hour, amount in earning.values_list("hour").annotate(Sum("amount")).order_by("hour"):
        days[local_day(hour, gateway)] += amount
    return dict(days)


def gateway_accounts(scope: Scope) -> list[tuple[str, str]]:
    """Return each (gateway, currency) in which the merchant ever had money."""
    rows = HourOfBooks.objects.filter(merchant_id=scope.merchant_id, livemode=scope.livemode)
    held = rows.filter(account=chart.GATEWAY_CLEARING).values_list("gateway", "currency")
    return sorted(set(held.distinct().order_by()))


def forecast_errors(*, scope: Scope, now: datetime) -> dict[int, int]:
    """
    Return the mean error of the forecasts of the last ERROR_DAYS days, by days ahead.

    In hundredths of a per cent of what arrived (MAPE); days ahead without a payout are left out.
    """
    since = now.astimezone(UTC).date() - timedelta(days=ERROR_DAYS)
    arrived = _arrived(scope, since)
    pairs: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for row in _of(Forecast.objects.all(), scope).filter(arrives_on__gte=since):
        amount = arrived.get((row.gateway, row.currency, row.arrives_on))
        if amount is not None:
            pairs[(row.arrives_on - row.made_on).days].append((row.expected, amount))
    errors = {ahead: mean_error_percent(pairs[ahead]) for ahead in sorted(pairs)}
    return {ahead: error for ahead, error in errors.items() if error is not None}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A forecast beside what arrived on its day; None as long as nothing did."""

    forecast: Forecast
    arrived: int | None

    @property
    def is_held(self) -> bool | None:
        """Return whether the band held what arrived."""
        if self.arrived is None:
            return None
        return self.forecast.low <= self.arrived <= self.forecast.high


def compare_forecasts(*, scope: Scope, first: date, last: date) -> list[Comparison]:
    """Return what was forecast COMPARED_AHEAD days before each payout of the days, and arrived."""
    early = F("arrives_on") - COMPARED_AHEAD
    rows = _of(Forecast.objects.all(), scope).filter(
        arrives_on__range=(first, last), made_on__lte=early
    )
    account = ("gateway", "currency", "arrives_on")
    latest = rows.order_by(*account, "-made_on").distinct(*account)
    arrived = _arrived(scope, first)
    return [
        Comparison(row, arrived.get((row.gateway, row.currency, row.arrives_on))) for row in latest
    ]


def _arrived(scope: Scope, since: date) -> dict[tuple[str, str, date], int]:
    """Return what gateways paid on each day; what failed after all had arrived nowhere."""
    paid = _of(Settlement.objects.all(), scope).filter(paid_on__gte=since)
    rows = paid.exclude(status=SettlementStatus.FAILED).values_list(
        "gateway", "currency", "paid_on"
    )
    return {
        (gateway, currency, day): amount
        for gateway, currency, day, amount in rows.annotate(Sum("amount")).order_by()
    }


def _zone(gateway: str) -> ZoneInfo:
    zones: Mapping[str, str] = settings.RECONCILIATION_TIME_ZONES
    return ZoneInfo(zones.get(gateway, "UTC"))


def _between(rows: QuerySet[M], scope: Scope, since: datetime, until: datetime) -> QuerySet[M]:
    return _of(rows, scope).filter(hour__gte=since, hour__lt=until)


def _of(rows: QuerySet[R], scope: Scope) -> QuerySet[R]:
    return rows.filter(merchant_id=scope.merchant_id, livemode=scope.livemode)


def _hours(
    rows: QuerySet[M], scope: Scope, since: datetime, until: datetime, interval: Interval
) -> QuerySet[Any]:
    return _between(rows, scope, since, until).annotate(
        period=Trunc("hour", str(interval), tzinfo=UTC)
    )
