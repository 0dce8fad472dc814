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
from apps.ledger.policies import Exchange, implied_rate
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
    """A capture of `amount`, or a refund of it, in the payment's currency."""

    attempt: PaymentAttempt
    amount: int
    refund: Refund | None = None


def book_late_exchange(row: Discrepancy, *, now: datetime) -> bool:
    """
    Book the exchange of money reported in another currency, as the report or the gateway tells it.

    A report that has both amounts (Adyen's) is the gateway's word; of another one (Stripe's) the
    gateway is asked, and has to say the same. The exception is closed by that. Nothing happens
    unless the books hold the whole amount in the payment's own currency. No transaction may be
    open.

    :raises GatewayError: the gateway could not be asked
    Source: docs/ledger.md, "Money that a gateway exchanges"
    """
    assert_no_transaction()
    moved = _find_moved(row)
    settlement = (_read(row, moved) or _ask(row, moved)) if moved else None
    if moved is None or settlement is None or not _is_reported(row, moved, settlement):
        return False
    draft = _draft(row, moved, settlement, now=now)
    if draft is None:
        return False
    keep_rates([convert_as_told(moved.attempt, settlement).rate])
    return resolve_with_journal(
        scope=row.scope,
        exception_id=row.id,
        draft=draft,
        reason=TOLD_LATE,
        # By the gateway's word, not by the clock: it does not open again when compared anew.
        origin=Origin(actor=f"gateway:{row.gateway}"),
        now=now,
    )


def _find_moved(row: Discrepancy) -> _Moved | None:
    if row.subject_id.startswith("att_"):
        attempt = PaymentAttempt.objects.get(pk=row.subject_id)
        return _Moved(attempt=attempt, amount=attempt.amount_captured)
    if row.subject_id.startswith("re_"):
        refund = Refund.objects.select_related("attempt").get(pk=row.subject_id)
        return _Moved(attempt=refund.attempt, amount=refund.amount, refund=refund)
    return None


def _read(row: Discrepancy, moved: _Moved) -> Settlement | None:
    """Return what the report says of both currencies; None when it has one, or other amounts."""
    lines = list(StatementLine.objects.filter(entry_id=row.entry_id, is_duplicate=False))
    currencies = {(line.paid_currency, line.currency) for line in lines}
    paid = abs(sum(line.paid_amount or 0 for line in lines))
    if len(currencies) != 1 or paid != moved.amount:
        return None
    ((base, quote),) = currencies
    if base != moved.attempt.currency:
        return None
    at = max(line.occurred_at for line in lines)
    settled = abs(sum(line.gross for line in lines))
    rate = implied_rate(
        amount=paid, base=base, settled=settled, quote=quote, source=row.gateway, at=at
    )
    fee = sum(line.fee for line in lines)
    return Settlement(amount=settled, currency=quote, rate=rate.value, at=at, fee=fee)


def _ask(row: Discrepancy, moved: _Moved) -> Settlement | None:
    """Return what the gateway says of both currencies; None when it tells no exchange."""
    gateway = get_gateway(row.gateway)
    if moved.refund is not None:
        return gateway.retrieve_refund(moved.refund.gateway_reference).settlement
    return gateway.retrieve_payment(moved.attempt.gateway_reference).settlement


def _is_reported(row: Discrepancy, moved: _Moved, settlement: Settlement) -> bool:
    """Return whether the lines say so, and the books hold nothing of it yet."""
    sign = -1 if moved.refund else 1
    lines = StatementLine.objects.filter(entry_id=row.entry_id, is_duplicate=False).order_by()
    told = list(lines.values_list("currency").annotate(Sum("gross"), Sum("fee")))
    expected = [(settlement.currency, sign * settlement.amount, settlement.fee)]
    # A fee booked in the payment's currency would be one too many.
    return told == expected and row.ledger_amount == sign * moved.amount


def _draft(
    row: Discrepancy, moved: _Moved, settlement: Settlement, *, now: datetime
) -> EntryDraft | None:
    """Return the journal; a refund needs the capture's exchange in the books before."""
    settled = convert_as_told(moved.attempt, settlement)
    booked = settled.amount
    if moved.refund:
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
        exchange=Exchange(settled=settled, booked=booked, fee=settlement.fee),
        source_type=SOURCE_TYPE,
        is_back=moved.refund is not None,
    )
