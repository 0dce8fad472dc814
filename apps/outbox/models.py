"""The event store, and the queue of events that still have to leave."""

from functools import partial

from django.db import models

from apps.common.ids import new_id


class Event(models.Model):
    """
    One fact about one object, never changed: the resource `evt_...` and the object's history.

    `data` holds the facts from which the object's row can be folded; `object` is the object as
    the API showed it at that moment; `sequence` counts per object from 1 without gaps.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "evt")
    )
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=40, db_collation="C")
    sequence = models.PositiveIntegerField()
    data = models.JSONField(default=dict)
    object = models.JSONField()
    previous_attributes = models.JSONField(null=True)
    actor = models.CharField(max_length=100)
    request_id = models.CharField(max_length=40, blank=True)
    idempotency_key = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="event_sequence", fields=["object_id", "sequence"])
        ]
        indexes = [
            models.Index(name="event_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(
                name="event_list_by_type", fields=["merchant_id", "livemode", "type", "id"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.object_id} #{self.sequence}"


class Message(models.Model):
    """
    An event on its way to its readers; the row is gone once all of them have it.

    Relays claim the head of each object's queue only, so an object's events leave in order.
    A message that failed too often is a dead letter (`dead_at`), and those behind it flow on.
    """

    id = models.BigAutoField(primary_key=True)
    # Neither constraint nor index: both rows are written together, and nobody looks from the event.
    event = models.ForeignKey(Event, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    object_id = models.CharField(max_length=40, db_collation="C")
    type = models.CharField(max_length=60)
    available_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    dead_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                name="message_pending",
                fields=["available_at", "id"],
                condition=models.Q(dead_at__isnull=True),
            ),
            models.Index(
                name="message_head",
                fields=["object_id", "id"],
                condition=models.Q(dead_at__isnull=True),
            ),
            # What the back-office counts and lists, however long the queue is.
            models.Index(
                name="message_dead", fields=["id"], condition=models.Q(dead_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.object_id}"


class StreamMessage(models.Model):
    """An event on its way to Kafka; the row goes when the cluster has it."""

    id = models.BigAutoField(primary_key=True)
    event = models.OneToOneField(Event, on_delete=models.PROTECT, db_constraint=False)
    object_id = models.CharField(max_length=40, db_collation="C")
    attempts = models.PositiveIntegerField(default=0)
    available_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(name="stream_pending", fields=["available_at", "id"]),
            models.Index(name="stream_head", fields=["object_id", "id"]),
        ]

    def __str__(self) -> str:
        return self.event_id
