"""Events of the gateways on their way in."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from apps.common.fsm import StatefulModel, StatusField, transition
from apps.gateways.base import EventKind, GatewayEvent
from apps.webhooks.states import WAITING, InboundStatus


class InboundEvent(StatefulModel):
    """
    One verified event of a gateway, kept as it came; (gateway, event id) is told once.

    `body` and `headers` are the evidence; the other columns are what the adapter read in them.
    """

    id = models.BigAutoField(primary_key=True)
    gateway = models.CharField(max_length=40)
    event_id = models.CharField(max_length=255)
    type = models.CharField(max_length=100)
    kind = models.CharField(max_length=20)
    reference = models.CharField(max_length=255)
    payment_reference = models.CharField(max_length=255, blank=True)
    attempt_id = models.CharField(max_length=255, blank=True)
    refund_id = models.CharField(max_length=255, blank=True)
    occurred_at = models.DateTimeField()
    body = models.BinaryField()
    headers = models.JSONField(default=dict)
    received_at = models.DateTimeField()
    status = StatusField(default=InboundStatus.RECEIVED, choices=InboundStatus.choices)
    attempts = models.PositiveSmallIntegerField(default=0)
    available_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    processed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="inbound_event_once", fields=["gateway", "event_id"]),
            models.CheckConstraint(
                name="inbound_event_status", condition=Q(status__in=InboundStatus.values)
            ),
        ]
        indexes = [
            models.Index(
                name="inbound_event_waiting",
                fields=["available_at", "id"],
                condition=Q(status__in=WAITING),
            ),
            models.Index(name="inbound_event_payment", fields=["payment_reference"]),
            # What the back-office counts and lists: few rows among millions.
            models.Index(
                name="inbound_event_dead", fields=["id"], condition=Q(status=InboundStatus.DEAD)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.gateway} {self.event_id}"

    def as_gateway_event(self) -> GatewayEvent:
        """Return the event as the adapter read it."""
        return GatewayEvent(
            id=self.event_id,
            type=self.type,
            kind=EventKind(self.kind),
            reference=self.reference,
            occurred_at=self.occurred_at,
            payment_reference=self.payment_reference,
            attempt_id=self.attempt_id,
            refund_id=self.refund_id,
        )

    @transition(status, source=WAITING, target=InboundStatus.PROCESSED)
    def finish(self, *, now: datetime) -> None:
        """Note that the handler is done with it."""
        self.processed_at = now
        self.last_error = ""

    @transition(status, source=WAITING, target=InboundStatus.PARKED)
    def park(self, *, reason: str) -> None:
        """Wait until the object that it is about is here."""
        self.last_error = reason

    @transition(status, source=WAITING, target=InboundStatus.RECEIVED)
    def postpone(self, *, reason: str) -> None:
        """Wait until what failed works again."""
        self.last_error = reason

    @transition(status, source=WAITING, target=InboundStatus.DEAD)
    def bury(self, *, reason: str) -> None:
        """Give up; a person may revive it."""
        self.last_error = reason

    @transition(status, source=InboundStatus.DEAD, target=InboundStatus.RECEIVED)
    def revive(self) -> None:
        """Start over, as if it had just come in."""
        self.attempts = 0
