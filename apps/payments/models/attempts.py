"""One try at one gateway."""

from functools import partial
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.lookups import IsNull

from apps.common.fsm import StatefulModel, StatusField, transition
from apps.common.ids import new_id
from apps.payments.models.intents import PaymentIntent
from apps.payments.states import AttemptStatus, ErrorClass, Operation

# What the index of attempts by card holds.
LAST4 = KeyTextTransform("last4", "method_details")
_OPEN = [AttemptStatus.STARTED, AttemptStatus.UNKNOWN, AttemptStatus.REQUIRES_ACTION]


class PaymentAttempt(StatefulModel):
    """
    One try to move an intent's money at one gateway.

    Its id is the idempotency key there and our reference. `operation` says what is under way at
    the gateway, `due_at` when another process may take that over. `kept` marks the one attempt
    whose money is the intent's; a late success of another one is given back. The row changes
    only together with its intent's version, which is therefore the lock of both. `checks` counts
    how often a sweeper took the operation over: 0 while the first runner has it, -1 before that.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "att")
    )
    intent = models.ForeignKey(PaymentIntent, on_delete=models.PROTECT, related_name="attempts")
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    number = models.PositiveSmallIntegerField()
    status = StatusField(default=AttemptStatus.STARTED, choices=AttemptStatus.choices)
    operation = models.CharField(
        max_length=10, choices=Operation.choices, default=Operation.CREATE, blank=True
    )
    due_at = models.DateTimeField(null=True)
    checks = models.SmallIntegerField(default=0)
    kept = models.BooleanField(default=False)
    gateway = models.CharField(max_length=40)
    route = models.JSONField(default=list)
    routing = models.JSONField(default=list)
    waits_for = models.CharField(max_length=40, blank=True)
    void_reason = models.CharField(max_length=30, blank=True)
    # What risk asked for: the money is only held until a person has closed the review, and the
    # payer proves who they are in the way the gateway understands ("any").
    is_held_for_review = models.BooleanField(default=False)
    request_three_d_secure = models.CharField(max_length=20, blank=True)
    payment_method_id = models.CharField(max_length=40, blank=True)
    method_type = models.CharField(max_length=20, default="card")
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    amount_authorized = models.BigIntegerField(default=0)
    amount_to_hold = models.BigIntegerField(default=0)
    amount_to_capture = models.BigIntegerField(default=0)
    amount_captured = models.BigIntegerField(default=0)
    fee = models.BigIntegerField(null=True)
    gateway_reference = models.CharField(max_length=255, blank=True)
    charge_reference = models.CharField(max_length=255, blank=True)
    error_class = models.CharField(max_length=30, choices=ErrorClass.choices, blank=True)
    decline_code = models.CharField(max_length=60, blank=True)
    network_decline_code = models.CharField(max_length=20, blank=True)
    advice_code = models.CharField(max_length=40, blank=True)
    message = models.CharField(max_length=500, blank=True)
    method_details = models.JSONField(default=dict)
    authorization_expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="attempt_number", fields=["intent", "number"]),
            models.UniqueConstraint(
                name="one_kept_attempt_per_intent", fields=["intent"], condition=Q(kept=True)
            ),
            models.CheckConstraint(
                name="attempt_kept_holds_money",
                condition=Q(kept=False)
                | Q(status__in=[AttemptStatus.AUTHORIZED, AttemptStatus.CAPTURED]),
            ),
            models.CheckConstraint(name="attempt_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="attempt_failed_has_class",
                condition=~Q(status=AttemptStatus.FAILED) | ~Q(error_class=""),
            ),
        ]
        indexes = [
            models.Index(name="attempt_due", fields=["due_at"], condition=Q(due_at__isnull=False)),
            models.Index(
                name="attempt_gateway_reference",
                fields=["gateway_reference"],
                condition=~Q(gateway_reference=""),
            ),
            models.Index(name="attempt_list", fields=["merchant_id", "livemode", "id"]),
            # What a payer reads out on the phone: the last four digits and the amount.
            models.Index(
                LAST4,
                "amount",
                "id",
                name="attempt_by_card_and_amount",
                condition=Q(IsNull(LAST4, rhs=False)),
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def charge_id(self) -> str:
        """The id under which the attempt shows as a charge once it reached the gateway."""
        return f"ch{self.id.removeprefix('att')}"

    @property
    def is_open(self) -> bool:
        """Whether nobody knows yet how the attempt ends."""
        return self.status in _OPEN

    @transition(status, source=_OPEN, target=AttemptStatus.UNKNOWN)
    def lose_sight(self) -> None:
        """Note that the gateway may or may not have acted."""

    @transition(status, source=_OPEN, target=AttemptStatus.REQUIRES_ACTION)
    def require_action(self) -> None:
        """Wait for the payer at the bank's page."""

    @transition(status, source=_OPEN, target=AttemptStatus.STARTED)
    def wait(self) -> None:
        """Wait for the gateway: it has the payment and will tell."""

    @transition(status, source=_OPEN, target=AttemptStatus.AUTHORIZED)
    def authorize(self, *, amount: int) -> None:
        """Note that the gateway holds the money."""
        self.amount_authorized = amount

    @transition(status, source=AttemptStatus.AUTHORIZED, target=AttemptStatus.AUTHORIZED)
    def raise_hold(self, *, amount: int) -> None:
        """Note that the gateway holds more; all of it is what this attempt is about now."""
        self.amount = amount
        self.amount_authorized = amount

    @transition(status, source=[*_OPEN, AttemptStatus.AUTHORIZED], target=AttemptStatus.CAPTURED)
    def capture(self, *, amount: int) -> None:
        """Note that the gateway took the money."""
        self.amount_captured = amount

    @transition(
        status,
        source=[*_OPEN, AttemptStatus.FAILED, AttemptStatus.VOIDED],
        target=AttemptStatus.CAPTURED,
    )
    def capture_late(self, *, amount: int) -> None:
        """Note that the gateway took money which the intent does not want any more."""
        self.amount_captured = amount

    @transition(
        status,
        source=[*_OPEN, AttemptStatus.FAILED, AttemptStatus.VOIDED],
        target=AttemptStatus.AUTHORIZED,
    )
    def authorize_late(self, *, amount: int) -> None:
        """Note that the gateway holds money which the intent does not want any more."""
        self.amount_authorized = amount

    @transition(status, source=[*_OPEN, AttemptStatus.AUTHORIZED], target=AttemptStatus.VOIDED)
    def void(self) -> None:
        """Note that the gateway released the money, or never touched it."""
        self.kept = False

    @transition(status, source=_OPEN, target=AttemptStatus.FAILED)
    def fail(self, *, error_class: ErrorClass, **facts: Any) -> None:
        """Note a decline, or that the gateway never had the request."""
        self.error_class = error_class
        self.decline_code = facts.get("decline_code", "")
        self.network_decline_code = facts.get("network_decline_code", "")
        self.advice_code = facts.get("advice_code", "")
        self.message = str(facts.get("message", ""))[:500]
