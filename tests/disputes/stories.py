"""A disputed payment, and what its gateway tells about it."""

from datetime import datetime, timedelta

from django.utils import timezone

from apps.api.models import Merchant
from apps.common.ids import id_at
from apps.common.origin import Origin, Scope
from apps.disputes.handlers import on_gateway_dispute
from apps.disputes.models import Dispute
from apps.gateways.base import DisputeResult, EventKind, GatewayEvent, PaymentResult
from apps.ledger.models import Account
from apps.ledger.selectors import balance_of
from apps.outbox.models import Event
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.payments.services.intents import Confirmation, create_intent
from tests.factories.payments import SCOPE, TESTER, confirmed_intent
from tests.fake_gateway import FakeGateway

PERSON = Origin(actor="staff:ana@example.com")


def paid(gateway: FakeGateway, *, amount: int = 1000) -> tuple[PaymentIntent, PaymentResult]:
    """Return a captured payment, and what its gateway knows of it."""
    intent = confirmed_intent(amount=amount)
    return intent, list(gateway.payments.values())[-1]


def paid_to(merchant: Merchant, gateway: FakeGateway) -> tuple[PaymentIntent, PaymentResult]:
    """Return a captured payment of a merchant with API keys, and what its gateway knows of it."""
    intent = create_intent(
        scope=Scope(merchant.id, livemode=False),
        fields={"amount": 1000, "currency": "EUR"},
        confirmation=Confirmation(payment_method="pm_card_visa"),
        origin=TESTER,
        now=timezone.now(),
    )
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


def moved(before: dict[str, int]) -> dict[str, int]:
    """Return how the balances changed since then, without those that did not."""
    now = balances()
    changes = {code: now.get(code, 0) - before.get(code, 0) for code in {*now, *before}}
    return {code: change for code, change in changes.items() if change}


def move_back(attempt: PaymentAttempt, days: int) -> None:
    """Let the attempt be older, its id too, as ids sort by time."""
    at = attempt.created_at - timedelta(days=days)
    PaymentAttempt.objects.filter(pk=attempt.pk).update(id=id_at("att", at), created_at=at)


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


def history(dispute: Dispute) -> list[str]:
    """Return what happened to the dispute, in order, without the common beginning."""
    events = Event.objects.filter(object_id=dispute.id).order_by("sequence")
    assert [event.sequence for event in events] == list(range(1, dispute.version + 1))
    return [event.type.removeprefix("charge.dispute.") for event in events]
