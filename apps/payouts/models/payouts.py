"""Money on its way from a seller's wallet to the seller's bank."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from apps.common.fsm import StatusField, transition
from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.outbox.history import EventSourced
from apps.payouts.models.sellers import Seller
from apps.payouts.states import PayoutStatus

P = PayoutStatus


class PayoutQuerySet(models.QuerySet["Payout"]):
    def lock(self, pk: str) -> "Payout":
        """Return the payout with its row locked until the transaction ends."""
        return self.select_for_update().get(pk=pk)


class Payout(EventSourced):
    """
    One payout; `amount` is minor units of `currency` (upper case).

    Its id is the idempotency key at the gateway. The row is the fold of its events: each event
    type names the method in `ARROWS` which its `data` is given to. `sent_at`, `due_at` and
    `checks` only drive the sending and are no part of the history: `due_at` says when a sweeper
    takes the payout up, `sent_at` that a request may have left, so that it can no longer be
    canceled.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "po"))
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="payouts")
    status = StatusField(default=P.PENDING, choices=P.choices)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    automatic = models.BooleanField(default=False)
    gateway = models.CharField(max_length=40)
    gateway_reference = models.CharField(max_length=255, blank=True)
    needs_approval = models.BooleanField(default=False)
    requested_by = models.CharField(max_length=300)
    approved_by = models.CharField(max_length=300, blank=True)
    description = models.CharField(max_length=1000, blank=True)
    statement_descriptor = models.CharField(max_length=22, blank=True)
    metadata = models.JSONField(default=dict)
    failure_code = models.CharField(max_length=60, blank=True)
    arrives_on = models.DateField(null=True)
    sent_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    checks = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()

    objects = models.Manager.from_queryset(PayoutQuerySet)()

    class Meta:
        permissions = [
            ("approve_payout", "Decide about payouts above the limit"),
            ("send_payout", "Pay sellers out, and cancel payouts"),
        ]
        constraints = [
            models.CheckConstraint(name="payout_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="payout_four_eyes",
                condition=Q(approved_by="") | ~Q(approved_by=F("requested_by")),
            ),
            models.CheckConstraint(
                name="payout_sent_only_when_approved",
                condition=Q(needs_approval=False) | Q(sent_at__isnull=True) | ~Q(approved_by=""),
            ),
            models.CheckConstraint(
                name="payout_failed_has_code",
                condition=~Q(status=P.FAILED) | ~Q(failure_code=""),
            ),
            models.CheckConstraint(
                name="payout_moves_only_after_sending",
                condition=Q(status__in=[P.PENDING, P.CANCELED, P.FAILED])
                | Q(sent_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(name="payout_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(name="payout_seller", fields=["seller", "id"]),
            models.Index(name="payout_due", fields=["due_at"], condition=Q(due_at__isnull=False)),
            models.Index(
                name="payout_gateway_reference",
                fields=["gateway_reference"],
                condition=~Q(gateway_reference=""),
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def scope(self) -> Scope:
        return Scope(self.merchant_id, self.livemode)

    @property
    def waits_for_approval(self) -> bool:
        return self.needs_approval and not self.approved_by and self.status == P.PENDING

    def begin(self, **born: Any) -> None:
        """Start with what the payout was asked for with."""
        for name, value in born.items():
            setattr(self, name, value)

    def approve(self, *, by: str) -> None:
        """A second person agreed."""
        self.approved_by = by

    @transition(status, source=[P.PENDING], target=P.IN_TRANSIT)
    def leave(self, *, reference: str, arrives_on: str | None, **_facts: Any) -> None:
        """The gateway took the order."""
        self.gateway_reference = reference
        self.arrives_on = date.fromisoformat(arrives_on) if arrives_on else None

    @transition(status, source=[P.IN_TRANSIT], target=P.PAID)
    def arrive(self, **_facts: Any) -> None:
        """The bank confirmed it."""

    @transition(status, source=[P.PENDING, P.IN_TRANSIT, P.PAID], target=P.FAILED)
    def fail(self, *, code: str, **_facts: Any) -> None:
        """The money is back in the wallet, even if the bank had confirmed it before."""
        self.failure_code = code

    @transition(status, source=[P.PENDING, P.IN_TRANSIT], target=P.CANCELED)
    def cancel(self, **_facts: Any) -> None:
        """Given up before the bank moved anything."""

    def update(self, *, metadata: dict[str, str]) -> None:
        """Change what the caller may change."""
        self.metadata = metadata

    OUTSIDE_HISTORY = frozenset(
        {"id", "merchant_id", "livemode", "seller_id", "created_at", "sent_at", "due_at", "checks"}
    )

    # What the row is born with, besides its identity.
    BORN: ClassVar[tuple[str, ...]] = (
        "amount", "currency", "automatic", "gateway", "needs_approval", "requested_by",
        "description", "statement_descriptor", "metadata",
    )  # fmt: skip

    ARROWS: ClassVar[dict[str, Callable[..., None]]] = {
        "payout.created": begin,
        "payout.approved": approve,
        "payout.in_transit": leave,
        "payout.paid": arrive,
        "payout.failed": fail,
        "payout.canceled": cancel,
        "payout.updated": update,
    }
