"""The setup intent: one wish to save a payment method, with the payer present."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from apps.common.fsm import StatusField, transition
from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.outbox.history import EventSourced
from apps.setups.states import SetupStatus, Usage

S = SetupStatus
_WAITING = [S.PROCESSING, S.REQUIRES_ACTION]


class SetupIntentQuerySet(models.QuerySet["SetupIntent"]):
    def lock(self, pk: str) -> "SetupIntent":
        """Return the setup with its row locked until the transaction ends."""
        return self.select_for_update().get(pk=pk)


class SetupIntent(EventSourced):
    """
    One wish to save a payment method; the row is the fold of its events.

    `tries` counts the confirmations: each is a request of its own at the gateway, known there by
    `reference`. `due_at` and `checks` drive the sweep and are no part of the history.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "seti")
    )
    status = StatusField(default=S.REQUIRES_PAYMENT_METHOD, choices=S.choices)
    usage = models.CharField(max_length=20, choices=Usage.choices, default=Usage.OFF_SESSION)
    customer_id = models.CharField(max_length=40, blank=True)
    payment_method_id = models.CharField(max_length=40, blank=True)
    description = models.CharField(max_length=1000, blank=True)
    metadata = models.JSONField(default=dict)
    return_url = models.CharField(max_length=2048, blank=True)
    gateway = models.CharField(max_length=40, blank=True)
    gateway_reference = models.CharField(max_length=255, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    next_action = models.JSONField(null=True)
    last_setup_error = models.JSONField(null=True)
    cancellation_reason = models.CharField(max_length=30, blank=True)
    client_secret = models.CharField(max_length=100)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    checks = models.PositiveSmallIntegerField(default=0)

    objects = models.Manager.from_queryset(SetupIntentQuerySet)()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="setup_succeeds_with_a_method",
                condition=~Q(status=S.SUCCEEDED) | ~Q(payment_method_id=""),
            ),
        ]
        indexes = [
            models.Index(name="setup_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(
                name="setup_at_gateway",
                fields=["gateway_reference"],
                condition=~Q(gateway_reference=""),
            ),
            models.Index(name="setup_due", fields=["due_at"], condition=Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def scope(self) -> Scope:
        return Scope(self.merchant_id, self.livemode)

    @property
    def reference(self) -> str:
        """Return how the gateway knows the confirmation under way: key and reference in one."""
        return f"{self.id}_{self.tries}"

    def begin(self, **fields: Any) -> None:
        """Take over what the setup is made of."""
        self._set(fields)
        if self.payment_method_id:
            self.take_method()

    def update(self, **fields: Any) -> None:
        """Change what the caller may still change."""
        self._set(fields)
        if self.payment_method_id and self.status == S.REQUIRES_PAYMENT_METHOD:
            self.take_method()

    @transition(status, source=[S.REQUIRES_PAYMENT_METHOD], target=S.REQUIRES_CONFIRMATION)
    def take_method(self) -> None:
        """The method is known; confirming it is what is left."""

    @transition(
        status,
        source=[S.REQUIRES_PAYMENT_METHOD, S.REQUIRES_CONFIRMATION, S.REQUIRES_ACTION],
        target=S.PROCESSING,
    )
    def process(self, *, gateway: str, **confirmed: Any) -> None:
        """Ask the gateway; `confirmed` holds what confirming settled."""
        self.gateway = gateway
        self.gateway_reference = ""
        self.tries += 1
        self.next_action = None
        self.last_setup_error = None
        self._set(confirmed)

    @transition(status, source=_WAITING, target=S.REQUIRES_ACTION)
    def require_action(self, *, url: str, reference: str) -> None:
        """Send the payer to the bank's page."""
        self.gateway_reference = reference
        self.next_action = {"type": "redirect_to_url", "url": url}

    @transition(status, source=_WAITING, target=S.SUCCEEDED)
    def succeed(self, *, reference: str) -> None:
        """The method may be charged later."""
        self.gateway_reference = reference
        self.next_action = None

    @transition(status, source=_WAITING, target=S.REQUIRES_PAYMENT_METHOD)
    def fail(self, *, error: dict[str, Any]) -> None:
        """The bank refused, or no gateway could be asked; another method may follow."""
        self.last_setup_error = error
        self.payment_method_id = ""
        self.next_action = None

    @transition(
        status,
        source=[S.REQUIRES_PAYMENT_METHOD, S.REQUIRES_CONFIRMATION, S.REQUIRES_ACTION],
        target=S.CANCELED,
    )
    def cancel(self, *, reason: str) -> None:
        """Give up."""
        self.cancellation_reason = reason
        self.next_action = None

    def _set(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            if name not in self.MUTABLE:
                raise ValueError(f"{name} is not set by an event")
            setattr(self, name, value)

    OUTSIDE_HISTORY = frozenset(
        {"id", "merchant_id", "livemode", "client_secret", "created_at", "due_at", "checks"}
    )

    MUTABLE: ClassVar[frozenset[str]] = frozenset(
        {"usage", "customer_id", "payment_method_id", "description", "metadata", "return_url"}
    )

    ARROWS: ClassVar[dict[str, Callable[..., None]]] = {
        "setup_intent.created": begin,
        "setup_intent.updated": update,
        "setup_intent.processing": process,
        "setup_intent.requires_action": require_action,
        "setup_intent.succeeded": succeed,
        "setup_intent.setup_failed": fail,
        "setup_intent.canceled": cancel,
    }
