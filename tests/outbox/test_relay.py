"""The relay: everything arrives, in the order of its object; trouble holds up nobody else."""

import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from apps.outbox.models import Event, Message
from apps.outbox.policies import LONGEST_WAIT_SECONDS, MAX_ATTEMPTS, wait_after
from apps.outbox.relay import claim_handled, drain, handle, relay_unhandled
from apps.outbox.services import publish, replay_dead_letter
from tests.outbox import routes
from tests.outbox.drafts import NOW, draft

pytestmark = pytest.mark.usefixtures("listening")

WRITERS = 8
RELAYS = 3
EVENTS_PER_WRITER = 40
OBJECTS = 6


class Trouble(Exception):
    pass


def fail() -> None:
    raise Trouble("the shop is closed")


def make_due() -> None:
    """Let the waits of failed messages pass."""
    Message.objects.update(available_at=timezone.now() - timedelta(seconds=1))


def heard() -> list[tuple[str, int]]:
    return [(event.object_id, event.sequence) for event in routes.heard]


@pytest.mark.django_db
def test_an_event_reaches_its_handler_and_leaves_the_queue() -> None:
    publish(draft("pi_1", 1))

    assert drain(now=NOW) == 1

    assert heard() == [("pi_1", 1)]
    assert not Message.objects.exists()
    assert Event.objects.count() == 1


@pytest.mark.django_db
def test_an_event_without_a_handler_only_goes_on_to_the_queues() -> None:
    publish(draft("cus_1", 1, type="customer.created"))

    assert relay_unhandled() == 1

    assert heard() == []
    assert routes.queued == [Event.objects.get().id]
    assert not Message.objects.exists()


@pytest.mark.django_db
def test_an_underscore_in_a_route_is_no_wildcard() -> None:
    publish(draft("x_1", 1, type="paymentXintent.created"))

    drain(now=NOW)

    assert heard() == []
    assert not Message.objects.exists()


@pytest.mark.django_db
def test_a_batch_without_handlers_costs_three_statements(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    publish(*(draft(f"cus_{n}", 1, type="customer.created") for n in range(100)))

    with django_assert_num_queries(3):  # savepoint, delete, release
        assert relay_unhandled() == 100


@pytest.mark.django_db
def test_a_failed_event_waits_and_holds_back_only_its_own_object() -> None:
    routes.troubles["pi_1"] = fail
    publish(draft("pi_1", 1), draft("pi_1", 2), draft("pi_2", 1))

    drain(now=NOW)

    assert heard() == [("pi_2", 1)]
    first, second = Message.objects.order_by("id")
    assert (first.attempts, first.leased_until, first.dead_at) == (1, None, None)
    assert first.last_error == "Trouble: the shop is closed"
    assert (second.attempts, second.last_error) == (0, "")
    assert sorted(routes.queued) == sorted(
        Event.objects.exclude(object_id="pi_1", sequence=2).values_list("id", flat=True)
    )


@pytest.mark.django_db
def test_once_the_trouble_is_over_the_events_follow_in_order() -> None:
    routes.troubles["pi_1"] = fail
    publish(draft("pi_1", 1), draft("pi_1", 2))
    drain(now=NOW)
    routes.troubles.clear()
    make_due()

    drain(now=NOW)

    assert heard() == [("pi_1", 1), ("pi_1", 2)]
    assert not Message.objects.exists()


@pytest.mark.django_db
def test_a_poisonous_event_dies_after_its_attempts_and_those_behind_it_flow() -> None:
    publish(draft("pi_1", 1), draft("pi_1", 2))
    poison = Message.objects.earliest("id")
    for attempt in range(1, MAX_ATTEMPTS + 1):
        routes.troubles["pi_1"] = fail
        make_due()
        (claimed,) = claim_handled(1)
        assert (claimed.id, claimed.attempts) == (poison.id, attempt)
        handle(claimed, now=NOW)
    routes.troubles.clear()

    drain(now=NOW)

    poison.refresh_from_db()
    assert poison.dead_at is not None
    assert heard() == [("pi_1", 2)]


@pytest.mark.django_db
def test_an_event_that_kills_each_relay_dies_too() -> None:
    publish(draft("pi_1", 1))
    Message.objects.update(attempts=MAX_ATTEMPTS)
    (claimed,) = claim_handled(1)

    handle(claimed, now=NOW)

    assert Message.objects.get().dead_at is not None
    assert heard() == []


@pytest.mark.django_db
def test_a_dead_letter_can_be_replayed_once() -> None:
    publish(draft("pi_1", 1))
    Message.objects.update(attempts=MAX_ATTEMPTS, dead_at=timezone.now())
    assert drain(now=NOW) == 0
    message = Message.objects.get()

    assert replay_dead_letter(message_id=message.id) is True
    assert replay_dead_letter(message_id=message.id) is False
    drain(now=NOW)

    assert heard() == [("pi_1", 1)]
    assert not Message.objects.exists()


@pytest.mark.django_db
def test_a_leased_event_is_left_alone_until_the_lease_ends() -> None:
    publish(draft("pi_1", 1), draft("pi_1", 2))
    (lost,) = claim_handled(10)

    assert claim_handled(10) == []
    Message.objects.filter(pk=lost.id).update(leased_until=timezone.now() - timedelta(seconds=1))
    (taken_over,) = claim_handled(10)

    assert (taken_over.id, taken_over.attempts) == (lost.id, 2)


@pytest.mark.django_db
def test_a_relay_that_comes_late_changes_nothing_any_more() -> None:
    publish(draft("pi_1", 1))
    (late,) = claim_handled(1)
    Message.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    (current,) = claim_handled(1)
    routes.troubles["pi_1"] = fail

    handle(late, now=NOW)

    message = Message.objects.get()
    assert message.leased_until == current.leased_until
    assert message.last_error == ""


class Shop:
    """Objects that change side by side; a lock stands for each object's row."""

    def __init__(self) -> None:
        self.sequences: dict[str, int] = defaultdict(int)
        self._locks = {f"pi_{n}": threading.Lock() for n in range(OBJECTS)}

    def trade(self, seed: int) -> None:
        """Write events about objects in a random order."""
        for n in range(EVENTS_PER_WRITER):
            object_id = f"pi_{(seed * 7 + n * n) % OBJECTS}"
            with self._locks[object_id], transaction.atomic():
                self.sequences[object_id] += 1
                publish(draft(object_id, self.sequences[object_id]))
        connection.close()


def relay_until(finished: threading.Event, poisoned: str) -> None:
    while not finished.is_set() or Message.objects.exclude(object_id=poisoned).exists():
        for claimed in claim_handled(7):
            handle(claimed, now=NOW)
    connection.close()


def trade_and_relay(shop: Shop, *, poisoned: str = "") -> None:
    """Let writers write and relays relay side by side."""
    finished = threading.Event()
    with ThreadPoolExecutor(WRITERS + RELAYS) as pool:
        relays = [pool.submit(relay_until, finished, poisoned) for _ in range(RELAYS)]
        for writer in [pool.submit(shop.trade, seed) for seed in range(WRITERS)]:
            writer.result()
        finished.set()
        for relay in relays:
            relay.result()


def order_heard() -> dict[str, list[int]]:
    order: dict[str, list[int]] = defaultdict(list)
    for object_id, sequence in heard():
        order[object_id].append(sequence)
    return order


@pytest.mark.django_db(transaction=True)
def test_eight_writers_and_three_relays_lose_and_reorder_nothing() -> None:
    shop = Shop()

    trade_and_relay(shop)

    expected = {name: list(range(1, last + 1)) for name, last in shop.sequences.items()}
    assert order_heard() == expected
    assert sum(shop.sequences.values()) == WRITERS * EVENTS_PER_WRITER


@pytest.mark.django_db(transaction=True)
def test_a_poisonous_event_stalls_no_other_object_whatever_the_number_of_relays() -> None:
    routes.troubles["pi_0"] = fail
    shop = Shop()

    trade_and_relay(shop, poisoned="pi_0")

    # All the others have arrived, in their order, while the poison waits for its next attempt.
    others = {name: last for name, last in shop.sequences.items() if name != "pi_0"}
    assert order_heard() == {name: list(range(1, last + 1)) for name, last in others.items()}
    waiting = Message.objects.order_by("id").values_list("object_id", "attempts", "dead_at")
    assert len(waiting) == shop.sequences["pi_0"]
    assert {object_id for object_id, _, _ in waiting} == {"pi_0"}
    # Only the head was tried: what stands behind it keeps its place.
    assert waiting[0][1] >= 1
    assert {(attempts, dead_at) for _, attempts, dead_at in waiting[1:]} == {(0, None)}


def test_the_wait_grows_to_its_limit_with_full_jitter() -> None:
    assert all(timedelta() <= wait_after(1) <= timedelta(seconds=2) for _ in range(100))
    assert max(wait_after(MAX_ATTEMPTS) for _ in range(100)) > timedelta(seconds=150)
    assert all(wait_after(99) <= timedelta(seconds=LONGEST_WAIT_SECONDS) for _ in range(100))
