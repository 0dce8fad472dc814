"""The last part of a payment's way: the gateway's report, its payout, and the bank."""

from collections.abc import Sequence

from django.urls import reverse
from django.utils.translation import gettext

from apps.backoffice.kit.display import link, money, words
from apps.backoffice.kit.pages import Step
from apps.reconciliation.models import BankLine, Settlement, StatementLine

# Far beyond the lines of one payment; bounds the page.
LIMIT = 100


def trace_settlement(entry_ids: Sequence[str]) -> list[Step]:
    """Return where the money of these journal entries was reported, paid out and received."""
    lines = list(
        StatementLine.objects.filter(entry_id__in=entry_ids)
        .exclude(entry_id="")
        .order_by("id")[:LIMIT]
    )
    settlements = _settlements(lines)
    arrivals = BankLine.objects.filter(settlement__in=settlements).order_by("id")
    return [
        *map(_reported, lines),
        *map(_paid_out, settlements),
        *map(_received, arrivals if settlements else ()),
    ]


def _settlements(lines: list[StatementLine]) -> list[Settlement]:
    if not lines:
        return []
    first = lines[0]
    return list(
        Settlement.objects.filter(
            merchant_id=first.merchant_id,
            livemode=first.livemode,
            gateway__in={line.gateway for line in lines},
            reference__in={line.payout_reference for line in lines if line.payout_reference},
        ).order_by("paid_on", "id")
    )


def _reported(line: StatementLine) -> Step:
    url = reverse("admin:reconciliation_statementfile_change", args=[line.file_id])
    return Step(
        stage=gettext("Reported by the gateway"),
        what=link(url, line.reference),
        note=f"{words(line.kind)}, line {line.number}",
        when=line.day.isoformat(),
        amount=money(line.net, line.currency),
    )


def _paid_out(settlement: Settlement) -> Step:
    url = reverse("admin:reconciliation_settlement_change", args=[settlement.pk])
    return Step(
        stage=gettext("Paid out, with others"),
        what=link(url, settlement.reference),
        note=words(settlement.status),
        when=settlement.paid_on.isoformat(),
        amount=money(settlement.amount, settlement.currency),
    )


def _received(line: BankLine) -> Step:
    url = reverse("admin:reconciliation_statementfile_change", args=[line.file_id])
    return Step(
        stage=gettext("On our bank account"),
        what=link(url, line.reference),
        note=f"{line.bank}, line {line.number}",
        when=line.booked_on.isoformat(),
        amount=money(line.amount, line.currency),
    )
