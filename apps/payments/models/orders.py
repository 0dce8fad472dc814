"""Checkouts with several sellers: one payment order per seller, each run as one intent (S3)."""

from functools import partial

from django.db import models
from django.db.models import Q

from apps.common.fsm import StatefulModel, StatusField, transition
from apps.common.ids import new_id
from apps.payments.models.intents import PaymentIntent
from apps.payments.states import OrderStatus
from apps.payouts.models import Seller

O = OrderStatus  # noqa: E741 - as short as the other statuses here


class Checkout(models.Model):
    """
    One payment for all that a buyer takes home, of one seller or several.

    `is_payment_done` is kept by PostgreSQL: true when all orders are paid (migration 0004).
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "chk"))
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    checkout_id = models.CharField(max_length=64)
    buyer_reference = models.CharField(max_length=255, blank=True)
    customer_id = models.CharField(max_length=40, blank=True)
    payment_method_id = models.CharField(max_length=40, blank=True)
    is_payment_done = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="checkout_once", fields=["merchant_id", "livemode", "checkout_id"]
            )
        ]

    def __str__(self) -> str:
        return self.checkout_id


class PaymentOrder(StatefulModel):
    """
    One seller's part of a checkout; `amount` is minor units of `currency` (upper case).

    The status follows the intent's, in the statement which writes that (`payments_write_step`).
    `ledger_updated` and `wallet_updated` turn true in the transaction that booked the money, and
    PostgreSQL looks whether it did.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "ord"))
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    version = models.PositiveIntegerField(default=0)
    checkout = models.ForeignKey(Checkout, on_delete=models.PROTECT, related_name="orders")
    payment_order_id = models.CharField(max_length=64, unique=True)
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="orders")
    intent = models.OneToOneField(PaymentIntent, on_delete=models.PROTECT, related_name="order")
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    status = StatusField(default=O.NOT_STARTED, choices=O.choices)
    ledger_updated = models.BooleanField(default=False)
    wallet_updated = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="order_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="order_updated_means_paid",
                condition=Q(status=O.SUCCESS) | Q(ledger_updated=False, wallet_updated=False),
            ),
            models.CheckConstraint(
                name="order_paid_means_booked",
                condition=~Q(status=O.SUCCESS) | Q(ledger_updated=True),
            ),
        ]
        indexes = [
            models.Index(name="order_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(
                name="order_not_started",
                fields=["created_at"],
                condition=Q(status=O.NOT_STARTED),
            ),
        ]

    def __str__(self) -> str:
        return self.payment_order_id

    @transition(status, source=[O.NOT_STARTED], target=O.EXECUTING)
    def execute(self) -> None:
        """The payment is under way."""

    @transition(status, source=[O.EXECUTING], target=O.SUCCESS)
    def succeed(self, *, ledger_updated: bool, wallet_updated: bool) -> None:
        """The money was taken, and booked in the same step."""
        self.ledger_updated = ledger_updated
        self.wallet_updated = wallet_updated

    @transition(status, source=[O.NOT_STARTED, O.EXECUTING], target=O.FAILED)
    def fail(self) -> None:
        """It was not paid, and never will be."""
