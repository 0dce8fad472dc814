"""The journal that makes two sides agree, and what follows once it is booked."""

from collections import Counter
from datetime import datetime
from typing import Final

from django.db.models import Sum

from apps.common.origin import Origin
from apps.ledger import chart, recipes
from apps.ledger.drafts import EntryDraft
from apps.ledger.recipes import Fact
from apps.ledger.services import post_entry
from apps.reconciliation.errors import CannotCorrect
from apps.reconciliation.models import Discrepancy, Settlement, StatementLine
from apps.reconciliation.services.settlements import (
    arrive_otherwise,
    draft_arrival,
    draft_departure,
    leave_as_announced,
)
from apps.reconciliation.states import DiscrepancyKind, SettlementStatus

K = DiscrepancyKind

SOURCE_TYPE: Final = "reconciliation_exception"
# Whose books the difference is in, where it is not the gateway's account.
_CORRECTED_ACCOUNTS: Final = {K.BANK_UNEXPLAINED: chart.BANK}
# What that account is corrected against; where money has no other explanation, it waits in
# suspense for one.
_COUNTER_ACCOUNTS: Final = {
    K.MISSING_IN_LEDGER: chart.SUSPENSE,
    K.MISSING_IN_REPORT: chart.SUSPENSE,
    K.STATUS_MISMATCH: chart.SUSPENSE,
    K.AMOUNT_OVER: chart.SUSPENSE,
    K.AMOUNT_UNDER: chart.SUSPENSE,
    K.SPLIT_MISMATCH: chart.SUSPENSE,
    K.CURRENCY_MISMATCH: chart.SUSPENSE,
    K.FEE_MISMATCH: chart.GATEWAY_FEES,
    K.PAYOUT_MISMATCH: chart.SUSPENSE,
    K.BANK_MISMATCH: chart.SUSPENSE,
    K.BANK_UNEXPLAINED: chart.SUSPENSE,
}
_ABOUT_PAYOUTS: Final = frozenset({K.PAYOUT_MISMATCH, K.BANK_MISMATCH})
# Where the difference stays with the gateway, so that nothing is to be written off.
_ONLY_CORRECTED: Final = frozenset({K.PAYOUT_MISMATCH, K.CURRENCY_MISMATCH})


def draft_correction(row: Discrepancy, *, action: str, origin: Origin, now: datetime) -> EntryDraft:
    """
    Return the journal that makes the sides agree; nothing is booked here.

    :raises CannotCorrect: they do not differ in money, or not in a way that a journal mends
    """
    kind = DiscrepancyKind(row.kind)
    counter = _COUNTER_ACCOUNTS.get(kind)
    if counter is None:
        raise CannotCorrect(kind=row.kind, reason="it is not about a balance")
    if action == "write_off":
        if kind in _ONLY_CORRECTED:
            raise CannotCorrect(kind=row.kind, reason="nothing of it is lost")
        counter = chart.WRITEOFF
    if kind == K.PAYOUT_MISMATCH:
        return draft_departure(_payout_of(row, SettlementStatus.ANNOUNCED), now=now)
    if kind == K.BANK_MISMATCH:
        settlement = _payout_of(row, SettlementStatus.IN_TRANSIT)
        return draft_arrival(settlement, counter=counter, now=now)
    if kind == K.CURRENCY_MISMATCH:
        return _draft_in_both_currencies(row, counter, _fact(row, action, origin, now))
    if not row.difference:
        raise CannotCorrect(kind=row.kind, reason="the amounts agree")
    owner = row.gateway if counter == chart.GATEWAY_FEES else ""
    code = _CORRECTED_ACCOUNTS.get(kind, chart.GATEWAY_CLEARING)
    wrong, other = (code, row.gateway), (counter, owner)
    is_more = row.difference > 0
    return recipes.corrected(
        _fact(row, action, origin, now),
        debit=wrong if is_more else other,
        credit=other if is_more else wrong,
        source_type=SOURCE_TYPE,
    )


def book_correction(row: Discrepancy, *, action: str, origin: Origin, now: datetime) -> str:
    """
    Book the journal and return its id; a payout goes on with it.

    In the caller's transaction, which holds the exception's lock.

    :raises CannotCorrect: see `draft_correction`
    """
    if row.kind in _ABOUT_PAYOUTS:
        # A run may take the payout further at the same time.
        Settlement.objects.lock(row.subject)
    entry_id = post_entry(draft_correction(row, action=action, origin=origin, now=now))
    if row.kind == K.PAYOUT_MISMATCH:
        leave_as_announced(_payout_of(row, SettlementStatus.ANNOUNCED), entry_id=entry_id)
    elif row.kind == K.BANK_MISMATCH:
        arrive_otherwise(_payout_of(row, SettlementStatus.IN_TRANSIT), entry_id=entry_id)
    return entry_id


def _payout_of(row: Discrepancy, status: SettlementStatus) -> Settlement:
    settlement = Settlement.objects.filter(pk=row.subject, status=status).first()
    if settlement is None:
        raise CannotCorrect(kind=row.kind, reason="the payout has moved on")
    return settlement


def _draft_in_both_currencies(row: Discrepancy, counter: str, fact: Fact) -> EntryDraft:
    """Return the journal that takes back what is booked, and books what the lines say."""
    lines = StatementLine.objects.filter(entry_id=row.entry_id, is_duplicate=False)
    sums = lines.values_list("currency").annotate(Sum("net")).order_by()
    changes = Counter({currency: int(net) for currency, net in sums})
    changes[row.currency] -= row.ledger_amount or 0
    return recipes.corrected_per_currency(
        fact,
        account=(chart.GATEWAY_CLEARING, row.gateway),
        counter=(counter, ""),
        changes=changes,
        source_type=SOURCE_TYPE,
    )


def _fact(row: Discrepancy, action: str, origin: Origin, now: datetime) -> Fact:
    return Fact(
        scope=row.scope,
        id=row.id,
        amount=abs(row.difference),
        currency=row.currency,
        at=now,
        gateway=row.gateway,
        metadata={"kind": row.kind, "action": action, "by": origin.actor},
    )
