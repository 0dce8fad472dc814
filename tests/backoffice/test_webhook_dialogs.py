"""Endpoints added, tried and caught up with in the back-office."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.webhooks.models import Delivery, WebhookEndpoint
from apps.webhooks.signing import new_secret
from apps.webhooks.states import EndpointStatus
from tests.backoffice.house import House, furnish
from tests.fake_gateway import FakeGateway
from tests.webhooks.receivers import always, echo_challenge, receiver

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]
DELIVERIES = "admin:webhooks_delivery_changelist"


@pytest.fixture
def house(db: None, gateway: FakeGateway, settings: Any) -> House:
    settings.WEBHOOKS_ALLOW_LOOPBACK = True
    return furnish(gateway)


def dialog_url(endpoint: WebhookEndpoint, name: str) -> str:
    return reverse("admin:webhooks_webhookendpoint_dialog", args=[endpoint.pk, name])


def send(client: Client, place: str, /, **answers: Any) -> Any:
    return client.post(place, {"nonce": str(uuid.uuid4()), **answers})


def add(client: Client, house: House, url: str) -> Any:
    answers = {
        "merchant": house.key.merchant_id,
        "url": url,
        "events": "charge.refunded\npayment_intent.* charge.refunded",
        "version": "2026-11-01",
    }
    place = reverse("admin:webhooks_webhookendpoint_list_dialog", args=["add"])
    return send(client, place, **answers)


def test_an_endpoint_that_repeats_the_challenge_gets_events_at_once(
    house: House, enter_as: EnterAs
) -> None:
    with receiver(reply=echo_challenge) as shop:
        answer = add(enter_as("ops"), house, shop.url)

    made = WebhookEndpoint.objects.get(url=shop.url)
    assert (made.status, made.dialect, made.enabled_events) == (
        EndpointStatus.ENABLED, "own", ["charge.refunded", "payment_intent.*"],
    )  # fmt: skip
    page = answer.content.decode()
    assert made.secret in page
    assert "gets events from now on" in page


def test_one_that_says_nothing_is_added_and_asked_again(house: House, enter_as: EnterAs) -> None:
    with receiver(reply=always(500)) as shop:
        answer = add(enter_as("ops"), house, shop.url)

    made = WebhookEndpoint.objects.get(url=shop.url)
    assert (made.status, made.verification_attempts) == (EndpointStatus.UNVERIFIED, 1)
    assert "It did not prove itself yet (HTTP status 500)" in answer.content.decode()


def test_an_address_that_we_do_not_send_to_is_refused(house: House, enter_as: EnterAs) -> None:
    answer = add(enter_as("ops"), house, "http://169.254.169.254/latest")

    assert answer.status_code == 422
    assert WebhookEndpoint.objects.count() == 1


def test_an_unverified_endpoint_is_verified_by_hand(house: House, enter_as: EnterAs) -> None:
    client = enter_as("ops")
    with receiver(reply=always(500)) as shop:
        add(client, house, shop.url)
        made = WebhookEndpoint.objects.get(url=shop.url)
        assert send(client, dialog_url(made, "verify")).status_code == 422
        shop.reply = echo_challenge
        assert send(client, dialog_url(made, "verify")).status_code == 302

    made.refresh_from_db()
    assert made.status == EndpointStatus.ENABLED


def test_a_test_message_changes_nothing_whatever_it_answers(
    house: House, enter_as: EnterAs
) -> None:
    client = enter_as("developer")
    with receiver(reply=echo_challenge) as shop:
        WebhookEndpoint.objects.update(url=shop.url, secret=new_secret())
        well = send(client, dialog_url(house.endpoint, "test"))
        shop.reply = always(404)
        broken = send(client, dialog_url(house.endpoint, "test"))

    assert well.status_code == 302
    assert "HTTP status 404" in broken.content.decode()
    assert [message["type"] for message in shop.messages] == ["webhook_endpoint.verification"] * 2
    house.endpoint.refresh_from_db()
    assert (house.endpoint.status, house.endpoint.failing_since) == ("enabled", None)


def test_what_an_endpoint_missed_is_sent_again(house: House, enter_as: EnterAs) -> None:
    url = dialog_url(house.endpoint, "resend-since")

    send(enter_as("ops"), url, hours="1", reason="It was down.")

    house.delivery.refresh_from_db()
    assert house.delivery.status == "pending"
    assert Delivery.objects.filter(status="pending").count() > 1


def test_several_deliveries_go_again_and_one_without_an_endpoint_stops_none(
    house: House, enter_as: EnterAs
) -> None:
    client = enter_as("ops")
    url = reverse("admin:webhooks_delivery_list_dialog", args=["resend-several"])

    send(client, url, cases=house.delivery.pk, reason="It was down.")
    house.delivery.refresh_from_db()
    assert house.delivery.status == "pending"

    Delivery.objects.update(status="failed")
    WebhookEndpoint.objects.update(status="disabled")
    answer = send(client, url, cases=house.delivery.pk, reason="It was down.")
    assert answer.status_code == 422
    assert "enable it first" in answer.content.decode()
    assert send(client, url, cases="wd_nothing", reason="x").status_code == 422


def test_a_lost_endpoint_is_named_above_the_list_and_on_its_page(
    house: House, enter_as: EnterAs
) -> None:
    client, listed = enter_as("ops"), reverse("admin:webhooks_webhookendpoint_changelist")
    assert client.get(listed).context["warning"] == ""

    WebhookEndpoint.objects.update(status="disabled", disabled_reason="failing")

    said = "https://shop.example/hooks refused everything for five days"
    assert said in client.get(listed).context["warning"]
    page = reverse("admin:webhooks_webhookendpoint_change", args=[house.endpoint.pk])
    assert said in client.get(page).content.decode()
    WebhookEndpoint.objects.update(disabled_reason="by_staff")
    assert client.get(listed).context["warning"] == ""


def test_the_list_says_how_its_endpoints_fared(house: House, enter_as: EnterAs) -> None:
    url = reverse("admin:webhooks_webhookendpoint_changelist")

    page = enter_as("ops").get(url).content.decode()

    assert "0.0 %" in page
    assert "31 ms" in page
    assert page.count("<rect class=") == 24


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ({"answer": "5xx"}, True),
        ({"answer": "2xx"}, False),
        ({"answer": "none"}, False),
        ({"about": "payout"}, False),
        ({"about": "nonsense"}, True),
        ({"created": "1"}, True),
    ],
)
def test_deliveries_are_found_by_answer_event_and_day(
    house: House, enter_as: EnterAs, query: dict[str, str], is_found: bool
) -> None:
    shown = enter_as("ops").get(reverse(DELIVERIES), query).context["cl"].result_list

    assert [row.pk for row in shown] == ([house.delivery.pk] if is_found else [])


def test_a_delivery_is_found_by_the_family_of_its_event(house: House, enter_as: EnterAs) -> None:
    family = house.delivery.event.type.rpartition(".")[0]

    shown = enter_as("ops").get(reverse(DELIVERIES), {"about": family}).context["cl"].result_list

    assert [row.pk for row in shown] == [house.delivery.pk]
