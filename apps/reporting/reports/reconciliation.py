"""Reports of whether ledger, gateways and bank say the same."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from django.db.models import QuerySet

from apps.backoffice.kit.dashboard import Bar, Chart
from apps.backoffice.kit.display import Tone, money, words
from apps.backoffice.sheets import Cell, Sheet
from apps.reconciliation.models import Discrepancy, Settlement
from apps.reconciliation.selectors import sum_booked
from apps.reconciliation.states import DiscrepancyStatus, SettlementStatus
from apps.reporting.reports.cells import major
from apps.reporting.spans import Span

PAYOUTS: Final = "Payouts three ways"
EXCEPTIONS: Final = "Open exceptions"
# Days by which open exceptions are told apart, youngest first.
_AGES: Final = ((1, "Up to a day"), (7, "Up to a week"), (30, "Up to 30 days"), (0, "Older"))


def payouts(span: Span) -> Sequence[Sheet]:
    """Return each payout of the span's days as the ledger, the gateway and the bank have it."""
    columns = (
        "gateway", "payout", "paid_on", "currency", "ledger", "gateway_lines", "announced", "bank",
        "difference", "status",
    )  # fmt: skip
    return [Sheet(columns, _payout_rows(span), title=PAYOUTS)]


def _payout_rows(span: Span) -> Iterator[Sequence[Cell]]:
    rows = [row for row in _settlements(span) if span.covers(row.currency)]
    booked = sum_booked(span.scope, [row.pk for row in rows])
    for row in rows:
        # A manual payout names no lines: nothing but its sum can be compared.
        ledger = None if row.is_manual else booked.get(row.pk, 0)
        known = [side for side in (ledger, row.lines_net, row.bank_amount) if side is not None]
        worst = max((side - row.amount for side in known), key=abs, default=0)
        amounts = (ledger, row.lines_net, row.amount, row.bank_amount, worst)
        yield (
            row.gateway,
            row.reference,
            row.paid_on.isoformat(),
            row.currency,
            *(major(amount, row.currency) for amount in amounts),
            words(row.status),
        )


def _settlements(span: Span) -> QuerySet[Settlement]:
    rows = Settlement.objects.filter(
        merchant_id=span.scope.merchant_id,
        livemode=span.scope.livemode,
        paid_on__gte=span.since.date(),
        paid_on__lte=span.last_day,
    )
    return rows.order_by("paid_on", "gateway", "reference")


def exceptions(span: Span) -> Sequence[Sheet]:
    """Return what is open of the days up to the end of the span, with its age in days."""
    columns = (
        "day", "age_days", "gateway", "kind", "currency", "ledger", "statement", "difference",
        "exception", "explanation",
    )  # fmt: skip
    rows = (
        (
            row.day.isoformat(), _age(row.day, span), row.gateway, words(row.kind), row.currency,
            major(row.ledger_amount, row.currency), major(row.statement_amount, row.currency),
            major(row.difference, row.currency), row.id, row.explanation,
        )
        for row in _open_exceptions(span)
        if span.covers(row.currency)
    )  # fmt: skip
    return [Sheet(columns, rows, title=EXCEPTIONS)]


def _open_exceptions(span: Span) -> QuerySet[Discrepancy]:
    return Discrepancy.objects.filter(
        merchant_id=span.scope.merchant_id,
        livemode=span.scope.livemode,
        status=DiscrepancyStatus.OPEN,
        day__lte=span.last_day,
    ).order_by("day", "id")


def draw_payouts(span: Span) -> Chart:
    """Return what each payout of one currency announced, and whether all sides agree."""
    rows = [row for row in _settlements(span) if row.currency == span.currency]
    return Chart(
        title=PAYOUTS,
        hint=f"{span.currency}; green has arrived at the bank to the cent",
        columns=("Payout", "Announced"),
        bars=[
            Bar(
                label=f"{row.paid_on:%d %b} {row.gateway}",
                height=row.amount,
                text=f"{money(row.amount, row.currency)}, {words(row.status).lower()}",
                tone=Tone.GOOD if _stands_at_bank(row) else Tone.WARNING,
                is_open=row.bank_amount is None,
            )
            for row in rows
        ],
    )


def _stands_at_bank(row: Settlement) -> bool:
    """Return whether a payout arrived to the cent, and did not leave the bank again."""
    return row.status == SettlementStatus.RECEIVED and row.bank_amount == row.amount


def draw_ageing(span: Span) -> Chart:
    """Return how many exceptions are how old, over all currencies."""
    counts = dict.fromkeys((label for _, label in _AGES), 0)
    for day in _open_exceptions(span).values_list("day", flat=True):
        old = _age(day, span)
        counts[next(label for most, label in _AGES if not most or old <= most)] += 1
    return Chart(
        title="Open exceptions by age",
        hint="every currency",
        columns=("Age", "Exceptions"),
        bars=[
            Bar(label=label, height=number, text=f"{number:,}", tone=Tone.WARNING)
            for label, number in counts.items()
        ]
        if any(counts.values())
        else (),
    )


def _age(day: date, span: Span) -> int:
    return max(0, (span.made_at.date() - day).days)
