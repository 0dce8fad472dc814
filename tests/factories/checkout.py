"""Checkout sessions by state."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from apps.api.models import Merchant
from apps.checkout.models import Session
from apps.checkout.services.payment import Submission, pay_session
from apps.checkout.services.sessions import Basket, LineItem, create_session
from apps.common.origin import Origin, Scope
from apps.payments.models import PaymentIntent

MERCHANT = Origin(actor="api:test")
PAYER = Origin(actor="payer:test")

TEA = LineItem(name="Tea", unit_amount=450, currency="EUR", quantity=2)
POT = LineItem(name="Teapot", unit_amount=4000, currency="EUR")


def open_session(merchant: Merchant, *, now: datetime | None = None, **basket: Any) -> Session:
    """Return a session of EUR 49.00 that nobody has paid yet."""
    chosen: dict[str, Any] = {"items": [TEA, POT], **basket}
    return create_session(
        scope=Scope(merchant.id, livemode=False),
        basket=Basket(**chosen),
        origin=MERCHANT,
        now=now or timezone.now(),
    )


def pay(
    session: Session, card: str = "tok_visa", *, tries: int = 0, now: datetime | None = None
) -> bool:
    """Press the button of a page that offered the try after `tries` others."""
    session.refresh_from_db()
    submission = Submission(token=card, try_number=f"{session.payment_intent_id}.{tries}")
    return pay_session(
        session=session, submission=submission, origin=PAYER, now=now or timezone.now()
    )


def intent_of(session: Session) -> PaymentIntent:
    session.refresh_from_db()
    return PaymentIntent.objects.get(pk=session.payment_intent_id)
