"""Writing events: stored and queued together, in order, or not at all."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from apps.outbox.models import Event, Message
from apps.outbox.services import publish
from tests.outbox.drafts import NOW, draft


@pytest.mark.django_db
def test_a_published_event_is_stored_as_given_and_queued() -> None:
    publish(
        draft(
            "pi_1",
            3,
            type="payment_intent.succeeded",
            object={"id": "pi_1", "amount": 1050},
            data={"amount_received": 1050},
            previous_attributes={"status": "processing"},
            request_id="req_1",
            idempotency_key="order-7",
        )
    )

    event = Event.objects.get()
    assert (event.merchant_id, event.livemode) == ("mer_1", False)
    assert (event.type, event.object_id, event.sequence) == ("payment_intent.succeeded", "pi_1", 3)
    assert event.object == {"id": "pi_1", "amount": 1050}
    assert event.data == {"amount_received": 1050}
    assert event.previous_attributes == {"status": "processing"}
    assert (event.actor, event.request_id, event.idempotency_key) == ("clock", "req_1", "order-7")
    assert event.created_at == NOW
    message = Message.objects.get()
    assert (message.event_id, message.object_id, message.type) == (event.id, "pi_1", event.type)
    assert (message.attempts, message.leased_until, message.dead_at) == (0, None, None)


@pytest.mark.django_db
def test_several_events_are_queued_in_the_order_given() -> None:
    publish(*(draft("pi_1", n) for n in range(1, 41)))

    queued = Message.objects.order_by("id").values_list("event__sequence", flat=True)
    assert list(queued) == list(range(1, 41))


@pytest.mark.django_db
def test_an_event_without_previous_attributes_stores_null() -> None:
    publish(draft("pi_1", 1))

    assert Event.objects.filter(previous_attributes__isnull=True).count() == 1


@pytest.mark.django_db
def test_a_sequence_is_given_once_and_the_refused_batch_leaves_no_trace() -> None:
    publish(draft("pi_1", 1))

    with pytest.raises(IntegrityError, match="event_sequence"), transaction.atomic():
        publish(draft("pi_2", 1), draft("pi_1", 1))

    assert Event.objects.count() == 1
    assert Message.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE outbox_event SET type = 'other'",
        "DELETE FROM outbox_event",
        "TRUNCATE outbox_event",
    ],
)
def test_a_stored_event_cannot_be_changed_even_by_raw_sql(statement: str) -> None:
    publish(draft("pi_1", 1))

    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert Event.objects.get().type == "payment_intent.created"
