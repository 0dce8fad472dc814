"""Events on their way to merchants: who gets what, signed how, and what happens on trouble."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import standardwebhooks
import stripe
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from prometheus_client import REGISTRY

from apps.api.models import Merchant
from apps.common.errors import ResourceMissing
from apps.common.origin import CLOCK, Scope
from apps.outbox.models import Event, Message
from apps.webhooks import sender
from apps.webhooks.errors import EndpointNotEnabled
from apps.webhooks.handlers import on_endpoint_disabled
from apps.webhooks.models import Delivery, DeliveryAttempt, WebhookEndpoint
from apps.webhooks.policies import (
    CONCURRENCY,
    CONCURRENCY_WHILE_FAILING,
    DELIVERY_SCHEDULE_SECONDS,
    DISABLE_AFTER,
    delivery_wait_after,
)
from apps.webhooks.sender import CLAIMED_AHEAD, claim, send_due
from apps.webhooks.services.deliveries import queue_deliveries, resend_event, resend_events
from apps.webhooks.services.endpoints import disable_endpoint, rotate_secret
from tests.factories.backoffice import staff
from tests.webhooks.receivers import always, receiver
from tests.webhooks.shop import NOW, SCOPE, endpoint, happen, make_due

pytestmark = pytest.mark.usefixtures("listening", "loopback_allowed")

HOUR = 3600


# --- Who gets what ----------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wanted", "is_sent"),
    [
        (["*"], True),
        (["payment_intent.*"], True),
        (["payment_intent.created"], True),
        (["refund.created", "payment_intent.created"], True),
        (["payment_intent.succeeded"], False),
        (["charge.*"], False),
    ],
)
def test_an_endpoint_gets_the_types_it_asked_for(wanted: list[str], is_sent: bool) -> None:
    endpoint("http://127.0.0.1:9/", enabled_events=wanted)

    happen(type="payment_intent.created")

    assert Delivery.objects.exists() == is_sent
    assert not Message.objects.exists()


@pytest.mark.django_db
def test_neither_other_merchants_nor_the_other_mode_get_an_event() -> None:
    endpoint("https://example.com/", scope=Scope("mer_2", livemode=False))
    endpoint("https://example.com/", scope=Scope("mer_1", livemode=True))

    happen()

    assert not Delivery.objects.exists()


@pytest.mark.django_db
def test_an_event_is_queued_once_per_endpoint_however_often_it_is_relayed() -> None:
    endpoint("http://127.0.0.1:9/")
    event = happen()

    queue_deliveries([event.id, event.id])

    delivery = Delivery.objects.get()
    with pytest.raises(IntegrityError, match="delivery_once"), transaction.atomic():
        Delivery.objects.create(
            merchant_id=delivery.merchant_id,
            livemode=False,
            endpoint=delivery.endpoint,
            event=event,
            scheduled_at=NOW,
            next_attempt_at=NOW,
            created_at=NOW,
        )


@pytest.mark.django_db
def test_ac_080_an_unverified_endpoint_gets_nothing() -> None:
    endpoint("http://127.0.0.1:9/", enabled=False)

    happen()

    assert not Delivery.objects.exists()


# --- What is sent -----------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_message_is_the_event_with_both_signatures() -> None:
    with receiver() as shop:
        hook = endpoint(shop.url)
        event = happen(sequence=7, previous_attributes={"status": "created"}, request_id="req_1")

        assert send_due(now=NOW) == 1

    ((headers, body),) = shop.got
    assert json.loads(body) == {
        "id": event.id,
        "object": "event",
        "type": "payment_intent.created",
        "created": int(NOW.timestamp()),
        "livemode": False,
        "api_version": "2026-11-01",
        "pending_webhooks": 0,
        "data": {
            "object": {"id": "pi_1", "object": "payment_intent", "status": "created"},
            "previous_attributes": {"status": "created"},
        },
        "request": {"id": "req_1", "idempotency_key": None},
        "related_object": "pi_1",
        "sequence": 7,
    }
    stripe.Webhook.construct_event(body, headers["stripe-signature"], hook.secret)
    assert standardwebhooks.Webhook(hook.secret).verify(body, headers)["id"] == event.id
    assert headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.django_db
def test_an_endpoint_of_stripes_dialect_gets_stripes_names() -> None:
    with receiver() as shop:
        endpoint(shop.url, dialect="stripe", api_version="2026-10-28.endive")
        happen(object={"id": "pi_1", "object": "payment_intent", "status": "expired"})
        send_due(now=NOW)

    (message,) = shop.messages
    assert message["data"]["object"]["status"] == "canceled"
    assert message["api_version"] == "2026-10-28.endive"


@pytest.mark.django_db
def test_ac_078_a_retry_sends_the_object_as_it_was_when_the_event_happened() -> None:
    with receiver(reply=always(500)) as shop:
        endpoint(shop.url)
        happen(sequence=1, object={"id": "pi_1", "object": "payment_intent", "status": "created"})
        send_due(now=NOW)
        happen(sequence=2, object={"id": "pi_1", "object": "payment_intent", "status": "failed"})
        make_due()
        send_due(now=NOW)

    by_sequence = [(m["sequence"], m["data"]["object"]["status"]) for m in shop.messages]
    assert sorted(by_sequence) == [(1, "created"), (1, "created"), (2, "failed")]


@pytest.mark.django_db
def test_ac_079_while_a_secret_rotates_both_sign() -> None:
    with receiver() as shop:
        hook = endpoint(shop.url)
        rotated = rotate_secret(scope=SCOPE, endpoint_id=hook.id, now=timezone.now())
        happen()
        send_due(now=NOW)

    ((headers, body),) = shop.got
    assert rotated.secret != hook.secret
    for secret in (hook.secret, rotated.secret):
        stripe.Webhook.construct_event(body, headers["stripe-signature"], secret)
        standardwebhooks.Webhook(secret).verify(body, headers)


# --- What the answers mean --------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_ac_077_any_2xx_is_success(status: int) -> None:
    before = counted("succeeded")
    with receiver(reply=always(status)) as shop:
        endpoint(shop.url)
        happen()
        send_due(now=NOW)
        make_due()
        assert send_due(now=NOW) == 0

    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts) == ("succeeded", 1)
    assert (delivery.last_status_code, delivery.leased_until) == (status, None)
    assert delivery.finished_at is not None
    assert counted("succeeded") == before + 1


def counted(result: str) -> float:
    labels = {"direction": "out", "result": result}
    return REGISTRY.get_sample_value("pay_webhook_deliveries_total", labels) or 0.0


@pytest.mark.django_db
@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 429, 500, 503])
def test_ac_077_everything_else_is_tried_again(status: int) -> None:
    with receiver(reply=always(status, b"no\x00pe", Location="http://127.0.0.1:9/")) as shop:
        hook = endpoint(shop.url)
        happen()
        send_due(now=NOW)

    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts) == ("pending", 1)
    assert (delivery.last_status_code, delivery.leased_until) == (status, None)
    assert timedelta() < delivery.next_attempt_at - delivery.scheduled_at <= timedelta(seconds=61)
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.number, attempt.status_code, attempt.answer) == (1, status, "nope")
    hook.refresh_from_db()
    assert hook.failing_since is not None


@pytest.mark.django_db
def test_a_refused_connection_is_tried_again() -> None:
    endpoint("http://127.0.0.1:9/")
    happen()

    send_due(now=NOW)

    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.last_status_code) == ("pending", None)
    assert delivery.last_error.startswith("ConnectionRefusedError")


@pytest.mark.django_db
def test_what_cannot_be_signed_fails_alone() -> None:
    with receiver() as shop:
        broken = endpoint("http://127.0.0.1:9/")
        WebhookEndpoint.objects.filter(pk=broken.pk).update(secret="whsec_x")
        endpoint(shop.url)
        happen()

        assert send_due(now=NOW) == 2

    failed = Delivery.objects.get(endpoint=broken)
    assert (failed.status, failed.attempts) == ("pending", 1)
    assert failed.last_error.startswith("Error('Invalid base64")
    assert Delivery.objects.exclude(pk=failed.pk).get().status == "succeeded"


@pytest.mark.django_db
def test_a_success_ends_the_failing() -> None:
    with receiver(reply=always(500)) as shop:
        hook = endpoint(shop.url)
        happen()
        send_due(now=NOW)
        shop.reply = always(200)
        make_due()
        send_due(now=NOW)

    hook.refresh_from_db()
    assert hook.failing_since is None
    assert [t.status_code for t in DeliveryAttempt.objects.order_by("id")] == [500, 200]


@pytest.mark.django_db
def test_ac_077_after_the_last_try_a_delivery_has_failed() -> None:
    with receiver(reply=always(500)) as shop:
        endpoint(shop.url)
        happen()
        for _ in DELIVERY_SCHEDULE_SECONDS:
            make_due()
            assert send_due(now=NOW) == 1
        make_due()
        assert send_due(now=NOW) == 0

    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts) == ("failed", 10)


@pytest.mark.django_db
def test_ac_077_410_disables_the_endpoint_and_says_so() -> None:
    with receiver(reply=always(410)) as shop:
        hook = endpoint(shop.url)
        happen("pi_1")
        happen("pi_2")
        send_due(now=NOW)

    hook.refresh_from_db()
    assert (hook.status, hook.disabled_reason) == ("disabled", "gone")
    assert {delivery.status for delivery in Delivery.objects.all()} == {"canceled"}
    event = Event.objects.get(type="webhook_endpoint.disabled")
    assert (event.object_id, event.sequence, event.actor) == (hook.id, 1, "clock")
    assert event.object["status"] == "disabled"
    assert "secret" not in event.object


@pytest.mark.django_db
def test_ac_077_an_endpoint_that_failed_for_days_is_disabled() -> None:
    with receiver(reply=always(500)) as shop:
        hook = endpoint(shop.url)
        for age, expected in ((timedelta(), "enabled"), (timedelta(minutes=1), "disabled")):
            hook.refresh_from_db()
            hook.failing_since = timezone.now() - DISABLE_AFTER - age + timedelta(seconds=30)
            hook.save()
            happen(f"pi_{expected}")
            send_due(now=NOW)
            hook.refresh_from_db()
            assert hook.status == expected

    assert hook.disabled_reason == "failing"
    assert Event.objects.filter(type="webhook_endpoint.disabled").count() == 1


@pytest.mark.django_db
def test_disabling_twice_tells_it_once() -> None:
    hook = endpoint("http://127.0.0.1:9/")

    for _ in range(2):
        disable_endpoint(
            scope=SCOPE, endpoint_id=hook.id, reason="by_merchant", origin=CLOCK, now=NOW
        )

    assert Event.objects.filter(type="webhook_endpoint.disabled").count() == 1


# --- The schedule -----------------------------------------------------------------------------


def give_up(status: int, *, failing: timedelta) -> Event:
    """Let an endpoint be disabled by what it answers, and return the event of it."""
    Merchant.objects.create(pk=SCOPE.merchant_id, name="Ada's books")
    with receiver(reply=always(status)) as shop:
        hook = endpoint(shop.url)
        hook.failing_since = timezone.now() - failing
        hook.save()
        happen()
        send_due(now=NOW)
    return Event.objects.filter(type="webhook_endpoint.disabled").latest("created_at")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "failing", "because"),
    [
        (410, timedelta(), "It answered 410"),
        (500, DISABLE_AFTER + timedelta(minutes=1), "Every delivery has failed for 5 days"),
    ],
)
def test_ac_077_who_looks_after_a_lost_endpoint_is_told_by_mail(
    status: int, failing: timedelta, because: str
) -> None:
    staff("backoffice.manage_webhook", email="dev@shop.example")
    staff("webhooks.view_webhookendpoint", email="clerk@shop.example")
    former = staff("backoffice.manage_webhook", email="former@shop.example")
    former.is_active = False
    former.save()
    event = give_up(status, failing=failing)

    on_endpoint_disabled(event, now=NOW)

    [message] = mail.outbox
    assert message.recipients() == ["dev@shop.example"]
    assert message.subject == "Ada's books: a webhook endpoint was disabled"
    assert because in message.body
    assert WebhookEndpoint.objects.get().url in message.body
    assert f"/webhooks/webhookendpoint/{event.object_id}/change/" in message.body
    assert message.extra_headers["Message-ID"].startswith(f"<{event.id}@")


@pytest.mark.django_db
def test_nobody_is_mailed_about_what_a_person_disabled_or_enabled_again() -> None:
    staff("backoffice.manage_webhook")
    hook = endpoint("http://127.0.0.1:9/")
    disable_endpoint(
        scope=SCOPE, endpoint_id=hook.id, reason="by_merchant", origin=CLOCK, now=timezone.now()
    )
    on_endpoint_disabled(Event.objects.get(type="webhook_endpoint.disabled"), now=NOW)

    lost = give_up(410, failing=timedelta())
    WebhookEndpoint.objects.filter(pk=lost.object_id).update(status="enabled")
    on_endpoint_disabled(lost, now=NOW)

    assert mail.outbox == []


def test_ac_077_the_schedule_is_the_published_one() -> None:
    assert DELIVERY_SCHEDULE_SECONDS == (
        0, 60, 300, 1800, 2 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 48 * HOUR, 72 * HOUR,
    )  # fmt: skip


@pytest.mark.parametrize("attempts", range(1, 10))
def test_ac_077_the_next_try_falls_before_its_place_and_after_the_one_before(
    attempts: int,
) -> None:
    earliest, latest = DELIVERY_SCHEDULE_SECONDS[attempts - 1 : attempts + 1]
    age = timedelta(seconds=earliest)

    waits = [delivery_wait_after(attempts, age=age) for _ in range(300)]

    places = [(age + wait).total_seconds() for wait in waits if wait is not None]
    assert len(places) == 300
    assert earliest <= min(places) < earliest + (latest - earliest) * 0.2
    assert latest - (latest - earliest) * 0.2 < max(places) <= latest


def test_a_late_schedule_goes_on_from_now() -> None:
    waits = [delivery_wait_after(2, age=timedelta(days=9)) for _ in range(100)]

    assert all(wait is not None and timedelta() <= wait <= timedelta(minutes=4) for wait in waits)
    assert delivery_wait_after(10, age=timedelta(days=3)) is None


# --- Many at once -----------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_claim_takes_of_each_endpoint_its_share_and_of_a_failing_one_little() -> None:
    well, ill = endpoint("http://127.0.0.1:9/a"), endpoint("http://127.0.0.1:9/b")
    WebhookEndpoint.objects.filter(pk=ill.pk).update(failing_since=NOW)
    share = CLAIMED_AHEAD * CONCURRENCY
    for n in range(share + 8):
        happen(f"pi_{n}")

    jobs = claim({well.id: 10}, 500)

    taken = [job.endpoint.id for job in jobs]
    assert taken.count(well.id) == share - 10
    assert taken.count(ill.id) == CONCURRENCY_WHILE_FAILING


@pytest.mark.django_db
def test_a_claimed_delivery_is_left_alone_until_its_lease_ends() -> None:
    endpoint("http://127.0.0.1:9/")
    happen()

    (first,) = claim({}, 10)
    assert claim({}, 10) == []
    Delivery.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    (second,) = claim({}, 10)

    assert (first.delivery.attempts, second.delivery.attempts) == (1, 2)


def dispatch_until(condition: Callable[[], bool], *, seconds: float = 30.0) -> float:
    """Run the sender in a thread until the condition holds; return after how many seconds."""
    stop: list[Callable[[], object]] = []
    ready = threading.Event()

    async def run() -> None:
        event = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(event.set))
        ready.set()
        await sender.run(event)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    ready.wait()
    started = time.monotonic()
    while not condition() and time.monotonic() < started + seconds:
        time.sleep(0.01)
    waited = time.monotonic() - started
    stop[0]()
    thread.join()
    connection.close()
    return waited


def statuses(hook: WebhookEndpoint) -> list[str]:
    return list(hook.deliveries.values_list("status", flat=True))


@pytest.mark.django_db(transaction=True)
def test_ac_082_a_hanging_endpoint_delays_no_other() -> None:
    with receiver() as quick, receiver(hang_seconds=5) as slow:
        slow_hook, quick_hook = endpoint(slow.url), endpoint(quick.url)
        for n in range(CONCURRENCY * 3):
            happen(f"pi_{n}")

        waited = dispatch_until(lambda: set(statuses(quick_hook)) == {"succeeded"})

    assert len(quick.got) == CONCURRENCY * 3
    assert waited < 4.5
    assert len(slow.got) <= CONCURRENCY
    # What was under way was finished before the sender stopped; the rest is left to others.
    assert statuses(slow_hook).count("succeeded") == len(slow.got)
    left = slow_hook.deliveries.filter(status="pending")
    assert set(left.values_list("leased_until", "attempts")) == {(None, 0)}


@pytest.mark.django_db(transaction=True)
def test_several_senders_deliver_each_event_once() -> None:
    with receiver() as shop:
        hook = endpoint(shop.url)
        for n in range(60):
            happen(f"pi_{n}")

        def is_done() -> bool:
            return set(statuses(hook)) == {"succeeded"}

        threads = [threading.Thread(target=dispatch_until, args=(is_done,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert set(statuses(hook)) == {"succeeded"}
    assert sorted(m["related_object"] for m in shop.messages) == sorted(
        f"pi_{n}" for n in range(60)
    )


@pytest.mark.django_db(transaction=True)
def test_outcomes_are_written_once_the_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    troubles = [ConnectionError("away")] * 2
    settle = sender.settle

    def settle_later(outcomes: list[sender.Outcome]) -> None:
        if troubles:
            raise troubles.pop()
        settle(outcomes)

    monkeypatch.setattr(sender, "settle", settle_later)
    with receiver() as shop:
        hook = endpoint(shop.url)
        happen()
        dispatch_until(lambda: statuses(hook) == ["succeeded"])

    assert statuses(hook) == ["succeeded"]
    assert len(shop.got) == 1
    assert DeliveryAttempt.objects.count() == 1


# --- Sending again ----------------------------------------------------------------------------


@pytest.mark.django_db
def test_ac_082_an_event_can_be_sent_again_to_all_that_had_it() -> None:
    with receiver() as shop:
        endpoint(shop.url)
        event = happen()
        send_due(now=NOW)
        endpoint("http://127.0.0.1:9/")

        (again,) = resend_event(scope=SCOPE, event_id=event.id, now=timezone.now())
        send_due(now=NOW)

    assert [message["id"] for message in shop.messages] == [event.id, event.id]
    again.refresh_from_db()
    assert (again.status, again.attempts) == ("succeeded", 1)


@pytest.mark.django_db
def test_ac_082_an_event_can_be_sent_to_an_endpoint_that_never_had_it() -> None:
    event = happen()
    with receiver() as shop:
        hook = endpoint(shop.url)
        resend_event(scope=SCOPE, event_id=event.id, endpoint_id=hook.id, now=timezone.now())
        send_due(now=NOW)

    assert [message["id"] for message in shop.messages] == [event.id]


@pytest.mark.django_db
def test_ac_082_a_stretch_of_time_can_be_sent_again() -> None:
    events = [happen(f"pi_{n}", created_at=NOW + timedelta(minutes=n)) for n in range(5)]
    happen("re_1", type="refund.created", created_at=NOW + timedelta(minutes=2))
    hook = endpoint("http://127.0.0.1:9/", enabled_events=["payment_intent.*"])

    resent = resend_events(
        scope=SCOPE,
        endpoint_id=hook.id,
        since=NOW + timedelta(minutes=1),
        until=NOW + timedelta(minutes=3),
        now=timezone.now(),
    )

    assert resent == 3
    queued = set(hook.deliveries.values_list("event_id", flat=True))
    assert queued == {event.id for event in events[1:4]}


@pytest.mark.django_db
def test_nothing_is_sent_again_to_a_disabled_endpoint_or_by_another_merchant() -> None:
    hook = endpoint("http://127.0.0.1:9/")
    event = happen()
    other: Any = {"scope": Scope("mer_2", livemode=False), "event_id": event.id}

    with pytest.raises(ResourceMissing):
        resend_event(**other, now=NOW)
    disable_endpoint(scope=SCOPE, endpoint_id=hook.id, reason="by_merchant", origin=CLOCK, now=NOW)
    with pytest.raises(EndpointNotEnabled):
        resend_event(scope=SCOPE, event_id=event.id, endpoint_id=hook.id, now=NOW)

    assert statuses(hook) == ["canceled"]
