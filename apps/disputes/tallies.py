"""Counts of disputes: how they ended, and what the card schemes count of a month."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth

from apps.common.ids import first_id
from apps.common.origin import Scope
from apps.disputes.models import Dispute, FraudReport
from apps.disputes.ratios import (
    SchemeRatio,
    WinRate,
    mastercard_ratio,
    projected,
    vamp_ratio,
    win_rate,
)
from apps.disputes.states import DisputeStage, DisputeStatus
from apps.payments.models import PaymentAttempt
from apps.payments.states import AttemptStatus

S = DisputeStatus
_LOST = frozenset({S.LOST, S.ACCEPTED, S.EXPIRED})

VISA, MASTERCARD = "visa", "mastercard"
NETWORKS = (VISA, MASTERCARD)


class Grouping(StrEnum):
    """By what outcomes are told apart."""

    REASON = "reason"
    NETWORK = "network"
    GATEWAY = "gateway"
    PERSON = "person"
    MONTH = "month"


_COLUMNS = {Grouping.PERSON: "case__assignee__email", Grouping.MONTH: "closed_in"}


@dataclass(kw_only=True, slots=True)
class Outcome:
    """
    How the disputes of one group ended, in one currency, in minor units.

    `recovered` is what came back of won disputes, `fees` what all of them cost.
    """

    name: str
    currency: str
    closed: int = 0
    won: int = 0
    lost: int = 0
    prevented: int = 0
    recovered: int = 0
    fees: int = 0
    losses: int = 0

    @property
    def rate(self) -> WinRate:
        return win_rate(won=self.won, lost=self.lost)

    @property
    def recovered_net(self) -> int:
        """Return what was recovered minus the fees."""
        return self.recovered - self.fees


@dataclass(frozen=True, kw_only=True, slots=True)
class MonthCounts:
    """What a scheme counts of a month: `payments` are those its ratio is taken of."""

    network: str
    month: date
    disputes: int
    fraud_reports: int
    payments: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """One scheme's ratio so far, and at the end of the month if it goes on like this."""

    counts: MonthCounts
    ratio: SchemeRatio
    projected: SchemeRatio


def count_outcomes_by(
    scope: Scope, grouping: Grouping, *, since: datetime, until: datetime
) -> list[Outcome]:
    """Return how disputes closed in [since, until) ended, the largest groups first (AC-91)."""
    column = _COLUMNS.get(grouping, str(grouping))
    rows = (
        Dispute.objects.filter(
            merchant_id=scope.merchant_id,
            livemode=scope.livemode,
            closed_at__gte=since,
            closed_at__lt=until,
        )
        .annotate(closed_in=TruncMonth("closed_at", tzinfo=UTC))
        .values_list(column, "currency", "status")
        .annotate(Count("id"), Sum("amount"), Sum("amount_fees"), Sum("amount_lost"))
        .order_by()
    )
    found: dict[tuple[str, str], Outcome] = {}
    for name, currency, status, count, amount, fees, lost in rows:
        key = (f"{name:%Y-%m}" if isinstance(name, datetime) else name or "", currency)
        outcome = found.setdefault(key, Outcome(name=key[0], currency=currency))
        _add(outcome, status=status, count=count, amount=amount, fees=fees, lost=lost)
    return sorted(found.values(), key=lambda each: (-each.closed, each.name, each.currency))


def stand_with_schemes(scope: Scope, *, month: date, now: datetime) -> list[Standing]:
    """Return the ratios of a month for each scheme that has a limit (AC-90)."""
    return [_stand(_count_month(scope, network, month), now=now) for network in NETWORKS]


def find_troubled_scopes(month: date) -> Sequence[Scope]:
    """Return whose payments were disputed, or reported as fraud, in this month."""
    begin, end = _bounds(month)
    disputed = Dispute.objects.filter(opened_at__gte=begin, opened_at__lt=end)
    reported = FraudReport.objects.filter(created_at__gte=begin, created_at__lt=end)
    pairs = set(disputed.values_list("merchant_id", "livemode").distinct())
    pairs |= set(reported.values_list("merchant_id", "livemode").distinct())
    return [Scope(merchant_id, livemode=livemode) for merchant_id, livemode in sorted(pairs)]


def first_of_month(at: datetime) -> date:
    """Return the first day of the month in UTC, as the schemes count."""
    return at.astimezone(UTC).date().replace(day=1)


def _add(outcome: Outcome, *, status: str, count: int, **sums: int) -> None:
    outcome.closed += count
    outcome.fees += sums["fees"]
    outcome.losses += sums["lost"]
    if status == S.WON:
        outcome.won += count
        outcome.recovered += sums["amount"]
    elif status in _LOST:
        outcome.lost += count
    elif status == S.PREVENTED:
        outcome.prevented += count


def _count_month(scope: Scope, network: str, month: date) -> MonthCounts:
    begin, end = _bounds(month)
    own: dict[str, Any] = {"merchant_id": scope.merchant_id, "livemode": scope.livemode}
    disputes = (
        Dispute.objects.filter(**own, network=network, opened_at__gte=begin, opened_at__lt=end)
        # An inquiry is none, and what was settled by rule before it counted is left out.
        .exclude(stage=DisputeStage.INQUIRY)
        .exclude(status=S.PREVENTED)
    )
    reports = FraudReport.objects.filter(
        **own, network=network, created_at__gte=begin, created_at__lt=end
    )
    # Mastercard divides by the payments of the month before.
    paid_in = month if network == VISA else _before(month)
    first, last = _bounds(paid_in)
    payments = PaymentAttempt.objects.filter(
        **own,
        status=AttemptStatus.CAPTURED,
        method_details__brand=network,
        pk__gte=first_id("att", first),
        pk__lt=first_id("att", last),
    )
    return MonthCounts(
        network=network,
        month=month,
        disputes=disputes.count(),
        fraud_reports=reports.count() if network == VISA else 0,
        payments=payments.count(),
    )


def _stand(counts: MonthCounts, *, now: datetime) -> Standing:
    begin, end = _bounds(counts.month)
    days = (end - begin).days
    day = min(max((now - begin).days + 1, 1), days)

    def expect(count: int) -> int:
        return projected(count, day=day, days=days)

    if counts.network == VISA:
        return Standing(
            counts=counts,
            ratio=vamp_ratio(
                fraud_reports=counts.fraud_reports,
                disputes=counts.disputes,
                settled=counts.payments,
            ),
            projected=vamp_ratio(
                fraud_reports=expect(counts.fraud_reports),
                disputes=expect(counts.disputes),
                settled=expect(counts.payments),
            ),
        )
    return Standing(
        counts=counts,
        ratio=mastercard_ratio(disputes=counts.disputes, previous_payments=counts.payments),
        projected=mastercard_ratio(
            disputes=expect(counts.disputes), previous_payments=counts.payments
        ),
    )


def _bounds(month: date) -> tuple[datetime, datetime]:
    begin = datetime(month.year, month.month, 1, tzinfo=UTC)
    return begin, (begin + timedelta(days=32)).replace(day=1)


def _before(month: date) -> date:
    return (month.replace(day=1) - timedelta(days=1)).replace(day=1)
