"""Mistakes planted at the simulator, how people mend each kind, and what the books say then."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Sum

from apps.ledger.models import Posting
from apps.reconciliation.models import ReconciliationRun, StatementLine
from simulator.testing import RunningSimulator
from tests.reconciliation.at_gateways import Till, compare

ON_PAYMENTS: Final = (
    "missing_in_report",
    "amount_over",
    "amount_under",
    "fee_mismatch",
    "currency_mismatch",
    "date_cutoff",
    "duplicate_line",
    "split_mismatch",
    "malformed_row",
)
ON_DECLINES: Final = ("status_mismatch",)
ON_NOTHING: Final = ("missing_in_ledger", "bank_unexplained")
ON_PAYOUTS: Final = ("payout_mismatch", "payout_failed", "bank_mismatch", "bank_missing")
# Payouts first: what is planted on a payment later is in none of them.
KINDS: Final = (*ON_PAYOUTS, *ON_PAYMENTS, *ON_DECLINES, *ON_NOTHING)
# A row that cannot be read is refused; its payment is in no report then.
FOUND_AS: Final = {"malformed_row": "missing_in_report"}
# What nothing has to be booked for; everything else is corrected.
NOT_BOOKED: Final = {
    "duplicate_line": "ignore",
    "date_cutoff": "match",
    "payout_failed": "match",
    "bank_missing": "ignore",
}
BANK: Final = "main_bank"


def plant(simulator: RunningSimulator, psp: str, kind: str, till: Till) -> None:
    """Let something happen at the gateway, and its report or the bank be wrong about it."""
    reference = ""
    if kind in ON_PAYOUTS:
        till.pay()
        simulator.control("POST", "settlements/close", {"psp": psp, "currency": "eur"})
    elif kind in ON_PAYMENTS:
        reference = till.pay()
    elif kind in ON_DECLINES:
        reference = till.decline()
    wish = {"psp": psp, "kind": kind, "reference": reference}
    simulator.control("POST", "settlements/plant", wish)


def compare_all(gateway: str, now: datetime) -> list[ReconciliationRun]:
    """Compare the day, the one to which lines were shifted, and the one when the bank is late."""
    days = (now.date() + timedelta(days=shift) for shift in (-3, 0, 5))
    return [compare(gateway, day, now) for day in days]


def booked(code: str, owner: str) -> dict[str, int]:
    """Return what the ledger says of an account, per currency."""
    legs = Posting.objects.filter(account__code=code, account__owner=owner, layer="posted")
    return {
        currency: total
        for currency, total in legs.values_list("currency").annotate(Sum("amount")).order_by()
        if total
    }


def told_by_gateway(gateway: str) -> dict[str, int]:
    """Return what the gateway's own lines add up to, per currency."""
    lines = StatementLine.objects.filter(gateway=gateway, is_duplicate=False)
    sums = lines.values_list("currency").annotate(Sum("net")).order_by()
    return {currency: int(total) for currency, total in sums if total}
