"""What our own data says for us."""

from dataclasses import replace
from datetime import datetime

import pytest
from django.utils import timezone

from apps.api.addresses import parcel_of
from apps.disputes.selectors import (
    find_compelling_payments,
    suggest_compelling,
    suggest_evidence,
)
from apps.gateways.base import PaymentResult
from apps.payments.models import PaymentAttempt
from tests.disputes.stories import move_back, tell
from tests.factories.payments import confirmed_intent
from tests.fake_gateway import VISA, FakeGateway

pytestmark = pytest.mark.django_db

SHIPPING = {
    "name": "Ada",
    "address": {
        "line1": "Main Street 1", "postal_code": "10115", "city": "Berlin", "country": "DE"
    },
    "carrier": "DHL",
    "tracking_number": "JJD000390",
}  # fmt: skip

CARD = replace(
    VISA, fingerprint="f7RqK2mXw9LdT4aV", cvc_check="pass", three_d_secure="authenticated"
)


def with_card(result: PaymentResult) -> PaymentResult:
    """Script: the gateway tells which card it was."""
    return replace(result, method=CARD)


def pay(gateway: FakeGateway, *, now: datetime, description: str = "Plan Pro") -> PaymentAttempt:
    """Pay with the same card, from the same address."""
    gateway.script.append(with_card)
    intent = confirmed_intent(
        now=now,
        description=description,
        receipt_email="ada@payer.example",
        metadata={"ip_address": "203.0.113.7", "device": "d1"},
    )
    return PaymentAttempt.objects.get(pk=intent.latest_attempt_id)


def test_the_payment_fills_in_what_it_knows(gateway: FakeGateway) -> None:
    now = timezone.now()
    attempt = pay(gateway, now=now)
    dispute = tell(gateway.open_dispute(next(iter(gateway.payments.values())), now=now))

    assert suggest_evidence(dispute) == {
        "product_description": "Plan Pro",
        "customer_email_address": "ada@payer.example",
        "customer_purchase_ip": "203.0.113.7",
        "service_date": f"{attempt.created_at:%Y-%m-%d}",
    }


def test_the_payment_tells_where_its_goods_went(gateway: FakeGateway) -> None:
    now = timezone.now()
    confirmed_intent(now=now, shipping=parcel_of(SHIPPING))
    dispute = tell(gateway.open_dispute(next(iter(gateway.payments.values())), now=now))

    told = suggest_evidence(dispute)

    assert told["shipping_address"] == "Ada\nMain Street 1, 10115, Berlin, DE"
    assert (told["shipping_carrier"], told["shipping_tracking_number"]) == ("DHL", "JJD000390")


def test_a_second_charge_of_the_same_card_and_amount_is_named(gateway: FakeGateway) -> None:
    now = timezone.now()
    other = pay(gateway, now=now)
    pay(gateway, now=now)
    dispute = tell(gateway.open_dispute(list(gateway.payments.values())[1], now=now))

    suggested = suggest_evidence(dispute)
    assert suggested["duplicate_charge_id"] == other.charge_id
    # Both were for the same: that they differ is for a person to say.
    assert "duplicate_charge_explanation" not in suggested


def test_two_charges_for_different_things_explain_themselves(gateway: FakeGateway) -> None:
    now = timezone.now()
    other = pay(gateway, now=now, description="One more seat")
    attempt = pay(gateway, now=now)
    dispute = tell(gateway.open_dispute(list(gateway.payments.values())[1], now=now))

    explained = suggest_evidence(dispute)["duplicate_charge_explanation"]

    assert explained == (
        f"Two purchases: {other.charge_id} on {other.created_at:%Y-%m-%d %H:%M} UTC for One more"
        f" seat; {attempt.charge_id} on {attempt.created_at:%Y-%m-%d %H:%M} UTC for Plan Pro"
    )


def test_ac_089_two_earlier_payments_of_the_card_are_put_into_the_evidence(
    gateway: FakeGateway,
) -> None:
    now = timezone.now()
    earlier = [pay(gateway, now=now) for _ in range(2)]
    for days, attempt in zip((150, 300), earlier, strict=True):
        move_back(attempt, days)
    pay(gateway, now=now)
    dispute = tell(gateway.open_dispute(list(gateway.payments.values())[2], now=now))

    found = find_compelling_payments(dispute)
    draft = suggest_compelling(dispute)

    assert found is not None
    assert found.matching == ("ip_address", "device")
    newest, oldest = (each["charge"] for each in draft["prior_undisputed_transactions"])
    assert [newest, oldest] == [each.charge_id for each in found.earlier]
    assert draft["disputed_transaction"] == {
        "customer_purchase_ip": "203.0.113.7",
        "merchandise_or_services": "services",
        "product_description": "Plan Pro",
    }
