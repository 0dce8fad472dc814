"""A disputed payment, and what its gateway tells about it."""

from datetime import datetime

from django.utils import timezone

from apps.common.origin import Origin
from apps.disputes.handlers import on_gateway_dispute
from apps.disputes.models import Dispute
from apps.gateways.base import DisputeResult, EventKind, GatewayEvent, PaymentResult
from apps.ledger.models import Account
from apps.ledger.selectors import balance_of
from apps.payments.models import PaymentIntent
from tests.factories.payments import SCOPE, confirmed_intent
from tests.fake_gateway import FakeGateway

PERSON = Origin(actor="staff:ana@example.com")


def paid(gateway: FakeGateway, *, amount: int = 1000) -> tuple[PaymentIntent, PaymentResult]:
    """Return a captured payment, and what its gateway knows of it."""
    intent = confirmed_intent(amount=amount)
    return intent, list(gateway.payments.values())[-1]


def tell(dispute: DisputeResult, *, now: datetime | None = None, times: int = 1) -> Dispute:
    """Let the gateway's webhook arrive, as often as asked for."""
    now = now or timezone.now()
    for _ in range(times):
        event = GatewayEvent(
            id="evt_gateway",
            type="charge.dispute.updated",
            kind=EventKind.DISPUTE,
            reference=dispute.reference,
            occurred_at=now,
            payment_reference=dispute.payment_reference,
        )
        on_gateway_dispute(gateway="stripe_main", event=event, now=now)
    return Dispute.objects.get(gateway_reference=dispute.reference)


def balances() -> dict[str, int]:
    """Return the posted balance of each account that is not at zero, debits above zero."""
    found = {}
    for account in Account.objects.filter(merchant_id=SCOPE.merchant_id):
        balance = balance_of(
            scope=SCOPE, code=account.code, currency=account.currency, owner=account.owner
        )
        if balance.posted:
            found[account.code] = balance.posted
    return found
