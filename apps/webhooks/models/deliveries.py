"""Events on their way to merchants."""

from functools import partial

from django.db import models
from django.db.models import Q

from apps.common.fsm import StatefulModel, StatusField, transition
from apps.common.ids import new_id
from apps.outbox.models import Event
from apps.webhooks.models.endpoints import WebhookEndpoint
from apps.webhooks.states import SETTLED, DeliveryStatus


class Delivery(StatefulModel):
    """
    One event for one endpoint, tried until it arrives or the schedule ends.

    `scheduled_at` is the moment from which the schedule counts; `attempts` counts since then.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "wd"))
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries", db_index=False
    )
    event = models.ForeignKey(
        Event, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    status = StatusField(default=DeliveryStatus.PENDING, choices=DeliveryStatus.choices)
    attempts = models.PositiveSmallIntegerField(default=0)
    scheduled_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    last_status_code = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "webhook delivery"
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint(name="delivery_once", fields=["event", "endpoint"]),
            models.CheckConstraint(
                name="delivery_status", condition=Q(status__in=DeliveryStatus.values)
            ),
        ]
        indexes = [
            models.Index(
                name="delivery_pending",
                fields=["endpoint", "next_attempt_at", "id"],
                condition=Q(status=DeliveryStatus.PENDING),
            ),
            models.Index(name="delivery_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(name="delivery_endpoint", fields=["endpoint", "id"]),
        ]

    def __str__(self) -> str:
        return self.id

    @transition(status, source=DeliveryStatus.PENDING, target=DeliveryStatus.SUCCEEDED)
    def succeed(self) -> None:
        """The endpoint has it."""

    @transition(status, source=DeliveryStatus.PENDING, target=DeliveryStatus.FAILED)
    def fail(self) -> None:
        """Give up: the schedule has ended."""

    @transition(status, source=DeliveryStatus.PENDING, target=DeliveryStatus.CANCELED)
    def cancel(self) -> None:
        """Give up: the endpoint takes nothing any more."""

    @transition(status, source=SETTLED, target=DeliveryStatus.PENDING)
    def resend(self) -> None:
        """Start the schedule anew."""
        self.attempts = 0
        self.finished_at = None


class DeliveryAttempt(models.Model):
    """One try: what the endpoint answered, or why there was no answer. Never changed."""

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(
        Delivery, on_delete=models.PROTECT, related_name="tries", db_index=False
    )
    number = models.PositiveSmallIntegerField()
    attempted_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    status_code = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=200, blank=True)
    answer = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(name="delivery_attempt_list", fields=["delivery", "id"])]

    def __str__(self) -> str:
        return f"{self.delivery_id} #{self.number}"
