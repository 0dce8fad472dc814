"""The dispute: a payer's complaint at the bank, and the money it moves."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from apps.common.fsm import StatusField, transition
from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.disputes.states import ANSWERABLE, OPEN, DisputeStage, DisputeStatus, FundsKind
from apps.outbox.history import EventSourced
from apps.payments.models import PaymentAttempt

S = DisputeStatus
_INQUIRY = [S.WARNING_NEEDS_RESPONSE, S.WARNING_UNDER_REVIEW]
_DECIDED = [S.WON, S.LOST, S.ACCEPTED, S.EXPIRED]


class DisputeQuerySet(models.QuerySet["Dispute"]):
    def lock(self, pk: str) -> "Dispute":
        """Return the dispute with its row locked until the transaction ends."""
        return self.select_for_update().get(pk=pk)


class Dispute(EventSourced):
    """
    One dispute; `amount` is minor units of `currency` (upper case).

    The row is the fold of its events: each event type names the method in `ARROWS` which its
    `data` is given to. `amount_withdrawn` (what the gateway has taken for it and not given back),
    `amount_fees` and `amount_lost` (the part of it booked as lost) are minor units of
    `funds_currency`. `round` counts how often the bank asked for evidence. `next_check_at` only
    drives the polling and is no part of the history; nor are the test clock of the customer and how
    far it was ahead of the real time when the round began.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "dp"))
    attempt = models.ForeignKey(PaymentAttempt, on_delete=models.PROTECT, related_name="+")
    intent_id = models.CharField(max_length=40)
    customer_id = models.CharField(max_length=40, blank=True)
    gateway = models.CharField(max_length=40)
    gateway_reference = models.CharField(max_length=255)
    status = StatusField(default=S.OPENED, choices=S.choices)
    stage = models.CharField(max_length=20, choices=DisputeStage.choices)
    round = models.PositiveSmallIntegerField(default=1)
    reason = models.CharField(max_length=60)
    network = models.CharField(max_length=20, blank=True)
    network_reason_code = models.CharField(max_length=20, blank=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    is_charge_refundable = models.BooleanField(default=False)
    submissions = models.PositiveSmallIntegerField(default=0)
    submitted_at = models.DateTimeField(null=True)
    submitted_by = models.CharField(max_length=300, blank=True)
    due_at = models.DateTimeField(null=True)
    last_reminder = models.PositiveSmallIntegerField(null=True)
    funds_currency = models.CharField(max_length=3, blank=True)
    amount_withdrawn = models.BigIntegerField(default=0)
    amount_fees = models.BigIntegerField(default=0)
    amount_lost = models.BigIntegerField(default=0)
    refund_id = models.CharField(max_length=40, blank=True)
    metadata = models.JSONField(default=dict)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    next_check_at = models.DateTimeField(null=True)
    test_clock_id = models.CharField(max_length=40, blank=True)
    clock_lead = models.DurationField(default=timedelta)
    created_at = models.DateTimeField()

    objects = models.Manager.from_queryset(DisputeQuerySet)()

    class Meta:
        permissions = [
            ("submit_dispute", "Can submit evidence"),
            ("accept_dispute", "Can accept a dispute"),
        ]
        constraints = [
            models.UniqueConstraint(
                name="dispute_once_per_gateway", fields=["gateway", "gateway_reference"]
            ),
            models.CheckConstraint(name="dispute_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(name="dispute_is_opened", condition=~Q(status=S.OPENED)),
            models.CheckConstraint(
                name="dispute_inquiry_loses_nothing",
                condition=~Q(status__in=[*_INQUIRY, S.WARNING_CLOSED]) | Q(amount_lost=0),
            ),
        ]
        indexes = [
            models.Index(name="dispute_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(name="dispute_intent", fields=["intent_id"]),
            models.Index(
                name="dispute_due", fields=["due_at"], condition=Q(status__in=sorted(OPEN))
            ),
            models.Index(
                name="dispute_next_check",
                fields=["next_check_at"],
                condition=Q(next_check_at__isnull=False),
            ),
            models.Index(
                name="dispute_test_clock",
                fields=["test_clock_id"],
                condition=Q(status__in=sorted(ANSWERABLE)) & ~Q(test_clock_id=""),
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def scope(self) -> Scope:
        return Scope(self.merchant_id, self.livemode)

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    def begin(self, *, status: str, **born: Any) -> None:
        """Start with what the gateway told first."""
        self._set(born)
        self.STEPS[DisputeStatus(status)](self)

    def change(self, *, status: str = "", **facts: Any) -> None:
        """Follow what the gateway tells now."""
        self._set(facts)
        if status:
            self.STEPS[DisputeStatus(status)](self)

    def move_funds(self, *, withdrawn: int, fee: int, currency: str, **_facts: Any) -> None:
        """Count money that the gateway took, or gave back when it is negative."""
        self.amount_withdrawn += withdrawn
        self.amount_fees += fee
        self.funds_currency = currency

    def submit(self, *, by: str, at: str, **_facts: Any) -> None:
        """Freeze the evidence of this round; the gateway is told right after."""
        self.submitted_by = by
        self.submitted_at = datetime.fromisoformat(at)

    def withdraw_submission(self, **_facts: Any) -> None:
        """The gateway refused the evidence: it can be mended and submitted again."""
        self.submitted_by = ""
        self.submitted_at = None

    def remind(self, *, days: int) -> None:
        """Tell that the deadline is near."""
        self.last_reminder = days

    @transition(status, source=[S.OPENED], target=S.WARNING_NEEDS_RESPONSE)
    def ask(self) -> None:
        """The bank asks before it takes the money."""

    @transition(
        status,
        source=[S.OPENED, S.WARNING_NEEDS_RESPONSE],
        target=S.WARNING_UNDER_REVIEW,
    )
    def answer_inquiry(self) -> None:
        """The bank reads our answer to its question."""

    @transition(status, source=[S.OPENED, *_INQUIRY], target=S.WARNING_CLOSED)
    def close_inquiry(self) -> None:
        """The bank let it go."""

    @transition(
        status,
        source=[S.OPENED, *_INQUIRY, S.WARNING_CLOSED, S.UNDER_REVIEW, *_DECIDED],
        target=S.NEEDS_RESPONSE,
    )
    def require_response(self) -> None:
        """The bank took the money and waits for evidence; or it came back (AC-92)."""

    @transition(
        status,
        source=[S.OPENED, *_INQUIRY, S.NEEDS_RESPONSE, *_DECIDED],
        target=S.UNDER_REVIEW,
    )
    def review(self) -> None:
        """The bank reads our evidence."""

    @transition(
        status,
        source=[S.OPENED, *_INQUIRY, S.NEEDS_RESPONSE, S.UNDER_REVIEW, *_DECIDED],
        target=S.WON,
    )
    def win(self) -> None:
        """The bank decided for us."""

    @transition(
        status,
        source=[S.OPENED, *_INQUIRY, S.NEEDS_RESPONSE, S.UNDER_REVIEW, S.WON],
        target=S.LOST,
    )
    def lose(self) -> None:
        """The bank decided for the payer."""

    @transition(status, source=[S.NEEDS_RESPONSE, S.UNDER_REVIEW, S.LOST], target=S.ACCEPTED)
    def accept(self) -> None:
        """We gave it up."""

    @transition(status, source=[S.NEEDS_RESPONSE], target=S.EXPIRED)
    def expire(self) -> None:
        """Nobody answered in time."""

    @transition(
        status,
        source=[S.OPENED, *_INQUIRY, S.NEEDS_RESPONSE, S.UNDER_REVIEW],
        target=S.PREVENTED,
    )
    def prevent(self) -> None:
        """Settled by refund before it counted as a chargeback (AC-88)."""

    def _set(self, facts: dict[str, Any]) -> None:
        for name, value in facts.items():
            if name not in self.MUTABLE:
                raise ValueError(f"{name} is not set by an event")
            is_time = name.endswith("_at") and value is not None
            setattr(self, name, datetime.fromisoformat(value) if is_time else value)

    OUTSIDE_HISTORY = frozenset(
        {
            "id", "merchant_id", "livemode", "next_check_at", "test_clock_id", "clock_lead",
            "created_at",
        }
    )  # fmt: skip

    MUTABLE: ClassVar[frozenset[str]] = frozenset(
        {
            "attempt_id", "intent_id", "customer_id", "gateway", "gateway_reference", "stage",
            "round", "reason", "network", "network_reason_code", "amount", "currency",
            "is_charge_refundable", "submissions", "submitted_at", "submitted_by", "due_at",
            "last_reminder", "amount_fees", "amount_lost", "refund_id", "metadata", "opened_at",
            "closed_at",
        }
    )  # fmt: skip

    STEPS: ClassVar[dict[DisputeStatus, Callable[..., None]]] = {
        S.WARNING_NEEDS_RESPONSE: ask,
        S.WARNING_UNDER_REVIEW: answer_inquiry,
        S.WARNING_CLOSED: close_inquiry,
        S.NEEDS_RESPONSE: require_response,
        S.UNDER_REVIEW: review,
        S.WON: win,
        S.LOST: lose,
        S.ACCEPTED: accept,
        S.EXPIRED: expire,
        S.PREVENTED: prevent,
    }

    ARROWS: ClassVar[dict[str, Callable[..., None]]] = {
        "charge.dispute.created": begin,
        "charge.dispute.updated": change,
        "charge.dispute.closed": change,
        "charge.dispute.funds_withdrawn": move_funds,
        "charge.dispute.funds_reinstated": move_funds,
        "charge.dispute.evidence_submitted": submit,
        "charge.dispute.evidence_refused": withdraw_submission,
        "charge.dispute.deadline_near": remind,
    }


class DisputeFunds(models.Model):
    """
    Money that a dispute moved, as it was booked; never changed.

    `amount` and `fee` are minor units of `currency`; `kind` says which way. The id names the fact
    in the ledger; `gateway_reference` is the gateway's movement, "" for what we booked ourselves.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "dpf"))
    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="funds")
    kind = models.CharField(max_length=20, choices=FundsKind.choices)
    amount = models.BigIntegerField()
    fee = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    gateway_reference = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="dispute_funds_once",
                fields=["dispute", "gateway_reference"],
                condition=~Q(gateway_reference=""),
            ),
            models.CheckConstraint(name="dispute_funds_positive", condition=Q(amount__gt=0)),
        ]

    def __str__(self) -> str:
        return self.id


class FraudReport(models.Model):
    """A bank's early warning that a payment was a fraud; counts for the schemes' ratios."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "issfr"))
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    attempt = models.ForeignKey(PaymentAttempt, on_delete=models.PROTECT, related_name="+")
    intent_id = models.CharField(max_length=40)
    gateway = models.CharField(max_length=40)
    gateway_reference = models.CharField(max_length=255)
    network = models.CharField(max_length=20, blank=True)
    kind = models.CharField(max_length=60)
    is_actionable = models.BooleanField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="fraud_report_once", fields=["gateway", "gateway_reference"]
            )
        ]
        indexes = [
            models.Index(
                name="fraud_report_month", fields=["merchant_id", "livemode", "created_at"]
            ),
            models.Index(name="fraud_report_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(name="fraud_report_intent", fields=["intent_id"]),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def scope(self) -> Scope:
        return Scope(self.merchant_id, self.livemode)
