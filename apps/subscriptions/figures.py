"""Figures of billing: what dunning got back, and how the recurring revenue moved."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Case, Count, F, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Greatest, TruncMonth

from apps.common.origin import Scope
from apps.subscriptions.models import Invoice, RevenueChange
from apps.subscriptions.states import InvoiceStatus

# How far back figures look when nobody says.
DEFAULT_WINDOW = timedelta(days=90)

_ZERO = Value(Decimal(0))


@dataclass(slots=True)
class Tally:
    """So many invoices, and what was due on them in minor units."""

    count: int = 0
    amount: int = 0

    def add(self, other: "Tally") -> None:
        """Count the others in."""
        self.count += other.count
        self.amount += other.amount


@dataclass(slots=True)
class Recovery:
    """
    What became of the invoices of one currency whose first charge failed.

    `by_step` says after how many retries of the schedule an invoice was paid: 0 is before the
    first, by a new card or by hand.
    """

    currency: str
    failed: Tally = field(default_factory=Tally)
    recovered: Tally = field(default_factory=Tally)
    lost: Tally = field(default_factory=Tally)
    open: Tally = field(default_factory=Tally)
    by_step: dict[int, Tally] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """The share of the decided invoices that was paid in the end, by amount."""
        decided = self.recovered.amount + self.lost.amount
        return self.recovered.amount / decided if decided else 0.0


# Nobody charges the invoice any more, and it is not paid.
_IS_LOST = Q(status__in=[InvoiceStatus.VOID, InvoiceStatus.UNCOLLECTIBLE]) | Q(
    status=InvoiceStatus.OPEN, auto_advance=False
)


def read_recovery(*, start: datetime, end: datetime, scope: Scope | None = None) -> list[Recovery]:
    """Return what became of the invoices that first failed from `start` to before `end`."""
    failed = _within(Invoice.objects.all(), scope).filter(
        first_failed_at__gte=start, first_failed_at__lt=end
    )
    rows = (
        failed.annotate(
            outcome=Case(
                When(status=InvoiceStatus.PAID, then=Value("recovered")),
                When(_IS_LOST, then=Value("lost")),
                default=Value("open"),
            )
        )
        .values("currency", "outcome", "dunning_slot")
        .annotate(count=Count("pk"), amount=Sum("amount_due"))
        .order_by("currency", "dunning_slot")
    )
    found: dict[str, Recovery] = {}
    for row in rows:
        recovery = found.setdefault(row["currency"], Recovery(row["currency"]))
        tally = Tally(row["count"], row["amount"])
        recovery.failed.add(tally)
        getattr(recovery, row["outcome"]).add(tally)
        if row["outcome"] == "recovered":
            recovery.by_step[row["dunning_slot"]] = tally
    return list(found.values())


@dataclass(frozen=True, slots=True)
class MonthOfRevenue:
    """How the monthly recurring revenue of one currency moved in a month, in minor units."""

    month: datetime
    currency: str
    livemode: bool
    new: Decimal
    expansion: Decimal
    contraction: Decimal
    churn: Decimal

    @property
    def net(self) -> Decimal:
        """What it grew by."""
        return self.new + self.expansion - self.contraction - self.churn


def read_revenue(
    *, start: datetime, end: datetime, scope: Scope | None = None
) -> list[MonthOfRevenue]:
    """Return the movements from `start` to before `end`, newest month first."""
    changes = _within(RevenueChange.objects.all(), scope).filter(
        changed_at__gte=start, changed_at__lt=end
    )
    grown, shrunk = F("after") - F("before"), F("before") - F("after")
    rows = (
        changes.annotate(month=TruncMonth("changed_at"))
        .values("month", "currency", "livemode")
        .annotate(
            new=_sum(grown, Q(before=0)),
            expansion=_sum(Greatest(grown, _ZERO), Q(before__gt=0, after__gt=0)),
            contraction=_sum(Greatest(shrunk, _ZERO), Q(before__gt=0, after__gt=0)),
            churn=_sum(shrunk, Q(after=0)),
        )
        .order_by("-month", "currency", "livemode")
    )
    return [MonthOfRevenue(**row) for row in rows]


def _sum(amount: object, condition: Q) -> Sum:
    return Sum(amount, filter=condition, default=Decimal(0))


def _within(rows: QuerySet, scope: Scope | None) -> QuerySet:  # type: ignore[type-arg]
    if scope is None:
        return rows
    return rows.filter(merchant_id=scope.merchant_id, livemode=scope.livemode)


def read_worth(scope: Scope) -> Sequence[tuple[str, Decimal]]:
    """Return what the account's subscriptions are worth a month now, per currency."""
    rows = (
        RevenueChange.objects.filter(merchant_id=scope.merchant_id, livemode=scope.livemode)
        .values("currency")
        .annotate(worth=Sum(F("after") - F("before")))
        .order_by("currency")
    )
    return [(row["currency"], row["worth"]) for row in rows]
