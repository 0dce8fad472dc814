"""The subscription: who pays for what, again and again."""

from datetime import datetime
from decimal import Decimal
from functools import partial

from django.db import models
from django.db.models import F, Q

from apps.common.fsm import StatusField, transition
from apps.common.ids import new_id
from apps.customers.models import Customer
from apps.subscriptions.models.catalog import Coupon, Price, Product
from apps.subscriptions.models.dunning import DunningPolicy
from apps.subscriptions.models.recorded import Recorded
from apps.subscriptions.policies.proration import ProrationUnit
from apps.subscriptions.policies.time import Cycle, Interval, Period
from apps.subscriptions.states import (
    ENDED,
    CollectionMethod,
    Feedback,
    MissingMethodAction,
    PauseBehavior,
    SubscriptionStatus,
)

S = SubscriptionStatus
_SERVED = [S.TRIALING, S.ACTIVE, S.PAST_DUE]
_ALIVE = [S.INCOMPLETE, S.TRIALING, S.ACTIVE, S.PAST_DUE, S.UNPAID, S.PAUSED]


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def lock(self, pk: str) -> "Subscription":
        """Return the subscription with its row locked until the transaction ends."""
        return self.select_for_update(of=("self",)).select_related("customer").get(pk=pk)


class Subscription(Recorded):
    """
    One customer's standing order.

    The cycle runs from `anchor` in `time_zone`, the customer's own when they subscribed.
    `due_at` is when the clock has to look at it next, whatever for: see `policies.agenda`.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "sub")
    )
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="subscriptions")
    status = StatusField(default=S.INCOMPLETE, choices=S.choices)
    currency = models.CharField(max_length=3)
    time_zone = models.CharField(max_length=60, default="UTC")
    anchor = models.DateTimeField()
    current_period_start = models.DateTimeField()
    current_period_end = models.DateTimeField()
    started_at = models.DateTimeField()
    trial_start = models.DateTimeField(null=True)
    trial_end = models.DateTimeField(null=True)
    trial_reminded = models.BooleanField(default=False)
    missing_method_action = models.CharField(
        max_length=20,
        choices=MissingMethodAction.choices,
        default=MissingMethodAction.CREATE_INVOICE,
    )
    collection_method = models.CharField(
        max_length=20,
        choices=CollectionMethod.choices,
        default=CollectionMethod.CHARGE_AUTOMATICALLY,
    )
    days_until_due = models.PositiveSmallIntegerField(null=True)
    default_payment_method_id = models.CharField(max_length=40, blank=True)
    # Whether the method that pays an invoice of it becomes the one above.
    saves_method = models.BooleanField(default=False, db_default=False)
    proration_unit = models.CharField(
        max_length=6,
        choices=[(unit.value, unit.value) for unit in ProrationUnit],
        default=ProrationUnit.SECOND.value,
    )
    tax_percent = models.DecimalField(max_digits=7, decimal_places=4, default=Decimal(0))
    pause_behavior = models.CharField(max_length=20, choices=PauseBehavior.choices, blank=True)
    pause_resumes_at = models.DateTimeField(null=True)
    cancel_at_period_end = models.BooleanField(default=False)
    cancel_at = models.DateTimeField(null=True)
    canceled_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    cancellation_reason = models.CharField(max_length=40, blank=True)
    # What the customer said when they left: their words, and the kind of reason.
    cancellation_comment = models.CharField(max_length=5000, blank=True, default="", db_default="")
    cancellation_feedback = models.CharField(
        max_length=20, choices=Feedback.choices, blank=True, default="", db_default=""
    )
    past_due_since = models.DateTimeField(null=True)
    dunning_policy = models.ForeignKey(DunningPolicy, on_delete=models.PROTECT, null=True)
    latest_invoice_id = models.CharField(max_length=40, blank=True)
    test_clock_id = models.CharField(max_length=40, blank=True)
    due_at = models.DateTimeField(null=True)
    # What it is worth a month while it is served, in minor units: see `RevenueChange`.
    monthly_revenue = models.DecimalField(max_digits=24, decimal_places=6, default=Decimal(0))
    # The safety bound: how many periods were billed on the day `runs_on`.
    runs_on = models.DateField(null=True)
    runs = models.PositiveSmallIntegerField(default=0)
    parked_reason = models.CharField(max_length=200, blank=True)
    description = models.CharField(max_length=500, blank=True)
    metadata = models.JSONField(default=dict)

    OUTSIDE_HISTORY = Recorded.OUTSIDE_HISTORY | {"due_at"}

    objects = models.Manager.from_queryset(SubscriptionQuerySet)()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="subscription_period_runs_forward",
                condition=Q(current_period_end__gt=F("current_period_start")),
            ),
            models.CheckConstraint(
                name="subscription_ended_has_time",
                condition=~Q(status__in=ENDED) | Q(ended_at__isnull=False, due_at__isnull=True),
            ),
            models.CheckConstraint(
                name="subscription_trialing_has_end",
                condition=~Q(status=S.TRIALING) | Q(trial_end__isnull=False),
            ),
        ]
        indexes = [
            models.Index(name="subscription_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(name="subscription_by_customer", fields=["customer", "id"]),
            models.Index(
                name="subscription_due",
                fields=["test_clock_id", "due_at"],
                condition=Q(due_at__isnull=False),
            ),
            models.Index(
                name="subscription_ending_period",
                fields=["test_clock_id", "current_period_end"],
                condition=Q(status__in=[S.ACTIVE, S.PAST_DUE]),
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def period(self) -> Period:
        """The period that was billed last."""
        return Period(self.current_period_start, self.current_period_end)

    @property
    def is_ended(self) -> bool:
        return self.status in ENDED

    def cycle(self, interval: Interval) -> Cycle:
        """Return the row of periods from the anchor on."""
        return Cycle(self.anchor, interval, self.time_zone)

    @transition(status, source=[S.INCOMPLETE, S.TRIALING, S.ACTIVE, S.PAST_DUE], target=S.TRIALING)
    def begin_trial(self, *, start: datetime, end: datetime) -> None:
        """Serve for free until `end`; the cycle begins there."""
        self.trial_start = self.trial_start or start
        self.trial_end = end
        self.trial_reminded = False
        self.anchor = end
        self.current_period_end = end

    @transition(status, source=_ALIVE, target=S.ACTIVE)
    def activate(self) -> None:
        """It is paid for, or its trial is over and the invoice is on its way."""
        self.past_due_since = None

    @transition(status, source=[S.TRIALING, S.ACTIVE, S.PAST_DUE], target=S.PAST_DUE)
    def fall_behind(self, *, now: datetime) -> None:
        """An invoice was not paid; the grace begins with the first."""
        self.past_due_since = self.past_due_since or now

    @transition(status, source=[S.ACTIVE, S.PAST_DUE], target=S.UNPAID)
    def mark_unpaid(self) -> None:
        """Dunning is over; invoices are still made, but nobody is charged."""

    @transition(status, source=[S.TRIALING, S.ACTIVE, S.PAST_DUE], target=S.PAUSED)
    def pause(self) -> None:
        """Serve and bill nothing until someone resumes it."""
        self.past_due_since = None

    @transition(status, source=_ALIVE, target=S.CANCELED)
    def cancel(self, *, now: datetime, reason: str) -> None:
        """End it for good."""
        self.canceled_at = self.canceled_at or now
        self.ended_at = now
        self.cancellation_reason = reason
        self.due_at = None

    @transition(status, source=S.INCOMPLETE, target=S.INCOMPLETE_EXPIRED)
    def expire(self, *, now: datetime) -> None:
        """The first invoice was not paid in time: it never began."""
        self.ended_at = now
        self.due_at = None


class SubscriptionItem(models.Model):
    """One price on a subscription, and how many of it."""

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "si")
    )
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="items")
    price = models.ForeignKey(Price, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField(default=1)
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_item_per_price",
                fields=["subscription", "price"],
                deferrable=models.Deferrable.DEFERRED,
            )
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def amount(self) -> int:
        """What the item costs for a whole period; metered usage costs nothing in advance."""
        return 0 if self.price.is_metered else self.price.terms.amount(self.quantity)


class Discount(models.Model):
    """
    A coupon redeemed on a subscription, until `ends_at` or for good.

    One that is valid once ends with the first period it was billed in, so that a change within
    that period gives back no more than was paid.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "di")
    )
    subscription = models.ForeignKey(
        Subscription, on_delete=models.CASCADE, related_name="discounts"
    )
    coupon = models.ForeignKey(Coupon, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.coupon_id} on {self.subscription_id}"

    def is_valid_at(self, moment: datetime) -> bool:
        """Return whether it still takes something off."""
        return self.ends_at is None or moment < self.ends_at


class UpcomingNotice(models.Model):
    """The end of the period whose invoice was told of in advance; the row is what makes it once."""

    subscription = models.OneToOneField(
        Subscription, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    period_end = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.subscription_id} until {self.period_end}"


class Trial(models.Model):
    """A customer has tried this product; the row is what makes it once (AC-37)."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_trial_per_product", fields=["customer", "product"])
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} tried {self.product_id}"
