"""The checkout session: one link under which one payer pays for one basket."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from apps.checkout.states import PaymentStatus, SessionMode, SessionStatus
from apps.common.fsm import StatusField, transition
from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.outbox.history import EventSourced

S = SessionStatus
PAYING_MODES = (SessionMode.PAYMENT, SessionMode.SUBSCRIPTION)
NO_TRIAL = Q(trial_days__isnull=True, trial_end__isnull=True)
TIMES = frozenset({"expires_at", "trial_end"})


class SessionQuerySet(models.QuerySet["Session"]):
    def lock(self, pk: str) -> "Session":
        """Return the session with its row locked until the transaction ends."""
        return self.select_for_update().get(pk=pk)


class Session(EventSourced):
    """
    A hosted page for one basket; `amount_total` is minor units of `currency` (upper case).

    The payment itself is a payment intent, and at any time there is one that can still be paid:
    another takes its place only after the bank forbade a further try. In setup mode a setup intent
    stands in its place, and nothing is paid. In subscription mode there is neither before the payer
    presses the button: the subscription begins then, and its first invoice brings the intent. In a
    trial nothing is due: a setup intent saves the card, and the subscription begins once it has.
    `due_at` drives the sweep and is no part of the history.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "cs")
    )
    status = StatusField(default=S.OPEN, choices=S.choices)
    mode = models.CharField(max_length=20, choices=SessionMode.choices)
    payment_status = models.CharField(
        max_length=20, choices=PaymentStatus.choices, default=PaymentStatus.UNPAID
    )
    amount_total = models.BigIntegerField()
    currency = models.CharField(max_length=3, blank=True)
    line_items = models.JSONField(default=list)
    customer_id = models.CharField(max_length=40, blank=True)
    customer_email = models.CharField(max_length=512, blank=True)
    client_reference_id = models.CharField(max_length=200, blank=True)
    payment_intent_id = models.CharField(max_length=40, blank=True)
    setup_intent_id = models.CharField(max_length=40, blank=True)
    subscription_id = models.CharField(max_length=40, blank=True)
    success_url = models.CharField(max_length=2048, blank=True)
    cancel_url = models.CharField(max_length=2048, blank=True)
    locale = models.CharField(max_length=10, blank=True)
    metadata = models.JSONField(default=dict)
    # What the subscription is made with: `description`, `metadata`.
    subscription_data = models.JSONField(default=dict)
    # How long it is free: so many days from when it begins, or until this moment.
    trial_days = models.PositiveSmallIntegerField(null=True)
    trial_end = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)

    objects = models.Manager.from_queryset(SessionQuerySet)()

    class Meta:
        verbose_name = "checkout session"
        constraints = [
            models.CheckConstraint(
                name="session_has_what_its_mode_needs",
                condition=Q(
                    mode=SessionMode.PAYMENT,
                    amount_total__gt=0,
                    setup_intent_id="",
                    subscription_id="",
                )
                & ~Q(payment_intent_id="")
                | Q(
                    mode=SessionMode.SETUP,
                    amount_total=0,
                    payment_intent_id="",
                    subscription_id="",
                )
                & ~Q(setup_intent_id="")
                | Q(mode=SessionMode.SUBSCRIPTION, amount_total__gt=0, setup_intent_id="")
                & NO_TRIAL
                & (
                    Q(subscription_id="", payment_intent_id="")
                    | ~Q(subscription_id="") & ~Q(payment_intent_id="") & ~Q(customer_id="")
                )
                | Q(mode=SessionMode.SUBSCRIPTION, amount_total=0, payment_intent_id="")
                & ~NO_TRIAL
                & ~Q(setup_intent_id="")
                & (Q(subscription_id="") | ~Q(customer_id="")),
            ),
            models.CheckConstraint(
                name="session_complete_means_paid",
                condition=Q(
                    status=S.COMPLETE, mode__in=PAYING_MODES, payment_status=PaymentStatus.PAID
                )
                | Q(mode=SessionMode.SETUP, payment_status=PaymentStatus.NOTHING_TO_PAY)
                | Q(
                    mode=SessionMode.SUBSCRIPTION,
                    amount_total=0,
                    payment_status=PaymentStatus.NOTHING_TO_PAY,
                )
                & (~Q(status=S.COMPLETE) | ~Q(subscription_id=""))
                | ~Q(status=S.COMPLETE)
                & Q(mode__in=PAYING_MODES, payment_status=PaymentStatus.UNPAID),
            ),
            # Two sessions of one intent would tell two payers that they paid.
            models.UniqueConstraint(
                name="session_of_its_intent",
                fields=["payment_intent_id"],
                condition=~Q(payment_intent_id=""),
            ),
            models.UniqueConstraint(
                name="session_of_its_setup",
                fields=["setup_intent_id"],
                condition=~Q(setup_intent_id=""),
            ),
            models.UniqueConstraint(
                name="session_of_its_subscription",
                fields=["subscription_id"],
                condition=~Q(subscription_id=""),
            ),
        ]
        indexes = [
            models.Index(name="session_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(name="session_due", fields=["due_at"], condition=Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def scope(self) -> Scope:
        return Scope(self.merchant_id, self.livemode)

    @property
    def has_trial(self) -> bool:
        """Whether the subscription begins free."""
        return self.trial_days is not None or self.trial_end is not None

    def begin(self, **fields: Any) -> None:
        """Take over what the session is made of."""
        for name, value in fields.items():
            if name not in self.BORN:
                raise ValueError(f"{name} is not set by an event")
            setattr(self, name, datetime.fromisoformat(value) if name in TIMES else value)
        if not self.amount_total:
            self.payment_status = PaymentStatus.NOTHING_TO_PAY

    def update(self, *, metadata: dict[str, str]) -> None:
        """Change what the merchant noted."""
        self.metadata = metadata

    def name_customer(self, *, customer_id: str) -> None:
        """The payer, who was nobody's customer, tries."""
        self.customer_id = customer_id

    def begin_subscription(
        self, *, customer_id: str, subscription_id: str, payment_intent_id: str, amount_total: int
    ) -> None:
        """
        The payer subscribed; the first invoice, whose sum this is, waits for their card.

        In a trial nothing waits: the card is saved, and there is no payment.
        """
        self.customer_id = customer_id
        self.subscription_id = subscription_id
        self.payment_intent_id = payment_intent_id
        self.amount_total = amount_total

    def replace_payment(self, *, payment_intent_id: str, **_facts: Any) -> None:
        """Go on with another payment: the bank forbade a further try of the one before."""
        self.payment_intent_id = payment_intent_id

    @transition(status, source=[S.OPEN], target=S.COMPLETE)
    def complete(self, *, at: str, **_facts: Any) -> None:
        """The payment went through, or the card is saved."""
        if self.payment_status == PaymentStatus.UNPAID:
            self.payment_status = PaymentStatus.PAID
        self.completed_at = datetime.fromisoformat(at)

    @transition(status, source=[S.OPEN], target=S.EXPIRED)
    def expire(self, **_facts: Any) -> None:
        """Nobody paid in time, or the merchant took the link back."""

    OUTSIDE_HISTORY = frozenset({"id", "merchant_id", "livemode", "created_at", "due_at"})

    BORN: ClassVar[frozenset[str]] = frozenset(
        {
            "mode", "amount_total", "currency", "line_items", "customer_id", "customer_email",
            "client_reference_id", "payment_intent_id", "setup_intent_id", "success_url",
            "cancel_url", "locale", "metadata", "subscription_data", "trial_days", "trial_end",
            "expires_at",
        }
    )  # fmt: skip

    ARROWS: ClassVar[dict[str, Callable[..., None]]] = {
        "checkout.session.created": begin,
        "checkout.session.updated": update,
        "checkout.session.payment_replaced": replace_payment,
        "checkout.session.customer_created": name_customer,
        "checkout.session.subscription_created": begin_subscription,
        "checkout.session.completed": complete,
        "checkout.session.expired": expire,
    }
