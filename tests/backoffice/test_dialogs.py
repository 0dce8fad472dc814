"""Dialogs: by POST only, with their right, once per nonce, and always written down."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse

from apps.api.authentication import digest_of
from apps.api.models import ApiKey
from apps.backoffice.models import DialogClaim, StaffAction, User
from apps.gateways.base import RefundState
from apps.gateways.errors import GatewayUnknown
from apps.outbox.models import Event, Message
from apps.payments.models import PaymentIntent, Refund
from apps.payments.states import IntentStatus, RefundStatus
from apps.webhooks.models import Delivery, InboundEvent, WebhookEndpoint
from apps.webhooks.states import DeliveryStatus, InboundStatus
from tests.backoffice.house import House, audited, furnish
from tests.factories.backoffice import staff
from tests.factories.payments import confirmed_intent
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]


@pytest.fixture
def house(db: None, gateway: FakeGateway) -> House:
    return furnish(gateway)


def dialog_url(row: Any, name: str) -> str:
    model = f"{row._meta.app_label}_{row._meta.model_name}"
    return reverse(f"admin:{model}_dialog", args=[row.pk, name])


def refund_form(**answers: str) -> dict[str, str]:
    return {
        "nonce": str(uuid.uuid4()),
        "amount": "4.00",
        "cause": "requested_by_customer",
        "reason": "The parcel came late.",
        **answers,
    }


def test_ac_040_five_hundred_typed_for_yen_gives_back_five_hundred(
    house: House, enter_as: EnterAs, gateway: FakeGateway
) -> None:
    yen = confirmed_intent(amount=2000, currency="JPY")

    client = enter_as("support_lead")
    client.post(dialog_url(yen, "refund"), refund_form(amount="500"))

    refund = Refund.objects.get(intent_id=yen.id)
    assert (refund.amount, refund.currency) == (500, "JPY")
    assert [each.amount for each in gateway.refunds.values()][-1] == 500


def test_a_refund_is_done_and_written_down(house: House, enter_as: EnterAs) -> None:
    client = enter_as("support_lead")

    response = client.post(
        dialog_url(house.paid, "refund"), refund_form(), REMOTE_ADDR="203.0.113.7"
    )

    assert response.status_code == 302
    refund = Refund.objects.latest("id")
    assert (refund.amount, refund.reason) == (400, "requested_by_customer")
    assert refund.actor == "staff:support_lead@shop.example"
    action = audited()
    assert action.action == "paymentintent.refund"
    assert action.object_id == house.paid.id
    assert (action.actor, action.roles) == ("staff:support_lead@shop.example", ["support_lead"])
    assert (action.ip, action.reason) == ("203.0.113.7", "The parcel came late.")
    assert (action.before["amount_refunded"], action.after["amount_refunded"]) == (50, 450)
    event = Event.objects.get(object_id=house.paid.id, data__refund=refund.id, data__amount=400,
                              type="payment_intent.refund_requested")  # fmt: skip
    assert event.request_id == action.request_id


def test_the_same_dialog_sent_twice_refunds_once(
    house: House, enter_as: EnterAs, gateway: FakeGateway
) -> None:
    client, form = enter_as("support_lead"), refund_form()
    before = gateway.count("refund")

    first = client.post(dialog_url(house.paid, "refund"), form, follow=True)
    second = client.post(dialog_url(house.paid, "refund"), form, follow=True)

    said = [str(message) for message in first.context["messages"]]
    assert [str(message) for message in second.context["messages"]] == said
    assert PaymentIntent.objects.get(pk=house.paid.id).amount_refunded == 450
    assert gateway.count("refund") == before + 1
    assert StaffAction.objects.count() == 1


def test_a_nonce_is_good_for_its_own_dialog_only(house: House, enter_as: EnterAs) -> None:
    client, form = enter_as("support_lead"), refund_form(amount="1.00")
    client.post(dialog_url(house.paid, "refund"), form)

    other = client.post(
        dialog_url(house.held, "capture"), {"nonce": form["nonce"], "amount": "123.40"}
    )

    assert other.status_code == 422
    assert PaymentIntent.objects.get(pk=house.held.id).status == IntentStatus.REQUIRES_CAPTURE


def test_a_dialog_whose_first_sending_died_is_not_repeated(
    house: House, enter_as: EnterAs, gateway: FakeGateway
) -> None:
    client, form = enter_as("support_lead"), refund_form()
    client.post(dialog_url(house.paid, "refund"), form)
    DialogClaim.objects.update(finished_at=None)
    calls = list(gateway.calls)

    response = client.post(dialog_url(house.paid, "refund"), form)

    assert response.status_code == 422
    assert "This was done meanwhile" in response.content.decode()
    assert gateway.calls == calls


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("10.01", "At most 10.00\u00a0EUR can be refunded."),
        ("0", "At most 10.00\u00a0EUR can be refunded."),
        ("-1", "Not an amount of EUR"),
        ("1,50", "Not an amount of EUR"),
        ("1.505", "Not an amount of EUR"),
        ("1e3", "Not an amount of EUR"),
        ("", "This field is required."),
    ],
)
def test_an_amount_that_cannot_be_refunded_is_refused_in_words(
    house: House, enter_as: EnterAs, amount: str, said: str
) -> None:
    refunds = Refund.objects.count()

    response = enter_as("support_lead").post(
        dialog_url(house.paid, "refund"), refund_form(amount=amount)
    )

    assert response.status_code == 422
    assert said in response.content.decode()
    assert Refund.objects.count() == refunds
    assert not StaffAction.objects.exists()


def test_a_refund_without_an_answer_is_unknown_and_stays_reserved(
    house: House, enter_as: EnterAs, gateway: FakeGateway
) -> None:
    gateway.after.append(GatewayUnknown("read timeout"))

    response = enter_as("support_lead").post(
        dialog_url(house.paid, "refund"), refund_form(), follow=True
    )

    assert "Unknown, we are checking" in response.content.decode()
    assert PaymentIntent.objects.get(pk=house.paid.id).amount_refund_pending == 400


def test_a_refused_refund_is_said_written_down_and_may_be_sent_again(
    house: House, enter_as: EnterAs, gateway: FakeGateway
) -> None:
    client = enter_as("support_lead")
    gateway.refund_state = RefundState.FAILED
    form = refund_form()

    refused = client.post(dialog_url(house.paid, "refund"), form)
    gateway.refund_state = RefundState.SUCCEEDED
    fresh = refused.context["form"]["nonce"].value()
    again = client.post(dialog_url(house.paid, "refund"), {**form, "nonce": fresh})

    assert refused.status_code == 422
    assert fresh != form["nonce"]
    assert again.status_code == 302
    assert [action.succeeded for action in StaffAction.objects.order_by("id")] == [False, True]
    assert Refund.objects.filter(status=RefundStatus.SUCCEEDED).count() == 2


def test_held_money_is_captured_in_part(house: House, enter_as: EnterAs) -> None:
    enter_as("support_lead").post(
        dialog_url(house.held, "capture"), {"nonce": str(uuid.uuid4()), "amount": "100.00"}
    )

    payment = PaymentIntent.objects.get(pk=house.held.id)
    assert (payment.status, payment.amount_received) == (IntentStatus.SUCCEEDED, 10_000)


def test_a_payment_is_given_up(house: House, enter_as: EnterAs) -> None:
    form = {"nonce": str(uuid.uuid4()), "cause": "abandoned", "reason": "They left."}

    enter_as("support_lead").post(dialog_url(house.held, "cancel"), form)

    payment = PaymentIntent.objects.get(pk=house.held.id)
    assert (payment.status, payment.cancellation_reason) == (IntentStatus.CANCELED, "abandoned")


def test_a_dead_letter_is_sent_again(house: House, enter_as: EnterAs) -> None:
    form = {"nonce": str(uuid.uuid4()), "reason": "The reader is back."}

    enter_as("ops").post(dialog_url(house.dead_letter, "replay"), form)

    message = Message.objects.get(pk=house.dead_letter.pk)
    assert (message.dead_at, message.attempts) == (None, 0)


def test_a_dead_letter_is_discarded_and_its_event_stays(house: House, enter_as: EnterAs) -> None:
    form = {"nonce": str(uuid.uuid4()), "reason": "Its reader is gone."}

    response = enter_as("ops").post(dialog_url(house.dead_letter, "discard"), form)

    assert response["Location"] == reverse("admin:outbox_message_changelist")
    assert not Message.objects.filter(pk=house.dead_letter.pk).exists()
    assert Event.objects.filter(pk=house.dead_letter.event_id).exists()
    assert (audited().before["is_dead"], audited().after) == (True, {})


def test_a_dead_webhook_is_processed_again(house: House, enter_as: EnterAs) -> None:
    form = {"nonce": str(uuid.uuid4()), "reason": "The payment is here now."}

    enter_as("ops").post(dialog_url(house.webhook, "replay"), form)

    event = InboundEvent.objects.get(pk=house.webhook.pk)
    assert (event.status, event.attempts) == (InboundStatus.RECEIVED, 0)


def test_a_delivery_is_sent_again(house: House, enter_as: EnterAs) -> None:
    form = {"nonce": str(uuid.uuid4()), "reason": "The shop is back."}

    enter_as("ops").post(dialog_url(house.delivery, "resend"), form)

    delivery = Delivery.objects.get(pk=house.delivery.pk)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.PENDING, 0)


def test_an_endpoint_is_disabled_and_enabled_again(house: House, enter_as: EnterAs) -> None:
    client = enter_as("ops")

    for name, status in (("disable", "disabled"), ("enable", "enabled")):
        form = {"nonce": str(uuid.uuid4()), "reason": "They asked."}
        client.post(dialog_url(house.endpoint, name), form)
        assert WebhookEndpoint.objects.get(pk=house.endpoint.pk).status == status


def test_a_new_secret_of_an_endpoint_is_shown_once(house: House, enter_as: EnterAs) -> None:
    form = {"nonce": str(uuid.uuid4()), "reason": "It leaked."}

    shown = enter_as("developer").post(dialog_url(house.endpoint, "rotate"), form)

    secret = WebhookEndpoint.objects.get(pk=house.endpoint.pk).secret
    assert shown.context["outcome"].secret == secret
    assert secret.startswith("whsec_")
    assert secret not in str([*StaffAction.objects.values(), *DialogClaim.objects.values()])


def test_an_api_key_is_shown_once_and_kept_nowhere(house: House, enter_as: EnterAs) -> None:
    client = enter_as("developer")
    form = {
        "nonce": str(uuid.uuid4()),
        "name": "Checkout",
        "merchant": house.key.merchant_id,
        "kind": "secret",
        "scopes": "",
    }
    url = reverse("admin:api_apikey_list_dialog", args=["create"])

    shown = client.post(url, form)
    again = client.post(url, form, follow=True)

    secret = shown.context["outcome"].secret
    key = ApiKey.objects.get(name="Checkout")
    assert bytes(key.digest) == digest_of(secret)
    assert secret in shown.content.decode()
    assert secret not in again.content.decode()
    assert audited().object_id == key.id
    kept = str([*StaffAction.objects.values(), *DialogClaim.objects.values()])
    assert secret not in kept


def test_an_api_key_is_revoked(house: House, enter_as: EnterAs) -> None:
    form = {"nonce": str(uuid.uuid4()), "reason": "It leaked."}

    enter_as("developer").post(dialog_url(house.key, "revoke"), form)

    assert ApiKey.objects.get(pk=house.key.pk).revoked_at is not None


def test_whoever_asked_for_an_approval_cannot_give_it(house: House, enter_as: EnterAs) -> None:
    client = enter_as("admin")
    ask = {"nonce": str(uuid.uuid4()), "reason": "My phone is gone."}
    client.post(
        dialog_url(User.objects.get(email="admin@shop.example"), "reset-second-factor"), ask
    )
    approval = house.approval.__class__.objects.get(subject_id="admin@shop.example")

    response = client.post(dialog_url(approval, "approve"), {"nonce": str(uuid.uuid4())})

    assert response.status_code == 422
    assert "another person has to decide" in response.content.decode()
    approval.refresh_from_db()
    assert approval.status == "pending"


def test_a_second_person_approves_in_the_inbox(house: House, enter_as: EnterAs) -> None:
    client = enter_as("admin")

    response = client.post(dialog_url(house.approval, "approve"), {"nonce": str(uuid.uuid4())})

    assert response.status_code == 302
    house.approval.refresh_from_db()
    assert house.approval.status == "approved"
    assert house.approval.decided_by == "staff:admin@shop.example"


def test_opening_a_dialog_shows_what_matters_and_does_nothing(
    house: House, enter_as: EnterAs
) -> None:
    response = enter_as("support_lead").get(dialog_url(house.paid, "refund"))

    text = response.content.decode()
    assert "10.00\u00a0EUR" in text
    assert not DialogClaim.objects.exists()
    assert PaymentIntent.objects.get(pk=house.paid.id).amount_refunded == 50


def test_a_dialog_sent_without_its_token_is_refused(house: House) -> None:
    lead = staff("payments.view_paymentintent", "backoffice.refund_payment")
    client = Client(enforce_csrf_checks=True)
    client.force_login(lead, backend="django.contrib.auth.backends.ModelBackend")

    response = client.post(dialog_url(house.paid, "refund"), refund_form())

    assert response.status_code == 403
    assert PaymentIntent.objects.get(pk=house.paid.id).amount_refunded == 50


def test_postgresql_keeps_the_audit_trail(house: House, enter_as: EnterAs) -> None:
    enter_as("support_lead").post(dialog_url(house.paid, "refund"), refund_form())

    for change in (
        lambda: StaffAction.objects.update(actor="staff:nobody"),
        lambda: StaffAction.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()


def test_a_dialog_open_before_two_people_is_done_by_the_first(
    house: House, enter_as: EnterAs
) -> None:
    first, second = enter_as("support_lead"), enter_as("finance_lead")
    url = dialog_url(house.paid, "refund")
    forms = [{**refund_form(), "nonce": nonce_of(client.get(url))} for client in (first, second)]
    assert forms[0]["nonce"] == forms[1]["nonce"]

    sent, late = first.post(url, forms[0]), second.post(url, forms[1])

    assert (sent.status_code, late.status_code) == (302, 422)
    assert "This was done meanwhile" in late.content.decode()
    assert Refund.objects.filter(intent_id=house.paid.id).count() == 2
    # Opened afresh it is a new wish.
    assert nonce_of(second.get(url)) != forms[1]["nonce"]


def nonce_of(page: Any) -> str:
    return str(page.context["form"]["nonce"].value())
