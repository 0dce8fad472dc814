"""Money on its way back to the payer."""

from functools import partial
from typing import Any

from django.db import models
from django.db.models import Q

from apps.common.fsm import StatefulModel, StatusField, transition
from apps.common.ids import new_id
from apps.payments.models.attempts import PaymentAttempt
from apps.payments.models.intents import PaymentIntent
from apps.payments.states import RefundStatus

R = RefundStatus


class Refund(StatefulModel):
    """
    Part of a captured attempt going back; `amount` is minor units of the intent's currency.

    Its id is the idempotency key at the gateway. `compensates` marks the return of money which
    the intent never kept (a late success of a lost attempt): it does not count on the intent.
    `retry_of` is the failed refund that this one tries again.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "re")
    )
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    version = models.PositiveIntegerField(default=0)
    intent = models.ForeignKey(PaymentIntent, on_delete=models.PROTECT, related_name="refunds")
    attempt = models.ForeignKey(PaymentAttempt, on_delete=models.PROTECT, related_name="refunds")
    status = StatusField(default=R.PENDING, choices=R.choices)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=40, blank=True)
    metadata = models.JSONField(default=dict)
    compensates = models.BooleanField(default=False)
    # One to one: who tries again what failed again names that one, so a failure is retried once.
    retry_of = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="retry"
    )
    gateway_reference = models.CharField(max_length=255, blank=True)
    # By what the payer's bank finds the money, once the gateway tells it; Stripe's word says what
    # kind of number that is.
    bank_reference = models.CharField(max_length=100, blank=True, default="")
    bank_reference_type = models.CharField(max_length=40, blank=True, default="")
    failure_reason = models.CharField(max_length=60, blank=True)
    due_at = models.DateTimeField(null=True)
    checks = models.PositiveSmallIntegerField(default=0)
    actor = models.CharField(max_length=100)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="refund_amount_positive", condition=Q(amount__gt=0)),
            models.UniqueConstraint(
                name="one_compensation_per_attempt",
                fields=["attempt"],
                condition=Q(compensates=True) & ~Q(status__in=[R.FAILED, R.CANCELED]),
            ),
        ]
        indexes = [
            models.Index(name="refund_due", fields=["due_at"], condition=Q(due_at__isnull=False)),
            # Few among millions: what waits for a person or a gateway.
            models.Index(
                name="refund_by_open_status",
                fields=["status", "id"],
                condition=Q(status__in=[R.REQUIRES_APPROVAL, R.PENDING]),
            ),
            models.Index(name="refund_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(
                name="refund_gateway_reference",
                fields=["gateway_reference"],
                condition=~Q(gateway_reference=""),
            ),
            models.Index(
                name="refund_bank_reference",
                fields=["bank_reference"],
                condition=~Q(bank_reference=""),
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def may_be_retried(self) -> bool:
        """Whether its amount may be refunded once more as it was; a retry may stand already."""
        return self.status == R.FAILED and not self.compensates

    @transition(status, source=[R.PENDING], target=R.SUCCEEDED)
    def succeed(self) -> None:
        """Take the gateway's word that the money went back."""

    @transition(status, source=[R.REQUIRES_APPROVAL, R.PENDING, R.SUCCEEDED], target=R.FAILED)
    def fail(self, *, reason: str) -> None:
        """The money stays with, or came back to, the merchant."""
        self.failure_reason = reason[:60]

    @transition(status, source=[R.REQUIRES_APPROVAL, R.PENDING], target=R.CANCELED)
    def cancel(self) -> None:
        """Give the refund up before the gateway did it."""

    @transition(status, source=[R.REQUIRES_APPROVAL], target=R.PENDING)
    def approve(self) -> None:
        """Let it go to the gateway."""

    def apply(self, step: str, **facts: Any) -> None:
        """Take a named step and count it."""
        getattr(self, step)(**facts)
        self.version += 1
