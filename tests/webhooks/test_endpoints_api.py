"""`/v1/webhook_endpoints` and its neighbours, as a merchant sees them."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from apps.api.models import Merchant
from apps.api.services import create_merchant
from apps.common.origin import Scope
from apps.outbox.models import Event
from apps.webhooks.models import WebhookEndpoint
from apps.webhooks.sender import send_due
from apps.webhooks.services.endpoints import MAX_ENDPOINTS
from tests.conftest import ApiClient
from tests.webhooks.receivers import Receiver, always, echo_challenge, receiver
from tests.webhooks.shop import NOW, endpoint, happen

pytestmark = [
    pytest.mark.usefixtures("listening", "loopback_allowed"),
    pytest.mark.django_db,
]
PATH = "/v1/webhook_endpoints"


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiver(reply=echo_challenge) as there:
        yield there


def create(api: ApiClient, url: str, **params: Any) -> Any:
    return api.post(PATH, {"url": url, "enabled_events": ["*"], **params}).json()


def test_a_new_endpoint_is_verified_and_shows_its_secret_once(
    api: ApiClient, shop: Receiver
) -> None:
    made = create(api, shop.url, description="Shop", metadata={"a": "b"})

    assert made["id"].startswith("we_")
    assert made["secret"].startswith("whsec_")
    assert made == {
        "id": made["id"],
        "object": "webhook_endpoint",
        "created": made["created"],
        "livemode": False,
        "url": shop.url,
        "description": "Shop",
        "enabled_events": ["*"],
        "metadata": {"a": "b"},
        "status": "enabled",
        "disabled_reason": None,
        "api_version": "2026-11-01",
        "application": None,
        "secret": made["secret"],
    }
    shown = api.get(f"{PATH}/{made['id']}").json()
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert api.get(PATH).json()["data"] == [shown]


def test_the_same_request_repeated_makes_one_endpoint(api: ApiClient, shop: Receiver) -> None:
    params = {"url": shop.url, "enabled_events": ["*"]}

    first, second = (api.post(PATH, params, key="one").json() for _ in range(2))

    assert first == second
    assert WebhookEndpoint.objects.count() == 1


def test_the_secret_is_not_readable_in_the_database(api: ApiClient, shop: Receiver) -> None:
    made = create(api, shop.url)

    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM webhooks_webhookendpoint")
        ((stored,),) = cursor.fetchall()
    assert stored.startswith("v1.")
    assert made["secret"] not in stored
    assert WebhookEndpoint.objects.get().secret == made["secret"]


def test_ac_080_an_endpoint_without_proof_is_unverified_until_it_gives_it(api: ApiClient) -> None:
    with receiver(reply=always(500)) as shop:
        made = create(api, shop.url)
        assert made["status"] == "unverified"

        refused = api.post(f"{PATH}/{made['id']}/verify")
        assert refused.status_code == 400
        assert refused.json()["error"]["code"] == "webhook_endpoint_unverified"

        shop.reply = echo_challenge
        assert api.post(f"{PATH}/{made['id']}/verify").json()["status"] == "enabled"


def test_an_endpoint_keeps_the_dialect_of_the_request_that_made_it(
    api: ApiClient, shop: Receiver
) -> None:
    params = {"url": shop.url, "enabled_events": ["*"]}

    made = api.post(PATH, params, Stripe_Version="2026-10-28.endive").json()

    assert made["api_version"] == "2026-10-28.endive"
    assert WebhookEndpoint.objects.get().dialect == "stripe"


def test_an_endpoint_may_name_its_api_version(api: ApiClient, shop: Receiver) -> None:
    made = create(api, shop.url, api_version="2026-10-28.endive")
    refused = api.post(PATH, {"url": shop.url, "enabled_events": ["*"], "api_version": "2019"})

    assert made["api_version"] == "2026-10-28.endive"
    assert refused.json()["error"]["param"] == "api_version"
    assert WebhookEndpoint.objects.count() == 1


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"url": "https://10.0.0.1/"}, "url_invalid", "url"),
        ({"url": "ftp://example.com/"}, "url_invalid", "url"),
        ({"enabled_events": ["Robert'); DROP"]}, "parameter_invalid", "enabled_events"),
        ({"enabled_events": ["a.b.*"]}, "parameter_invalid", "enabled_events"),
        ({"secret": "mine"}, "parameter_unknown", "secret"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_no_trace(
    api: ApiClient, params: dict[str, Any], code: str, param: str
) -> None:
    answer = api.post(PATH, {"url": "https://example.com/", "enabled_events": ["*"], **params})

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert not WebhookEndpoint.objects.exists()


def test_an_account_has_a_limited_number_of_endpoints(api: ApiClient, merchant: Merchant) -> None:
    scope = Scope(merchant.id, livemode=False)
    for _ in range(MAX_ENDPOINTS):
        endpoint("http://127.0.0.1:9/", scope=scope)

    answer = api.post(PATH, {"url": "https://example.com/", "enabled_events": ["*"]})

    assert answer.json()["error"]["code"] == "webhook_endpoint_limit"
    assert WebhookEndpoint.objects.count() == MAX_ENDPOINTS


def test_an_endpoint_can_be_changed_switched_off_on_and_deleted(
    api: ApiClient, shop: Receiver
) -> None:
    one = f"{PATH}/{create(api, shop.url, metadata={'a': '1', 'b': '2'})['id']}"

    changed = api.post(
        one, {"enabled_events": ["charge.*"], "metadata": {"a": "", "c": "3"}}
    ).json()
    assert changed["enabled_events"] == ["charge.*"]
    assert changed["metadata"] == {"b": "2", "c": "3"}
    assert changed["status"] == "enabled"
    assert api.post(one, {"disabled": True}).json()["status"] == "disabled"
    assert Event.objects.get().type == "webhook_endpoint.disabled"
    assert api.post(f"{one}/enable").json()["status"] == "enabled"
    assert api.delete(one).json() == {
        "id": one.removeprefix(f"{PATH}/"),
        "object": "webhook_endpoint",
        "deleted": True,
    }
    assert api.get(one).status_code == 404
    assert api.get(PATH).json()["data"] == []


def test_rotating_shows_the_new_secret(api: ApiClient, shop: Receiver) -> None:
    made = create(api, shop.url)

    rotated = api.post(f"{PATH}/{made['id']}/rotate_secret", {"overlap_hours": 1}).json()

    assert rotated["secret"] != made["secret"]
    stored = WebhookEndpoint.objects.get()
    assert (stored.secret, stored.previous_secret) == (rotated["secret"], made["secret"])


def test_nobody_sees_the_endpoint_of_another_merchant(api: ApiClient) -> None:
    other = create_merchant(name="Other", now=NOW)
    hook = endpoint("http://127.0.0.1:9/", scope=Scope(other.id, livemode=False))

    for answer in (
        api.get(f"{PATH}/{hook.id}"),
        api.post(f"{PATH}/{hook.id}", {"description": "mine"}),
        api.delete(f"{PATH}/{hook.id}"),
        api.post(f"{PATH}/{hook.id}/rotate_secret"),
        api.post(f"{PATH}/{hook.id}/enable"),
        api.post(f"{PATH}/{hook.id}/verify"),
        api.post(f"{PATH}/{hook.id}/resend", {"since": 0}),
    ):
        assert answer.status_code == 404

    hook.refresh_from_db()
    assert (hook.status, hook.description, hook.deleted_at) == ("enabled", "", None)


def test_nobody_sees_the_deliveries_of_another_merchant(api: ApiClient) -> None:
    other = create_merchant(name="Other", now=NOW)
    scope = Scope(other.id, livemode=False)
    hook = endpoint("http://127.0.0.1:9/", scope=scope)
    event = happen(merchant_id=other.id)
    (delivery,) = hook.deliveries.all()

    assert api.get("/v1/webhook_deliveries").json()["data"] == []
    assert api.get(f"/v1/webhook_deliveries/{delivery.id}").status_code == 404
    assert api.post(f"/v1/events/{event.id}/resend").status_code == 404
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == ("pending", 0)


def test_deliveries_are_listed_with_their_tries_and_sent_again(
    api: ApiClient, merchant: Merchant, shop: Receiver
) -> None:
    made = create(api, shop.url)
    shop.reply = always(503, b"busy")
    event = happen(merchant_id=merchant.id)
    send_due(now=NOW)

    (delivery,) = api.get("/v1/webhook_deliveries", {"event": event.id}).json()["data"]
    assert (delivery["event"], delivery["webhook_endpoint"]) == (event.id, made["id"])
    assert (delivery["status"], delivery["attempts"]) == ("pending", 1)
    assert delivery["last_status_code"] == 503
    (attempt,) = api.get(f"/v1/webhook_deliveries/{delivery['id']}").json()["tries"]
    assert (attempt["number"], attempt["status_code"], attempt["answer"]) == (1, 503, "busy")

    shop.reply = always(200)
    again = api.post(f"/v1/events/{event.id}/resend").json()
    assert [row["id"] for row in again["data"]] == [delivery["id"]]
    send_due(now=NOW)
    assert api.get("/v1/webhook_deliveries", {"status": "pending"}).json()["data"] == []
    assert [message["id"] for message in shop.messages[-2:]] == [event.id, event.id]


def test_a_stretch_of_time_is_sent_again(
    api: ApiClient, merchant: Merchant, shop: Receiver
) -> None:
    happen(merchant_id=merchant.id)
    made = create(api, shop.url)

    answer = api.post(f"{PATH}/{made['id']}/resend", {"since": int(NOW.timestamp())}).json()

    assert answer["resent"] == 1
