"""Payments ready for a test, made by the services themselves."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from apps.common.origin import Origin, Scope
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.payments.services.intents import Confirmation, create_intent
from apps.vault.models import GatewayToken, PaymentMethod

SCOPE = Scope("mer_test", livemode=False)
TESTER = Origin(actor="api:test")


def created_intent(
    *, amount: int = 1000, currency: str = "EUR", now: datetime | None = None, **fields: Any
) -> PaymentIntent:
    """Return an intent nobody has confirmed."""
    return create_intent(
        scope=SCOPE,
        fields={"amount": amount, "currency": currency, **fields},
        origin=TESTER,
        now=now or timezone.now(),
    )


def confirmed_intent(
    *,
    amount: int = 1000,
    currency: str = "EUR",
    now: datetime | None = None,
    token: str = "pm_card_visa",  # noqa: S107 - a test token
    inline: bool = True,
    scope: Scope = SCOPE,
    **fields: Any,
) -> PaymentIntent:
    """Return an intent as the gateway of the test left it."""
    return create_intent(
        scope=scope,
        fields={"amount": amount, "currency": currency, **fields},
        confirmation=Confirmation(payment_method=token, inline=inline),
        origin=TESTER,
        now=now or timezone.now(),
    )


def held_intent(*, amount: int = 1000, currency: str = "EUR") -> PaymentIntent:
    """Return an intent of which the gateway holds the money."""
    return confirmed_intent(amount=amount, currency=currency, capture_method="manual")


def stored_method(*gateways: str, scope: Scope = SCOPE, fingerprint: str = "") -> PaymentMethod:
    """Return a payment method that each of these gateways can charge."""
    method = PaymentMethod.objects.create(
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        type="card",
        fingerprint=fingerprint,
        created_at=timezone.now(),
    )
    for name in gateways:
        GatewayToken.objects.create(payment_method=method, gateway=name, token=f"pm_{name}")
    return method


def attempt_of(intent: PaymentIntent) -> PaymentAttempt:
    """Return the intent's latest attempt."""
    return PaymentAttempt.objects.get(pk=intent.latest_attempt_id)
