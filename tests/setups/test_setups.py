"""Setup intents: a method is saved once the bank agrees, whatever gets lost on the way."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from apps.api.models import ApiKeyKind, Merchant
from apps.api.services import create_api_key
from apps.common.returns import return_address
from apps.gateways.base import Decline, DeclineClass, SetupResult, SetupState
from apps.gateways.errors import GatewayNotSent, GatewayUnknown
from apps.outbox.models import Event
from apps.setups.models import SetupIntent
from apps.setups.services.setups import sweep_setups
from apps.vault.models import PaymentMethod
from tests.conftest import ApiClient
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

CHALLENGE = SetupResult(
    state=SetupState.REQUIRES_ACTION, reference="", action_url="https://bank.example/3ds"
)
REFUSED = SetupResult(
    state=SetupState.FAILED,
    reference="",
    decline=Decline(
        code="stolen_card", error_class=DeclineClass.TERMINAL, message="Take another card."
    ),
)


def customer(api: Any) -> str:
    return str(api.post("/v1/customers", {"email": "ada@payer.example"}).json()["id"])


def types_of(setup_id: str) -> list[str]:
    events = Event.objects.filter(object_id=setup_id).order_by("sequence")
    return list(events.values_list("type", flat=True))


def test_a_card_is_saved_for_its_customer(api: Any, gateway: FakeGateway) -> None:
    owner = customer(api)

    created = api.post("/v1/setup_intents", {"customer": owner, "metadata": {"plan": "gold"}})
    setup = api.post(
        f"/v1/setup_intents/{created.json()['id']}/confirm", {"payment_method": "tok_visa"}
    ).json()

    assert created.json()["status"] == "requires_payment_method"
    assert (setup["status"], setup["usage"], setup["metadata"]) == (
        "succeeded",
        "off_session",
        {"plan": "gold"},
    )
    method = PaymentMethod.objects.get()
    assert (setup["payment_method"], method.customer_id) == (method.id, owner)
    assert types_of(setup["id"]) == [
        "setup_intent.created",
        "setup_intent.processing",
        "setup_intent.succeeded",
    ]
    assert api.get(f"/v1/setup_intents/{setup['id']}").json() == setup
    assert [each["id"] for each in api.get("/v1/setup_intents").json()["data"]] == [setup["id"]]


def test_what_is_saved_is_charged_later_without_the_payer(api: Any, gateway: FakeGateway) -> None:
    owner = customer(api)
    setup = api.post(
        "/v1/setup_intents", {"customer": owner, "payment_method": "tok_visa", "confirm": True}
    ).json()

    paid = api.post(
        "/v1/payment_intents",
        {
            "amount": 1050,
            "currency": "eur",
            "customer": owner,
            "payment_method": setup["payment_method"],
            "off_session": True,
            "confirm": True,
        },
    ).json()

    assert paid["status"] == "succeeded"


def test_the_bank_sees_the_payer_and_the_card_is_saved_when_they_come_back(
    api: Any, gateway: FakeGateway
) -> None:
    gateway.setup_script.append(CHALLENGE)
    setup = api.post(
        "/v1/setup_intents",
        {
            "customer": customer(api),
            "payment_method": "tok_visa",
            "confirm": True,
            "return_url": "https://shop.example/saved",
        },
    ).json()
    assert setup["status"] == "requires_action"
    assert setup["next_action"]["redirect_to_url"] == {
        "url": "https://bank.example/3ds",
        "return_url": "https://shop.example/saved",
    }
    assert PaymentMethod.objects.get().customer_id is None
    reference = SetupIntent.objects.get().gateway_reference
    gateway.setups[reference] = SetupResult(state=SetupState.SUCCEEDED, reference=reference)

    answer = Client().get(urlsplit(return_address("setup", setup["id"])).path)

    address = urlsplit(answer.headers["Location"])
    assert (address.netloc, parse_qs(address.query)["redirect_status"]) == (
        "shop.example",
        ["succeeded"],
    )
    assert api.get(f"/v1/setup_intents/{setup['id']}").json()["status"] == "succeeded"
    assert PaymentMethod.objects.get().customer_id == setup["customer"]


def test_a_refused_card_is_a_card_error_and_another_card_may_follow(
    api: Any, gateway: FakeGateway
) -> None:
    gateway.setup_script.append(REFUSED)
    setup_id = api.post("/v1/setup_intents", {"customer": customer(api)}).json()["id"]

    refused = api.post(f"/v1/setup_intents/{setup_id}/confirm", {"payment_method": "tok_visa"})
    saved = api.post(f"/v1/setup_intents/{setup_id}/confirm", {"payment_method": "tok_visa"})

    error = refused.json()["error"]
    assert (refused.status_code, error["type"], error["decline_code"]) == (
        402,
        "card_error",
        "stolen_card",
    )
    assert error["setup_intent"]["status"] == "requires_payment_method"
    assert saved.json()["status"] == "succeeded"
    assert [key for call, key in gateway.calls if call == "set_up"] == [
        f"{setup_id}_1",
        f"{setup_id}_2",
    ]


def test_a_lost_answer_stays_processing_and_the_sweep_asks_with_the_same_key(
    api: Any, gateway: FakeGateway
) -> None:
    setup_id = api.post("/v1/setup_intents", {"payment_method": "tok_visa"}).json()["id"]
    gateway.after.append(GatewayUnknown("the answer was lost"))

    lost = api.post(f"/v1/setup_intents/{setup_id}/confirm").json()
    assert lost["status"] == "processing"
    assert sweep_setups(now=timezone.now()) == 0
    assert sweep_setups(now=timezone.now() + timedelta(seconds=11)) == 1

    assert api.get(f"/v1/setup_intents/{setup_id}").json()["status"] == "succeeded"
    assert [key for call, key in gateway.calls if call == "set_up"] == [f"{setup_id}_1"] * 2


def test_a_setup_of_which_nobody_tells_for_a_day_may_be_tried_again(
    api: Any, gateway: FakeGateway
) -> None:
    setup_id = api.post("/v1/setup_intents", {"payment_method": "tok_visa"}).json()["id"]
    now = timezone.now()
    gateway.after.extend(GatewayUnknown("the answer was lost") for _ in range(9))
    api.post(f"/v1/setup_intents/{setup_id}/confirm")

    for _ in range(9):
        now += timedelta(hours=17)
        sweep_setups(now=now)

    setup = SetupIntent.objects.get()
    assert (setup.status, setup.due_at) == ("requires_payment_method", None)
    assert gateway.count("set_up") == 9


def test_a_gateway_that_is_away_saves_nothing_and_says_so(api: Any, gateway: FakeGateway) -> None:
    setup_id = api.post("/v1/setup_intents", {"payment_method": "tok_visa"}).json()["id"]
    gateway.before.append(GatewayNotSent("nobody listens"))

    answer = api.post(f"/v1/setup_intents/{setup_id}/confirm")

    assert answer.status_code in {502, 503}
    setup = api.get(f"/v1/setup_intents/{setup_id}").json()
    assert (setup["status"], setup["last_setup_error"]["code"]) == (
        "requires_payment_method",
        "gateway_unavailable",
    )


def test_a_canceled_setup_hears_nothing_more(api: Any, gateway: FakeGateway) -> None:
    gateway.setup_script.append(CHALLENGE)
    setup = api.post("/v1/setup_intents", {"payment_method": "tok_visa", "confirm": True}).json()

    canceled = api.post(
        f"/v1/setup_intents/{setup['id']}/cancel", {"cancellation_reason": "abandoned"}
    ).json()
    reference = SetupIntent.objects.get().gateway_reference
    gateway.setups[reference] = SetupResult(state=SetupState.SUCCEEDED, reference=reference)
    Client().get(urlsplit(return_address("setup", setup["id"])).path)

    assert (canceled["status"], canceled["cancellation_reason"]) == ("canceled", "abandoned")
    assert SetupIntent.objects.get().status == "canceled"
    again = api.post(f"/v1/setup_intents/{setup['id']}/confirm", {"payment_method": "tok_visa"})
    assert (again.status_code, again.json()["error"]["code"]) == (
        409,
        "setup_intent_unexpected_state",
    )


def test_a_method_of_somebody_else_is_not_saved(api: Any, gateway: FakeGateway) -> None:
    owner, thief = customer(api), customer(api)
    saved = api.post(
        "/v1/setup_intents", {"customer": owner, "payment_method": "tok_visa", "confirm": True}
    ).json()

    answer = api.post(
        "/v1/setup_intents",
        {"customer": thief, "payment_method": saved["payment_method"], "confirm": True},
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (
        400,
        "payment_method_customer_mismatch",
    )
    assert SetupIntent.objects.count() == 1


def test_a_publishable_key_sees_and_confirms_only_by_the_client_secret(
    api: Any, merchant: Merchant, gateway: FakeGateway
) -> None:
    setup = api.post("/v1/setup_intents").json()
    _key, publishable = create_api_key(
        merchant=merchant, livemode=False, kind=ApiKeyKind.PUBLISHABLE, now=timezone.now()
    )
    browser = ApiClient(publishable)
    path = f"/v1/setup_intents/{setup['id']}"

    assert browser.get(path).status_code == 404
    assert browser.post(f"{path}/confirm", {"payment_method": "tok_visa"}).status_code == 404
    assert browser.post(f"{path}/cancel").status_code == 403
    shown = {"client_secret": setup["client_secret"]}
    assert browser.get(path, shown).json()["id"] == setup["id"]
    confirmed = browser.post(f"{path}/confirm", {**shown, "payment_method": "tok_visa"})
    assert confirmed.json()["status"] == "succeeded"


def test_postgresql_keeps_a_setup_with_its_history(api: Any, gateway: FakeGateway) -> None:
    setup_id = api.post("/v1/setup_intents").json()["id"]

    with pytest.raises(IntegrityError, match="may not change without an event"):
        change_in_silence(setup_id)


def change_in_silence(setup_id: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE setups_setupintent SET tries = 7 WHERE id = %s", [setup_id])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_setup_is_changed_until_it_is_confirmed(api: Any, gateway: FakeGateway) -> None:
    owner = customer(api)
    made = api.post("/v1/setup_intents", {"metadata": {"plan": "gold", "seat": "1"}}).json()
    path = f"/v1/setup_intents/{made['id']}"

    changed = api.post(
        path,
        {
            "customer": owner,
            "payment_method": "tok_visa",
            "description": "Seat 2",
            "metadata": {"seat": "2"},
        },
    ).json()

    assert (changed["status"], changed["customer"]) == ("requires_confirmation", owner)
    assert changed["payment_method"] == PaymentMethod.objects.get().pk
    assert (changed["description"], changed["metadata"]) == (
        "Seat 2", {"plan": "gold", "seat": "2"},
    )  # fmt: skip
    assert api.post(f"{path}/confirm").json()["status"] == "succeeded"
    assert types_of(made["id"]) == [
        "setup_intent.created",
        "setup_intent.updated",
        "setup_intent.processing",
        "setup_intent.succeeded",
    ]


def test_of_a_setup_that_is_over_only_its_notes_change(api: Any, gateway: FakeGateway) -> None:
    made = api.post("/v1/setup_intents", {"payment_method": "tok_visa", "confirm": True}).json()
    path = f"/v1/setup_intents/{made['id']}"

    noted = api.post(path, {"metadata": {"seat": "2"}})
    refused = api.post(path, {"customer": customer(api)})

    assert noted.json()["metadata"] == {"seat": "2"}
    assert (refused.status_code, refused.json()["error"]["code"]) == (
        409, "setup_intent_unexpected_state",
    )  # fmt: skip
    assert SetupIntent.objects.get().customer_id == ""


def test_a_token_inside_of_the_request_is_set_up(api: Any, gateway: FakeGateway) -> None:
    data = {
        "type": "card",
        "card": {"token": "tok_visa"},
        "billing_details": {"name": "Ada"},
    }

    setup = api.post("/v1/setup_intents", {"payment_method_data": data, "confirm": True}).json()

    method = PaymentMethod.objects.get()
    assert (setup["status"], setup["payment_method"]) == ("succeeded", method.pk)
    assert method.billing_details == {"name": "Ada"}
