"""Locking a payer out from the page of a payment."""

import uuid
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.backoffice.models import StaffAction
from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.customers.models import Customer
from apps.fraud.models import ValueListItem
from apps.fraud.rulesets import forget_rules
from apps.payments.models import PaymentIntent
from apps.payments.states import IntentStatus
from tests.factories.payments import confirmed_intent
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]


@pytest.fixture
def paid(gateway: FakeGateway) -> PaymentIntent:
    # A merchant of its own: what Redis counted outlives a test.
    scope = Scope(new_id("mer"), livemode=False)
    payer = Customer.objects.create(
        merchant_id=scope.merchant_id,
        livemode=False,
        email="Mal@Payer.example",
        created_at=timezone.now(),
    )
    return confirmed_intent(scope=scope, customer_id=payer.id)


def page_of(payment: PaymentIntent, dialog: str = "block-customer") -> str:
    return reverse("admin:payments_paymentintent_dialog", args=[payment.pk, dialog])


def block(client: Client, payment: PaymentIntent, **answers: str) -> None:
    client.post(
        page_of(payment), {"nonce": str(uuid.uuid4()), "reason": "Three stolen cards.", **answers}
    )


@pytest.mark.parametrize("role", ["support_lead", "risk", "risk_lead"])
def test_a_blocked_customer_pays_nothing_any_more(
    enter_as: EnterAs, paid: PaymentIntent, role: str
) -> None:
    block(enter_as(role), paid, customer="on", email="on")

    item = ValueListItem.objects.get(value_list__alias="customer_blocklist")
    assert (item.value, item.created_by) == (paid.customer_id, f"staff:{role}@shop.example")
    assert item.reason == f"{paid.id}: Three stolen cards."
    assert ValueListItem.objects.get(value_list__alias="email_blocklist").value == (
        "mal@payer.example"
    )
    deed = StaffAction.objects.get()
    assert (deed.action, deed.reason) == ("paymentintent.block-customer", "Three stolen cards.")
    assert (deed.before["blocked_by"], deed.after["blocked_by"]) == ([], ["customer_id", "email"])
    forget_rules()
    again = confirmed_intent(
        scope=Scope(paid.merchant_id, livemode=False), customer_id=paid.customer_id
    )
    assert again.status == IntentStatus.FAILED
    assert PaymentIntent.objects.get(pk=paid.pk).status == IntentStatus.SUCCEEDED


def test_nothing_is_blocked_by_nothing(enter_as: EnterAs, paid: PaymentIntent) -> None:
    client = enter_as("risk")

    response = client.post(page_of(paid), {"nonce": str(uuid.uuid4()), "reason": "Hm."})

    assert "Choose by what the payer is blocked." in response.content.decode()
    assert not ValueListItem.objects.exists()
    assert not StaffAction.objects.exists()


def test_what_is_blocked_already_is_said_and_not_offered_again(
    enter_as: EnterAs, paid: PaymentIntent
) -> None:
    client = enter_as("risk")
    block(client, paid, customer="on")

    form = client.get(page_of(paid)).context["form"]

    assert "customer" not in form.fields
    assert "email" in form.fields
    assert ValueListItem.objects.count() == 1


def test_support_agents_and_finance_block_nobody(enter_as: EnterAs, paid: PaymentIntent) -> None:
    for role in ("support_agent", "finance"):
        client = enter_as(role)

        assert client.get(page_of(paid)).status_code == 403
        block(client, paid, customer="on")

    assert not ValueListItem.objects.exists()
