"""What is drawn above the lists and on a payout's page."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from django.db.models import Count, Max
from django.urls import reverse

from apps.backoffice.kit.dashboard import Bar, Chart
from apps.backoffice.kit.display import Tone, chip, link, money
from apps.backoffice.kit.pages import Table, Text
from apps.backoffice.kit.waterfall import Step, Waterfall
from apps.reconciliation.ages import AGES, Age, is_of_age
from apps.reconciliation.models import Discrepancy, ReconciliationRun, Settlement
from apps.reconciliation.selectors import PayoutPart
from apps.reconciliation.states import DiscrepancyStatus, LineKind

_DAYS_DRAWN: Final = 21
_PER_MILLE: Final = 1000
# Exceptions that are this many days old turn orange, then red.
_LATE, _TOO_LATE = 4, 8
# What a step of a payout is called, by the kinds of lines in it.
_STEPS: Final = {
    LineKind.CHARGE: "Charges",
    LineKind.CAPTURE_RELEASE: "Charges",
    LineKind.REFUND: "Refunds",
    LineKind.REFUND_FAILURE: "Refunds",
    LineKind.DISPUTE: "Disputes",
    LineKind.DISPUTE_REVERSAL: "Disputes",
}
_OTHER: Final = "Other"


def list_ages(today: date) -> Table:
    """Return how many open exceptions are of which age; each number leads to them."""
    counts = Discrepancy.objects.filter(status=DiscrepancyStatus.OPEN).aggregate(
        **{f"age{age.days}": Count("pk", filter=is_of_age(age, today=today)) for age in AGES}
    )
    row = [_count_of_age(age, counts[f"age{age.days}"]) for age in AGES]
    return Table("Age of what is open", [age.label for age in AGES], [row], empty="")


def _count_of_age(age: Age, count: int) -> Text:
    if not count:
        return "0"
    late = Tone.WARNING if age.days >= _LATE else Tone.NEUTRAL
    tone = Tone.BAD if age.days >= _TOO_LATE else late
    page = reverse("admin:reconciliation_discrepancy_changelist")
    return link(f"{page}?status__exact=open&age={age.days}", chip(f"{count:,}", tone))


def draw_matched() -> Chart:
    """Return per day what share of the lines agrees, by each account's last run of it."""
    account = ("merchant_id", "livemode", "gateway", "day")
    compared = ReconciliationRun.objects.filter(lines__gt=0)
    last: date | None = compared.aggregate(last=Max("day"))["last"]
    runs = compared.none()
    if last is not None:
        recent = compared.filter(day__gt=last - timedelta(days=_DAYS_DRAWN))
        runs = recent.order_by(*account, "-pk").distinct(*account)
    lines: Counter[date] = Counter()
    matched: Counter[date] = Counter()
    for run in runs:
        lines[run.day] += run.lines
        matched[run.day] += run.lines_matched
    return Chart(
        title="Lines that agree, per day",
        hint="Of all accounts, by the last run of each day.",
        columns=("Day", "Agree"),
        bars=[_share_bar(day, matched[day], lines[day]) for day in sorted(lines)],
        most=_PER_MILLE,
    )


def _share_bar(day: date, matched: int, lines: int) -> Bar:
    # Rounded down, so that 100 % means all.
    share = matched * _PER_MILLE // lines
    return Bar(
        label=day.isoformat(),
        height=share,
        text=f"{share / 10:.1f} %: {matched:,} of {lines:,}",
        tone=Tone.GOOD if matched == lines else Tone.WARNING,
    )


def draw_payout(row: Settlement, parts: Sequence[PayoutPart]) -> Waterfall:
    """Return how the gross of a payout's lines becomes what was paid out."""
    sums: Counter[str] = Counter()
    for part in parts:
        sums[_STEPS.get(LineKind(part.kind), _OTHER)] += part.gross
    sums["Fees"] = -sum(part.fee for part in parts)
    named = [*dict.fromkeys(_STEPS.values()), _OTHER, "Fees"]
    steps = [_step(name, sums[name], row.currency) for name in named if sums[name]]
    net = sum(part.net for part in parts)
    return Waterfall(
        title="From gross to net",
        hint="What the gateway took and kept, and what its lines leave to pay out.",
        columns=("Step", "Amount"),
        steps=steps,
        total=_step("Net", net, row.currency),
    )


def _step(label: str, amount: int, currency: str) -> Step:
    return Step(label, amount, money(amount, currency))
