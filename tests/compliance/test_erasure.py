"""An erased customer is nobody: in no table, no key of Redis, no log; and the books stay true."""

import logging
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.api.request_log import write_log
from apps.compliance.errors import CustomerStillNeeded
from apps.compliance.models import DataRequest
from apps.compliance.services import erase_customer, finish_erasures
from apps.customers.models import Customer
from apps.disputes.models import Dispute
from apps.disputes.services.record import record_dispute
from apps.gateways.base import DisputeState
from apps.ledger.models import Posting
from apps.outbox.models import Event
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.vault.models import PaymentMethod
from tests.canary import keys_with, tables_with
from tests.compliance.shop import CANARIES, Shop, told_by_gateway
from tests.conftest import ApiClient
from tests.factories.payments import SCOPE, TESTER, confirmed_intent
from tests.factories.subscriptions import customer_with_card
from tests.fake_gateway import FakeGateway, challenge, pending

pytestmark = pytest.mark.django_db


def test_an_erased_person_is_found_nowhere_and_the_books_stay_true(
    api: ApiClient, gateway: FakeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    customer, subscription, dispute = fill_every_field(Shop(api), gateway)
    write_log()
    assert len(tables_with("Zerlina")) > 15

    refused = api.post(f"/v1/customers/{customer}/erase")
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "customer_still_needed"
    assert "1 active subscriptions" in refused.json()["error"]["message"]
    assert "1 open disputes" in refused.json()["error"]["message"]
    assert Customer.objects.get().name == "Zerlina Canary"

    assert api.delete(f"/v1/subscriptions/{subscription}").status_code == 200
    lose(dispute, gateway)
    postings = list(Posting.objects.order_by("pk").values())
    assert api.post(f"/v1/customers/{customer}/export").status_code == 200
    answer = api.post(f"/v1/customers/{customer}/erase")

    assert answer.status_code == 200, answer.content
    assert answer.json()["status"] == "pending"
    write_log()
    assert finish_erasures(now=timezone.now() + timedelta(minutes=2)) == 1
    for text in CANARIES:
        assert tables_with(text) == []
        assert keys_with(text) == []
        assert text not in caplog.text
    assert not PaymentMethod.objects.filter(customer_id=customer).exists()
    assert list(Posting.objects.order_by("pk").values()) == postings
    call_command("ledger_verify")
    call_command("rebuild", "--verify")


def fill_every_field(shop: Shop, gateway: FakeGateway) -> tuple[str, str, Dispute]:
    """Return a customer of whom everything is stored that there is, with what is still open."""
    customer = shop.customer()
    method = shop.method(customer)
    shop.account(customer)
    intent = shop.payment(customer, method)
    shop.order(customer, method)
    shop.setup(customer)
    shop.session(customer)
    usage = {"customer": customer, "action": "Zerlina came", "device": "Zerlina's phone"}
    shop.post("usage_evidence", usage)
    subscription = shop.subscription(customer, method)
    told_by_gateway(PaymentAttempt.objects.get(intent_id=intent).gateway_reference)
    return customer, subscription, shop.dispute(intent, gateway)


def lose(dispute: Dispute, gateway: FakeGateway) -> None:
    """Let the bank decide for the payer."""
    told = gateway.move_dispute(dispute.gateway_reference, state=DisputeState.LOST)
    record_dispute(gateway="stripe_main", result=told, origin=TESTER, now=timezone.now())


def test_erasing_again_changes_nothing_and_tells_the_same(
    api: ApiClient, gateway: FakeGateway
) -> None:
    customer = Shop(api).customer()

    first = api.post(f"/v1/customers/{customer}/erase").json()
    second = api.post(f"/v1/customers/{customer}/erase").json()

    assert second == first
    assert first["object"] == "customer_erasure"
    assert first["erased"] == {"events": 2, "answers": 2}
    assert Event.objects.filter(object_id=customer, type="customer.erased").count() == 1
    assert DataRequest.objects.count() == 1
    assert gateway.calls == []


def test_an_erasure_is_complete_after_its_second_pass(api: ApiClient) -> None:
    customer = Shop(api).customer()
    api.post(f"/v1/customers/{customer}/erase")
    now = timezone.now()

    assert finish_erasures(now=now) == 0
    assert finish_erasures(now=now + timedelta(minutes=2)) == 1
    assert finish_erasures(now=now + timedelta(minutes=20)) == 0

    assert api.post(f"/v1/customers/{customer}/erase").json()["status"] == "complete"


def test_what_was_under_way_during_the_first_pass_is_emptied_by_the_second(
    api: ApiClient,
) -> None:
    customer = Shop(api).customer()
    api.post(f"/v1/customers/{customer}/erase")
    Customer.objects.filter(pk=customer).update(email="late@canary.example")

    finish_erasures(now=timezone.now() + timedelta(minutes=2))

    assert tables_with("canary.example") == []


def test_an_erased_customer_is_gone_for_the_api(api: ApiClient) -> None:
    customer = Shop(api).customer()
    api.post(f"/v1/customers/{customer}/erase")

    left = {"id": customer, "object": "customer", "deleted": True}
    assert api.get(f"/v1/customers/{customer}").json() == left
    wish = {"amount": 1000, "currency": "eur", "customer": customer}
    assert api.post("/v1/payment_intents", wish).status_code == 404
    frozen = api.get("/v1/events", {"related_object": customer}).json()["data"]
    assert [event["type"] for event in frozen] == [
        "customer.erased",
        "customer.updated",
        "customer.created",
    ]
    assert {event["data"]["object"]["email"] for event in frozen} == {None, ""}


def test_a_deleted_customer_can_be_erased(api: ApiClient) -> None:
    customer = Shop(api).customer()
    api.delete(f"/v1/customers/{customer}")

    assert api.post(f"/v1/customers/{customer}/erase").status_code == 200

    assert tables_with("Canarygasse") == []


def test_a_method_that_was_detached_long_ago_is_emptied_too(
    api: ApiClient, gateway: FakeGateway
) -> None:
    shop = Shop(api)
    customer = shop.customer()
    method = shop.method(customer)
    shop.post(f"payment_methods/{method}/detach")

    api.post(f"/v1/customers/{customer}/erase")

    row = PaymentMethod.objects.get(pk=method)
    assert (row.billing_details, row.metadata, row.owner_id) == ({}, {}, customer)


def test_others_are_left_alone(api: ApiClient, gateway: FakeGateway) -> None:
    shop = Shop(api)
    other = shop.customer()
    intent = shop.payment(other, shop.method(other))
    customer = shop.customer()

    api.post(f"/v1/customers/{customer}/erase")

    assert Customer.objects.get(pk=other).name == "Zerlina Canary"
    assert PaymentIntent.objects.get(pk=intent).receipt_email == "zerlina@canary.example"
    assert Event.objects.filter(object__email="zerlina@canary.example").count() == 2


def test_a_customer_of_somebody_else_does_not_exist(api: ApiClient) -> None:
    stranger = customer_with_card()

    assert api.post(f"/v1/customers/{stranger.id}/erase").status_code == 404
    assert api.post(f"/v1/customers/{stranger.id}/export").status_code == 404

    stranger.refresh_from_db()
    assert stranger.email == "ada@example.com"
    assert not DataRequest.objects.exists()


@pytest.mark.parametrize("status", ["processing", "requires_action", "requires_capture"])
def test_nobody_is_erased_while_their_payment_is_under_way(
    gateway: FakeGateway, status: str
) -> None:
    customer = customer_with_card()
    if status != "requires_capture":
        gateway.script.append(pending if status == "processing" else challenge())
    capture_method = "manual" if status == "requires_capture" else "automatic"
    intent = confirmed_intent(customer_id=customer.id, capture_method=capture_method)
    assert intent.status == status

    with pytest.raises(CustomerStillNeeded) as refusal:
        erase_customer(scope=SCOPE, customer_id=customer.id, origin=TESTER, now=timezone.now())

    assert refusal.value.context["payments_in_flight"] == 1
    assert "1 payments in flight" in refusal.value.message
    customer.refresh_from_db()
    assert (customer.email, customer.erased_at) == ("ada@example.com", None)
    assert PaymentMethod.objects.filter(customer_id=customer.id).count() == 1
    assert not Event.objects.filter(type="customer.erased").exists()


def test_an_event_may_lose_the_person_and_nothing_else(api: ApiClient) -> None:
    Shop(api).customer()
    event = Event.objects.latest("id")

    for change in (
        "object = object || '{\"balance\": 1}'",
        "object = common_without_person(object) || '{\"balance\": 1}'",
        "data = '{}', type = 'customer.deleted'",
        "object = common_without_person(object), sequence = 9",
    ):
        with (
            pytest.raises(IntegrityError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE outbox_event SET {change}")  # noqa: S608

    event.refresh_from_db()
    assert event.object["email"] == "zerlina@canary.example"


def test_a_row_may_lose_the_person_without_an_event_but_no_more(gateway: FakeGateway) -> None:
    intent = confirmed_intent(receipt_email="ada@example.com", description="Order 7")

    for change in ("description = 'Order 8'", "receipt_email = ''", "amount = 1"):
        with (
            pytest.raises(IntegrityError, match="may not change without an event"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE payments_paymentintent SET {change}")  # noqa: S608

    intent.refresh_from_db()
    assert (intent.description, intent.receipt_email) == ("Order 7", "ada@example.com")


def test_a_line_of_a_final_invoice_keeps_its_sum(api: ApiClient, gateway: FakeGateway) -> None:
    shop = Shop(api)
    customer = shop.customer()
    shop.subscription(customer, shop.method(customer))

    with (
        pytest.raises(IntegrityError, match="a final invoice does not change"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE subscriptions_invoiceline SET description = '', quantity = 2")


def test_the_answer_of_an_erasure_is_replayed_as_it_was(api: ApiClient) -> None:
    customer = Shop(api).customer()
    first = api.post(f"/v1/customers/{customer}/erase", key="erase-once")
    finish_erasures(now=timezone.now() + timedelta(minutes=2))

    again = api.post(f"/v1/customers/{customer}/erase", key="erase-once")

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content == first.content


def test_a_stored_answer_is_replayed_without_the_person(api: ApiClient) -> None:
    answer = api.post("/v1/customers", {"email": "zerlina@canary.example"}, key="once")
    customer = answer.json()["id"]
    api.post(f"/v1/customers/{customer}/erase")

    again = api.post("/v1/customers", {"email": "zerlina@canary.example"}, key="once")

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == {"id": customer, "object": "customer"}
    assert Customer.objects.count() == 1
