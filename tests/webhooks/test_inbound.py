"""What gateways tell us: kept once before the answer, handled afterwards, never lost."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.common.fsm import IllegalTransition
from apps.gateways.registry import get_gateway, reset_gateways
from apps.webhooks import inbound, views
from apps.webhooks.errors import UnknownObject
from apps.webhooks.inbound import (
    claim_inbound,
    drain_inbound,
    process_inbound,
    replay_inbound_event,
    store_gateway_events,
)
from apps.webhooks.models import InboundEvent
from apps.webhooks.policies import (
    MAX_INBOUND_ATTEMPTS,
    PARKED_WAITS_SECONDS,
    parked_wait_after,
)
from apps.webhooks.states import InboundStatus
from tests.gateways import test_adyen_webhooks as adyens
from tests.webhooks import routes
from tests.webhooks.gateways import OCCURRED_AT, SIGNATURE, gateway_event

pytestmark = pytest.mark.usefixtures("listening", "calling_gateway")

NOW = OCCURRED_AT + timedelta(seconds=1)
ADDRESS = "/webhooks/stripe/stripe_main"


def call(*event_ids: str, signature: str = SIGNATURE, address: str = ADDRESS) -> Any:
    return Client().post(
        address,
        json.dumps(event_ids).encode(),
        content_type="application/json",
        headers={"Stripe-Signature": signature, "User-Agent": "Stripe/1.0", "X-Other": "1"},
    )


def store(*event_ids: str, **changes: Any) -> None:
    events = [gateway_event(event_id, **changes) for event_id in event_ids]
    store_gateway_events(gateway="stripe_main", events=events, body=b"{}", headers={})


def fail() -> None:
    raise ZeroDivisionError("a bug")


def not_yet() -> None:
    raise UnknownObject("no payment pi_psp_1")


def let_time_pass() -> None:
    InboundEvent.objects.update(available_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.django_db
def test_a_genuine_event_is_kept_as_it_came_and_answered_200() -> None:
    answer = call("evt_psp_1")

    assert (answer.status_code, answer.content) == (200, b"")
    event = InboundEvent.objects.get()
    assert (event.gateway, event.event_id, event.status) == ("stripe_main", "evt_psp_1", "received")
    assert bytes(event.body) == b'["evt_psp_1"]'
    assert event.headers == {
        "content-type": "application/json",
        "stripe-signature": SIGNATURE,
        "user-agent": "Stripe/1.0",
    }
    assert event.as_gateway_event() == gateway_event("evt_psp_1")
    assert routes.heard == []


@pytest.mark.django_db
def test_ac_070_a_forged_event_is_answered_400_and_not_kept() -> None:
    assert call("evt_psp_1", signature="forged").status_code == 400

    assert not InboundEvent.objects.exists()


def sign(body: bytes, *, secret: str, age: int = 0) -> str:
    stamp = str(int(time.time()) - age)
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("defect", "status"),
    [
        ("none", 200),
        ("rotation", 200),
        ("secret", 400),
        ("byte", 400),
        ("old", 400),
        ("future", 400),
        ("missing", 400),
    ],
)
def test_ac_070_stripes_signature_is_checked_over_the_raw_bytes(
    defect: str, status: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "get_webhook_source", get_gateway)
    account = settings.GATEWAYS["stripe_main"]
    settings.GATEWAYS = {
        "stripe_main": {**account, "api_key": "sk_test_1", "webhook_secret": "whsec_1"}
    }
    reset_gateways()
    subject = {"id": "pi_1", "object": "payment_intent"}
    event = {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded"}
    body = json.dumps(
        {**event, "created": 1, "livemode": False, "data": {"object": subject}}
    ).encode()
    # A second may begin between signing and checking, which makes the future less far.
    ages = {"old": 301, "future": -330}
    secret = "whsec_2" if defect == "secret" else "whsec_1"
    signature = sign(body, secret=secret, age=ages.get(defect, 0))
    if defect == "rotation":
        signature = signature.replace(",v1=", f",v1={'0' * 64},v1=")
    headers = {} if defect == "missing" else {"Stripe-Signature": signature}
    sent = body.replace(b"evt_1", b"evt_2") if defect == "byte" else body

    answer = Client().post(ADDRESS, sent, content_type="application/json", headers=headers)

    reset_gateways()
    assert answer.status_code == status
    assert InboundEvent.objects.count() == (1 if status == 200 else 0)


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/webhooks/stripe/other", "/webhooks/adyen/stripe_main"])
def test_an_account_that_is_not_ours_is_not_found(address: str) -> None:
    assert call("evt_psp_1", address=address).status_code == 404

    assert not InboundEvent.objects.exists()


@pytest.mark.django_db
def test_a_body_above_one_mebibyte_is_refused() -> None:
    assert call("x" * (1024 * 1024)).status_code == 413

    assert not InboundEvent.objects.exists()


def test_only_post_is_answered() -> None:
    assert Client().get(ADDRESS).status_code == 405


@pytest.mark.django_db
def test_an_event_that_cannot_be_kept_is_answered_500_so_that_it_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(**_: Any) -> int:
        raise DatabaseError("disk full")

    monkeypatch.setattr(views, "store_gateway_events", refuse)

    assert call("evt_psp_1").status_code == 500


@pytest.mark.django_db
def test_all_events_of_one_call_are_kept() -> None:
    assert call("evt_psp_1", "evt_psp_2", "evt_psp_1").status_code == 200

    kept = InboundEvent.objects.order_by("id").values_list("event_id", flat=True)
    assert list(kept) == ["evt_psp_1", "evt_psp_2"]


@pytest.fixture
def adyen(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let the real adapter of Adyen hear notifications; return its address."""
    monkeypatch.setattr(views, "get_webhook_source", get_gateway)
    settings.GATEWAYS = {
        "adyen_main": {
            "kind": "adyen",
            "api_base": "https://adyen.example",
            "api_key": "adyen_test",
            "merchant_account": adyens.ACCOUNT,
            "webhook_secret": adyens.KEY,
            "connect_timeout": 0.5,
            "read_timeout": 0.5,
            "total_timeout": 0.5,
        }
    }
    reset_gateways()
    yield "/webhooks/adyen/adyen_main"
    reset_gateways()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("items", "status", "answer", "kept"),
    [
        ([adyens.sign(adyens.item())], 200, b"[accepted]", 1),
        ([adyens.sign(adyens.item()), adyens.FORGED], 200, b"[accepted]", 1),
        ([adyens.FORGED], 400, b"", 0),
        ([adyens.item()], 400, b"", 0),
        ([], 400, b"", 0),
    ],
)
def test_ac_070_adyen_reads_accepted_and_a_bad_item_poisons_no_batch(
    adyen: str, items: list[Any], status: int, answer: bytes, kept: int
) -> None:
    body = adyens.batch(*items)

    for _ in range(2):
        told = Client().post(adyen, body, content_type="application/json")
        assert (told.status_code, told.content) == (status, answer)

    assert InboundEvent.objects.count() == kept
    assert not InboundEvent.objects.filter(event_id__startswith="PSP9").exists()


@pytest.mark.django_db(transaction=True)
def test_ac_071_the_same_event_twice_at_once_has_one_effect_and_two_answers_200() -> None:
    def tell(_: int) -> int:
        try:
            return int(call("evt_psp_1").status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(tell, range(8)))
    drain_inbound(now=NOW)

    assert answers == [200] * 8
    assert routes.heard == [("stripe_main", gateway_event("evt_psp_1"))]


@pytest.mark.django_db
def test_the_same_event_id_of_another_account_is_another_event() -> None:
    store("evt_psp_1")
    events = [gateway_event("evt_psp_1")]

    assert store_gateway_events(gateway="b", events=events, body=b"", headers={}) == 1
    assert store_gateway_events(gateway="b", events=events, body=b"", headers={}) == 0

    assert InboundEvent.objects.count() == 2


@pytest.mark.django_db
def test_the_database_keeps_an_event_once_whoever_writes() -> None:
    store("evt_psp_1")
    event = InboundEvent.objects.get()
    event.pk = None

    with pytest.raises(IntegrityError, match="inbound_event_once"), transaction.atomic():
        event.save(force_insert=True)


@pytest.mark.django_db
def test_a_processed_event_is_not_processed_again() -> None:
    store("evt_psp_1")

    assert drain_inbound(now=NOW) == 1
    assert drain_inbound(now=NOW) == 0

    event = InboundEvent.objects.get()
    assert (event.status, event.attempts, event.processed_at) == ("processed", 1, NOW)
    assert event.leased_until is None
    assert len(routes.heard) == 1


@pytest.mark.django_db
def test_an_event_nobody_handles_is_kept_and_done() -> None:
    store("evt_psp_1", kind="other", type="balance.available")

    drain_inbound(now=NOW)

    assert InboundEvent.objects.get().status == "processed"
    assert routes.heard == []


@pytest.mark.django_db
def test_ac_074_an_event_about_an_unknown_object_is_parked_until_the_object_is_there() -> None:
    routes.troubles.append(not_yet)
    store("evt_psp_1")

    drain_inbound(now=NOW)

    event = InboundEvent.objects.get()
    assert (event.status, event.attempts) == ("parked", 1)
    assert event.last_error == "UnknownObject: no payment pi_psp_1"
    assert claim_inbound(10) == []
    routes.troubles.clear()
    let_time_pass()
    assert drain_inbound(now=NOW) == 1
    event.refresh_from_db()
    assert (event.status, event.attempts, event.last_error) == ("processed", 2, "")
    assert len(routes.heard) == 1


@pytest.mark.django_db
def test_ac_075_a_failing_event_is_retried_then_a_dead_letter_then_replayed() -> None:
    routes.troubles.append(fail)
    store("evt_psp_1", "evt_psp_2")
    for _ in range(MAX_INBOUND_ATTEMPTS):
        let_time_pass()
        drain_inbound(now=NOW)

    dead = InboundEvent.objects.get(event_id="evt_psp_1")
    assert (dead.status, dead.attempts) == ("dead", MAX_INBOUND_ATTEMPTS)
    assert dead.last_error == "ZeroDivisionError: a bug"
    let_time_pass()
    assert drain_inbound(now=NOW) == 0

    routes.troubles.clear()
    replay_inbound_event(inbound_event_id=dead.id)
    drain_inbound(now=NOW)

    dead.refresh_from_db()
    assert (dead.status, dead.attempts) == ("processed", 1)
    assert [event.id for _, event in routes.heard] == ["evt_psp_1"]


@pytest.mark.django_db
def test_only_a_dead_event_can_be_replayed() -> None:
    store("evt_psp_1")
    drain_inbound(now=NOW)

    with pytest.raises(IllegalTransition):
        replay_inbound_event(inbound_event_id=InboundEvent.objects.get().id)

    assert InboundEvent.objects.get().status == "processed"


@pytest.mark.django_db
def test_a_processor_that_comes_late_changes_nothing_any_more() -> None:
    store("evt_psp_1")
    (late,) = claim_inbound(1)
    assert claim_inbound(1) == []
    InboundEvent.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    (current,) = claim_inbound(1)

    process_inbound(late, now=NOW)

    event = InboundEvent.objects.get()
    assert (event.status, event.leased_until) == ("received", current.leased_until)


@pytest.mark.django_db
def test_claiming_reads_no_bodies() -> None:
    store("evt_psp_1")

    (event,) = claim_inbound(1)

    assert event.get_deferred_fields() == {"body", "headers"}


def test_the_waits_of_parked_events_are_given_for_each_attempt() -> None:
    assert len(PARKED_WAITS_SECONDS) == MAX_INBOUND_ATTEMPTS
    assert parked_wait_after(1) == timedelta(seconds=1)
    assert parked_wait_after(MAX_INBOUND_ATTEMPTS + 5) == timedelta(days=1)


def test_the_claim_names_the_statuses_that_wait() -> None:
    assert {status.value for status in InboundStatus} - {"processed", "dead"} == {
        "received",
        "parked",
    }
    assert "status IN ('received', 'parked')" in inbound._CLAIM
