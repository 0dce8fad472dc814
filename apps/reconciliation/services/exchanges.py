"""Money of which only the report tells that the gateway exchanged it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Sum

from apps.common.origin import Origin
from apps.common.transactions import assert_no_transaction
from apps.gateways.base import Settlement
from apps.gateways.registry import get_gateway
from apps.ledger import recipes
from apps.ledger.drafts import EntryDraft
from apps.ledger.exchange import find_position
from apps.ledger.policies import Exchange
from apps.ledger.recipes import Fact
from apps.ledger.services.rates import keep_rates
from apps.payments.models import PaymentAttempt, Refund
from apps.payments.services.exchange import convert_as_told
from apps.reconciliation.models import Discrepancy, StatementLine
from apps.reconciliation.services.corrections import SOURCE_TYPE
from apps.reconciliation.services.exceptions import resolve_with_journal

TOLD_LATE: Final = "The gateway exchanged it, as it says now."


@dataclass(frozen=True, kw_only=True, slots=True)
class _Moved:
    """A capture or refund of `amount`, and how the gateway says that it exchanged it."""

    attempt: PaymentAttempt
    amount: int
    is_back: bool
    settlement: Settlement


def book_late_exchange(row: Discrepancy, *, now: datetime) -> bool:
    """
    Ask the gateway about money reported in another currency, and book the exchange that it tells.

    The exception is closed by that. Nothing happens unless report and gateway say the same, and the
    books hold the whole amount in the payment's own currency. No transaction may be open.

    :raises GatewayError: the gateway could not be asked
    Source: docs/ledger.md, "Money that a gateway exchanges"
    """
    assert_no_transaction()
    moved = _ask(row)
    if moved is None or not _is_reported(row, moved):
        return False
    draft = _draft(row, moved, now=now)
    if draft is None:
        return False
    keep_rates([convert_as_told(moved.attempt, moved.settlement).rate])
    return resolve_with_journal(
        scope=row.scope,
        exception_id=row.id,
        draft=draft,
        reason=TOLD_LATE,
        # By the gateway's word, not by the clock: it does not open again when compared anew.
        origin=Origin(actor=f"gateway:{row.gateway}"),
        now=now,
    )


def _ask(row: Discrepancy) -> _Moved | None:
    """Return what the gateway says of the capture or refund; None when it tells no exchange."""
    gateway = get_gateway(row.gateway)
    if row.subject_id.startswith("att_"):
        attempt = PaymentAttempt.objects.get(pk=row.subject_id)
        amount, is_back = attempt.amount_captured, False
        settlement = gateway.retrieve_payment(attempt.gateway_reference).settlement
    elif row.subject_id.startswith("re_"):
        refund = Refund.objects.select_related("attempt").get(pk=row.subject_id)
        attempt, amount, is_back = refund.attempt, refund.amount, True
        settlement = gateway.retrieve_refund(refund.gateway_reference).settlement
    else:
        return None
    if settlement is None:
        return None
    return _Moved(attempt=attempt, amount=amount, is_back=is_back, settlement=settlement)


def _is_reported(row: Discrepancy, moved: _Moved) -> bool:
    """Return whether the lines say what the gateway says, and the books hold nothing of it yet."""
    sign = -1 if moved.is_back else 1
    lines = StatementLine.objects.filter(entry_id=row.entry_id, is_duplicate=False).order_by()
    told = list(lines.values_list("currency").annotate(Sum("gross"), Sum("fee")))
    settlement = moved.settlement
    expected = [(settlement.currency, sign * settlement.amount, settlement.fee)]
    # A fee booked in the payment's currency would be one too many.
    return told == expected and row.ledger_amount == sign * moved.amount


def _draft(row: Discrepancy, moved: _Moved, *, now: datetime) -> EntryDraft | None:
    """Return the journal; a refund needs the capture's exchange in the books before."""
    settled = convert_as_told(moved.attempt, moved.settlement)
    booked = settled.amount
    if moved.is_back:
        position = find_position(scope=row.scope, payment=moved.attempt.id)
        if position is None or position.rate.quote != settled.currency:
            return None
        booked = position.booked_part(moved.amount)
    return recipes.exchanged(
        Fact(
            scope=row.scope,
            id=row.id,
            amount=moved.amount,
            currency=row.currency,
            at=now,
            gateway=row.gateway,
            metadata={"kind": row.kind, "subject": row.subject_id},
        ),
        payment=moved.attempt.id,
        exchange=Exchange(settled=settled, booked=booked, fee=moved.settlement.fee),
        source_type=SOURCE_TYPE,
        is_back=moved.is_back,
    )
