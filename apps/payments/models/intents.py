"""The payment intent: the state machine of one wish to pay."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.lookups import IsNull

from apps.common.fsm import StatusField, transition
from apps.common.ids import new_id
from apps.outbox.history import EventSourced
from apps.payments.states import RETRYABLE_CLASSES, CaptureMethod, IntentStatus, ThreeDSecure

S = IntentStatus
_CONFIRMABLE = [S.CREATED, S.REQUIRES_ACTION, S.FAILED]
# The number that most shops keep in the metadata; an index holds it.
ORDER_ID = KeyTextTransform("order_id", "metadata")
_WAITING = [S.PROCESSING, S.REQUIRES_ACTION]


class PaymentIntentQuerySet(models.QuerySet["PaymentIntent"]):
    def lock(self, pk: str) -> "PaymentIntent":
        """Return the intent with its row locked until the transaction ends."""
        return self.select_for_update().get(pk=pk)


class PaymentIntent(EventSourced):
    """
    One wish of a payer to pay; amounts are minor units of `currency` (upper-case ISO 4217).

    The row is the fold of its events: each event type names the method in `ARROWS` which its
    `data` is given to, both when the fact happens and when the history is replayed. `version`
    counts the events. `order_id` names the payment order that runs as this intent, if one does.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "pi")
    )
    status = StatusField(default=S.CREATED, choices=S.choices)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    amount_capturable = models.BigIntegerField(default=0)
    amount_received = models.BigIntegerField(default=0)
    amount_refund_pending = models.BigIntegerField(default=0)
    amount_refunded = models.BigIntegerField(default=0)
    capture_method = models.CharField(
        max_length=10, choices=CaptureMethod.choices, default=CaptureMethod.AUTOMATIC
    )
    customer_id = models.CharField(max_length=40, blank=True)
    payment_method_id = models.CharField(max_length=40, blank=True)
    latest_attempt_id = models.CharField(max_length=40, blank=True)
    latest_charge_id = models.CharField(max_length=40, blank=True)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    off_session = models.BooleanField(default=False)
    setup_future_usage = models.CharField(max_length=20, blank=True)
    return_url = models.CharField(max_length=2048, blank=True)
    description = models.CharField(max_length=1000, blank=True)
    receipt_email = models.CharField(max_length=512, blank=True)
    statement_descriptor = models.CharField(max_length=22, blank=True)
    # Of a card payment; it stands behind the account's own beginning.
    statement_descriptor_suffix = models.CharField(max_length=22, blank=True)
    # Where the goods go; in the API's shape.
    shipping = models.JSONField(null=True)
    payment_method_options = models.JSONField(null=True)
    metadata = models.JSONField(default=dict)
    application_fee_amount = models.BigIntegerField(null=True)
    transfer_destination = models.CharField(max_length=40, blank=True)
    transfer_group = models.CharField(max_length=255, blank=True)
    order_id = models.CharField(max_length=40, blank=True)
    next_action = models.JSONField(null=True)
    last_payment_error = models.JSONField(null=True)
    cancellation_reason = models.CharField(max_length=30, blank=True)
    client_secret = models.CharField(max_length=100)
    created_at = models.DateTimeField()
    canceled_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()

    objects = models.Manager.from_queryset(PaymentIntentQuerySet)()

    class Meta:
        constraints = [
            models.CheckConstraint(name="intent_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="intent_refunds_never_exceed_received",
                condition=Q(amount_received__gte=F("amount_refunded") + F("amount_refund_pending")),
            ),
            models.CheckConstraint(
                name="intent_refund_amounts_not_negative",
                condition=Q(amount_refunded__gte=0, amount_refund_pending__gte=0),
            ),
            models.CheckConstraint(
                name="intent_refunded_in_full",
                condition=~Q(status=S.REFUNDED) | Q(amount_refunded=F("amount_received")),
            ),
            models.CheckConstraint(
                name="intent_fee_is_part_of_a_split",
                condition=Q(application_fee_amount__isnull=True)
                | Q(application_fee_amount__gte=0, application_fee_amount__lte=F("amount"))
                & ~Q(transfer_destination=""),
            ),
            models.CheckConstraint(
                name="intent_received_only_after_success",
                condition=Q(status__in=[S.SUCCEEDED, S.REFUNDED]) | Q(amount_received=0),
            ),
        ]
        indexes = [
            models.Index(name="intent_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(
                name="intent_by_customer",
                fields=["customer_id", "id"],
                condition=~Q(customer_id=""),
            ),
            # Mostly few among millions: a list of them would read all rows to fill its page.
            models.Index(
                name="intent_by_rare_status",
                fields=["status", "id"],
                condition=Q(
                    status__in=[
                        S.CREATED,
                        S.PROCESSING,
                        S.REQUIRES_ACTION,
                        S.REQUIRES_CAPTURE,
                        S.CONFLICTED,
                        S.CANCELED,
                        S.EXPIRED,
                    ]
                ),
            ),
            # What staff are told on the phone. Who pays without an account leaves an address only,
            # and most shops keep their order's number in the metadata, under this name.
            models.Index(
                name="intent_by_receipt_email",
                fields=["receipt_email", "id"],
                condition=~Q(receipt_email=""),
            ),
            models.Index(
                ORDER_ID,
                "id",
                name="intent_by_order_id",
                condition=Q(IsNull(ORDER_ID, rhs=False)),
            ),
            models.Index(
                name="intent_open_by_expiry",
                fields=["expires_at"],
                condition=Q(
                    status__in=[S.CREATED, S.REQUIRES_ACTION, S.FAILED, S.REQUIRES_CAPTURE]
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def amount_refundable(self) -> int:
        return self.amount_received - self.amount_refunded - self.amount_refund_pending

    @property
    def descriptor(self) -> str:
        """Return what the merchant wants to read on the payer's statement."""
        return self.statement_descriptor_suffix or self.statement_descriptor

    @property
    def wanted_three_d_secure(self) -> str:
        """Return how the merchant wants a card's payer to prove who they are, "" as risk says."""
        options = (self.payment_method_options or {}).get("card", {})
        wanted = str(options.get("request_three_d_secure", ""))
        return "" if wanted == ThreeDSecure.AUTOMATIC else wanted

    @property
    def is_retryable(self) -> bool:
        """Whether a failed intent may be confirmed again (ruling C13)."""
        error = self.last_payment_error or {}
        return error.get("error_class") in RETRYABLE_CLASSES

    @transition(status, source=_CONFIRMABLE, target=S.PROCESSING)
    def process(self, *, attempt: str, **confirmed: Any) -> None:
        """Start an attempt; `confirmed` holds what confirming settled about the intent."""
        self._follow(attempt)
        self.next_action = None
        self.last_payment_error = None
        self._set(confirmed)

    @transition(status, source=[S.PROCESSING], target=S.PROCESSING)
    def reroute(self, *, attempt: str, **_facts: Any) -> None:
        """Go on with an attempt at the next gateway."""
        self._follow(attempt)

    @transition(status, source=_WAITING, target=S.REQUIRES_ACTION)
    def require_action(self, *, url: str, **_facts: Any) -> None:
        """Send the payer to the bank's page."""
        self.next_action = {"type": "redirect_to_url", "url": url}

    @transition(status, source=_WAITING, target=S.PROCESSING)
    def wait(self, **_facts: Any) -> None:
        """The payer did their part, the gateway has not answered yet."""
        self.next_action = None

    @transition(status, source=[*_WAITING, S.REQUIRES_CAPTURE], target=S.REQUIRES_CAPTURE)
    def hold(
        self, *, amount_capturable: int, charge: str, amount: int | None = None, **_facts: Any
    ) -> None:
        """The money is held at the gateway until it is captured; `amount` when it grew."""
        self.amount = self.amount if amount is None else amount
        self.amount_capturable = amount_capturable
        self.latest_charge_id = charge
        self.next_action = None

    @transition(status, source=_WAITING, target=S.PROCESSING)
    def wait_for_review(self, *, charge: str, **_facts: Any) -> None:
        """The money is held at the gateway until a person has looked at the payment."""
        self.latest_charge_id = charge
        self.next_action = {"type": "review"}

    @transition(status, source=[S.REQUIRES_CAPTURE], target=S.PROCESSING)
    def start_capture(self, **_facts: Any) -> None:
        """Ask the gateway to take what it holds."""

    @transition(status, source=_WAITING, target=S.SUCCEEDED)
    def succeed(self, *, amount_received: int, charge: str, **_facts: Any) -> None:
        """The money was taken."""
        self.amount_received = amount_received
        self.latest_charge_id = charge
        self.amount_capturable = 0
        self.next_action = None

    @transition(status, source=_WAITING, target=S.FAILED)
    def fail(self, *, error: dict[str, Any], charge: str = "", **_facts: Any) -> None:
        """The attempt failed; `error` says whether another one may follow."""
        self.last_payment_error = error
        self.latest_charge_id = charge
        self.next_action = None

    @transition(
        status,
        source=[S.CREATED, S.REQUIRES_ACTION, S.FAILED, S.REQUIRES_CAPTURE],
        target=S.CANCELED,
    )
    def cancel(self, *, reason: str, at: str, **_facts: Any) -> None:
        """Give the payment up; what is held is released."""
        self.cancellation_reason = reason
        self.canceled_at = datetime.fromisoformat(at)
        self.amount_capturable = 0
        self.next_action = None

    @transition(status, source=_CONFIRMABLE, target=S.EXPIRED)
    def expire(self, *, at: str, **_facts: Any) -> None:
        """Nobody paid in time."""
        self.cancellation_reason = "expired"
        self.canceled_at = datetime.fromisoformat(at)
        self.next_action = None

    @transition(status, source=[*_WAITING, S.REQUIRES_CAPTURE], target=S.CONFLICTED)
    def conflict(self, *, charge: str, **_facts: Any) -> None:
        """The gateway moved another amount or currency; a person has to look."""
        self.latest_charge_id = charge
        self.next_action = None

    def reserve_refund(self, *, amount: int, **_facts: Any) -> None:
        """Set part of the received money aside for a refund under way."""
        self.amount_refund_pending += amount

    def release_refund(self, *, amount: int, **_facts: Any) -> None:
        """Give a refund's reservation back: it failed or was canceled."""
        self.amount_refund_pending -= amount

    def settle_refund(self, *, amount: int, **_facts: Any) -> None:
        """Turn a reservation into money given back, in part."""
        self.amount_refund_pending -= amount
        self.amount_refunded += amount

    @transition(status, source=[S.SUCCEEDED], target=S.REFUNDED)
    def settle_last_refund(self, *, amount: int, **_facts: Any) -> None:
        """Close the payment: all of it is back with the payer."""
        self.settle_refund(amount=amount)

    @transition(status, source=[S.SUCCEEDED, S.REFUNDED], target=S.SUCCEEDED)
    def undo_refund(self, *, amount: int, **_facts: Any) -> None:
        """A refund reported as done came back: the money is ours again (AC-49b)."""
        self.amount_refunded -= amount

    def update(self, **fields: Any) -> None:
        """Change what the caller may still change."""
        self._set(fields)

    def note(self, **_facts: Any) -> None:
        """Keep a fact which changes nothing on the row."""

    def _follow(self, attempt: str) -> None:
        self.latest_attempt_id = attempt
        self.attempt_count += 1

    def _set(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            if name not in self.MUTABLE:
                raise ValueError(f"{name} is not set by an event")
            setattr(self, name, datetime.fromisoformat(value) if name == "expires_at" else value)

    OUTSIDE_HISTORY = frozenset(
        {"id", "merchant_id", "livemode", "client_secret", "order_id", "created_at"}
    )

    MUTABLE: ClassVar[frozenset[str]] = frozenset(
        {
            "amount", "currency", "capture_method", "customer_id", "payment_method_id",
            "off_session", "setup_future_usage", "return_url", "description", "receipt_email",
            "statement_descriptor", "statement_descriptor_suffix", "shipping",
            "payment_method_options", "metadata", "application_fee_amount",
            "transfer_destination", "transfer_group", "expires_at",
        }
    )  # fmt: skip

    ARROWS: ClassVar[dict[str, Callable[..., None]]] = {
        "payment_intent.created": update,
        "payment_intent.updated": update,
        "payment_intent.processing": process,
        "payment_intent.rerouted": reroute,
        "payment_intent.outcome_unknown": note,
        "payment_intent.requires_action": require_action,
        "payment_intent.pending": wait,
        "payment_intent.amount_capturable_updated": hold,
        "payment_intent.held_for_review": wait_for_review,
        "payment_intent.review_approved": wait,
        "payment_intent.capture_requested": start_capture,
        "payment_intent.increment_requested": note,
        "payment_intent.increment_declined": note,
        "payment_intent.void_requested": note,
        "payment_intent.succeeded": succeed,
        "payment_intent.payment_failed": fail,
        "payment_intent.canceled": cancel,
        "payment_intent.expired": expire,
        "payment_intent.conflicted": conflict,
        "payment_intent.attempt_updated": note,
        "payment_intent.compensation_started": note,
        "payment_intent.refund_requested": reserve_refund,
        "payment_intent.refund_failed": release_refund,
        "payment_intent.partially_refunded": settle_refund,
        "payment_intent.refunded": settle_last_refund,
        "payment_intent.refund_returned": undo_refund,
    }
