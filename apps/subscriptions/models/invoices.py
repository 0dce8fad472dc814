"""Invoices, their lines, what pays them, and what is credited afterwards."""

from datetime import datetime
from decimal import Decimal
from functools import partial

from django.db import models
from django.db.models import F, Q

from apps.common.fsm import StatusField, transition
from apps.common.ids import new_id
from apps.customers.models import Customer
from apps.customers.states import TaxExempt
from apps.subscriptions.models.recorded import Recorded
from apps.subscriptions.models.subscriptions import Subscription
from apps.subscriptions.states import (
    BillingReason,
    CollectionMethod,
    InvoicePaymentStatus,
    InvoiceStatus,
)

S = InvoiceStatus
# Invoices that bill a period of their subscription: each period has one (AC-39).
PERIODIC = (BillingReason.SUBSCRIPTION_CREATE, BillingReason.SUBSCRIPTION_CYCLE)


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    def lock(self, pk: str) -> "Invoice":
        """Return the invoice with its row locked until the transaction ends."""
        return self.select_for_update(of=("self",)).select_related("customer").get(pk=pk)


class Invoice(Recorded):
    """
    What a customer owes and why; amounts are minor units of `currency` (upper case).

    `total` is what was sold, `balance_applied` what the customer's credit paid of it (below zero:
    what they owed from before was added), `amount_due` what has to be paid with money.
    `collect_at` is set while a payment of it has to be started: the queue of the collection.
    `dunning_slot` counts the retries which passed; `next_payment_attempt` is the next one's time
    on the customer's clock.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "in")
    )
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="invoices")
    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, null=True, related_name="invoices"
    )
    # Whom it is made out to: what the customer is called later changes no final invoice.
    customer_name = models.CharField(max_length=256, blank=True, default="", db_default="")
    customer_email = models.CharField(max_length=512, blank=True, default="", db_default="")
    customer_tax_exempt = models.CharField(
        max_length=10,
        choices=TaxExempt.choices,
        default=TaxExempt.NONE,
        db_default=TaxExempt.NONE,
    )
    status = StatusField(default=S.DRAFT, choices=S.choices)
    number = models.CharField(max_length=30, null=True)  # noqa: DJ001 - null: not numbered yet
    billing_reason = models.CharField(max_length=30, choices=BillingReason.choices)
    currency = models.CharField(max_length=3)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    subtotal = models.BigIntegerField(default=0)
    discount_amount = models.BigIntegerField(default=0)
    tax_amount = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    balance_applied = models.BigIntegerField(default=0)
    amount_due = models.BigIntegerField(default=0)
    amount_paid = models.BigIntegerField(default=0)
    amount_credited = models.BigIntegerField(default=0)
    starting_balance = models.BigIntegerField(default=0)
    ending_balance = models.BigIntegerField(null=True)
    collection_method = models.CharField(max_length=20, choices=CollectionMethod.choices)
    auto_advance = models.BooleanField(default=True)
    due_date = models.DateTimeField(null=True)
    default_payment_method_id = models.CharField(max_length=40, blank=True)
    access_token = models.CharField(max_length=64)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    attempted = models.BooleanField(default=False)
    collect_at = models.DateTimeField(null=True)
    first_failed_at = models.DateTimeField(null=True)
    dunning_slot = models.PositiveSmallIntegerField(default=0)
    next_payment_attempt = models.DateTimeField(null=True)
    needs_new_method = models.BooleanField(default=False)
    last_error = models.JSONField(null=True)
    test_clock_id = models.CharField(max_length=40, blank=True)
    description = models.CharField(max_length=1500, blank=True)
    metadata = models.JSONField(default=dict)
    finalized_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    paid_out_of_band = models.BooleanField(default=False)
    voided_at = models.DateTimeField(null=True)
    uncollectible_at = models.DateTimeField(null=True)

    objects = models.Manager.from_queryset(InvoiceQuerySet)()

    OUTSIDE_HISTORY = Recorded.OUTSIDE_HISTORY | {"collect_at"}

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_invoice_per_period",
                fields=["subscription", "period_start"],
                condition=Q(billing_reason__in=PERIODIC),
            ),
            models.UniqueConstraint(
                name="invoice_number", fields=["merchant_id", "livemode", "number"]
            ),
            models.CheckConstraint(
                name="invoice_numbered_once_final",
                condition=Q(status=S.DRAFT, number__isnull=True) | ~Q(status=S.DRAFT),
            ),
            models.CheckConstraint(
                name="invoice_total_adds_up",
                condition=Q(total=F("subtotal") - F("discount_amount") + F("tax_amount")),
            ),
            models.CheckConstraint(
                name="invoice_due_adds_up",
                condition=Q(status=S.DRAFT) | Q(amount_due=F("total") - F("balance_applied")),
            ),
            models.CheckConstraint(
                name="invoice_paid_within_due",
                condition=Q(amount_paid__gte=0, amount_paid__lte=F("amount_due")),
            ),
            models.CheckConstraint(
                name="invoice_paid_in_full",
                condition=~Q(status=S.PAID) | Q(amount_paid=F("amount_due") - F("amount_credited")),
            ),
            models.CheckConstraint(
                name="invoice_queued_only_while_open",
                condition=Q(status=S.OPEN)
                | Q(collect_at__isnull=True, next_payment_attempt__isnull=True),
            ),
        ]
        indexes = [
            models.Index(name="invoice_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(name="invoice_by_customer", fields=["customer", "id"]),
            models.Index(
                name="invoice_collect",
                fields=["collect_at"],
                condition=Q(collect_at__isnull=False),
            ),
            models.Index(
                name="invoice_failures",
                fields=["merchant_id", "livemode", "first_failed_at"],
                condition=Q(first_failed_at__isnull=False),
            ),
            models.Index(
                name="invoice_dunning",
                fields=["test_clock_id", "next_payment_attempt"],
                condition=Q(next_payment_attempt__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.number or self.id

    @property
    def amount_remaining(self) -> int:
        """What is still to be paid with money."""
        if self.status in {S.VOID, S.PAID}:
            return 0
        return max(0, self.amount_due - self.amount_paid - self.amount_credited)

    def make_out(self) -> None:
        """Write on the draft what the customer is called now."""
        self.customer_name, self.customer_email = self.customer.name, self.customer.email

    @transition(status, source=S.DRAFT, target=S.OPEN)
    def finalize(self, *, number: str, now: datetime) -> None:
        """Number it; from now on it never changes."""
        self.make_out()
        self.number = number
        self.finalized_at = now

    @transition(status, source=[S.OPEN, S.UNCOLLECTIBLE], target=S.PAID)
    def pay(self, *, amount: int, now: datetime) -> None:
        """It is settled, by money or because nothing was due."""
        self.amount_paid = amount
        self.paid_at = now
        self._leave_queues()

    @transition(status, source=[S.OPEN, S.UNCOLLECTIBLE], target=S.VOID)
    def void(self, *, now: datetime) -> None:
        """It was a mistake: nobody owes it."""
        self.voided_at = now
        self._leave_queues()

    @transition(status, source=S.OPEN, target=S.UNCOLLECTIBLE)
    def mark_uncollectible(self, *, now: datetime) -> None:
        """It is owed, but nobody believes that it will be paid."""
        self.uncollectible_at = now
        self._leave_queues()

    def _leave_queues(self) -> None:
        self.collect_at = None
        self.next_payment_attempt = None


class InvoiceItem(Recorded):
    """Something that waits for the customer's next invoice, such as the lines of a change."""

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "ii")
    )
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, null=True)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="+")
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()
    description = models.CharField(max_length=500, blank=True)
    price_id = models.CharField(max_length=40, blank=True)
    product_id = models.CharField(max_length=40, blank=True)
    item_id = models.CharField(max_length=40, blank=True)
    quantity = models.PositiveIntegerField(default=1)
    is_proration = models.BooleanField(default=False)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    tax_percent = models.DecimalField(max_digits=7, decimal_places=4, default=Decimal(0))
    metadata = models.JSONField(default=dict)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                name="invoice_item_pending",
                fields=["customer", "id"],
                condition=Q(invoice__isnull=True, deleted_at__isnull=True),
            ),
            models.Index(name="invoice_item_list", fields=["merchant_id", "livemode", "id"]),
        ]

    def __str__(self) -> str:
        return self.description or self.id


class InvoiceLine(models.Model):
    """One line; `amount` may be below zero. The lines add up to the invoice, to the unit."""

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "il")
    )
    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField()
    amount = models.BigIntegerField()
    discount_amount = models.BigIntegerField(default=0)
    tax_percent = models.DecimalField(max_digits=7, decimal_places=4, default=Decimal(0))
    tax_amount = models.BigIntegerField(default=0)
    description = models.CharField(max_length=500, blank=True)
    price_id = models.CharField(max_length=40, blank=True)
    product_id = models.CharField(max_length=40, blank=True)
    item_id = models.CharField(max_length=40, blank=True)
    invoice_item_id = models.CharField(max_length=40, blank=True)
    quantity = models.DecimalField(max_digits=30, decimal_places=12, default=Decimal(1))
    unit_amount = models.DecimalField(max_digits=24, decimal_places=12, null=True)
    is_proration = models.BooleanField(default=False)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="invoice_line_position", fields=["invoice", "position"])
        ]

    def __str__(self) -> str:
        return self.description


class InvoiceNumber(models.Model):
    """The last number given out; its row lock is what keeps the numbers without gaps."""

    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    kind = models.CharField(max_length=10)
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_counter_per_kind", fields=["merchant_id", "livemode", "kind"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.last}"


class InvoicePayment(models.Model):
    """
    An intent that pays an invoice.

    At most one per invoice is open, which is what makes a click and the clock at the same moment
    one charge (AC-33). `tries_settled` is how many of the intent's attempts the invoice knows the
    end of: a worker that takes over sees whether there is one to record before it tries again.
    `settle_at` is set while there are news of the intent.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "inpay")
    )
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="payments")
    intent_id = models.CharField(max_length=40, unique=True)
    status = models.CharField(
        max_length=10,
        choices=InvoicePaymentStatus.choices,
        default=InvoicePaymentStatus.OPEN,
    )
    amount = models.BigIntegerField()
    tries_settled = models.PositiveSmallIntegerField(default=0)
    settle_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_open_payment_per_invoice",
                fields=["invoice"],
                condition=Q(status=InvoicePaymentStatus.OPEN),
            ),
            models.UniqueConstraint(
                name="invoice_paid_once",
                fields=["invoice"],
                condition=Q(status=InvoicePaymentStatus.PAID),
            ),
        ]
        indexes = [
            models.Index(
                name="invoice_payment_news",
                fields=["settle_at"],
                condition=Q(settle_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.intent_id} for {self.invoice_id}"


class CollectionTry(models.Model):
    """One try with one card, on the customer's clock: what the schemes' caps count (AC-34)."""

    id = models.BigAutoField(primary_key=True)
    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="tries")
    payment_method_id = models.CharField(max_length=40)
    outcome = models.CharField(max_length=30)
    tried_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(name="collection_try_card", fields=["payment_method_id", "tried_at"])
        ]

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.outcome}"


class CreditNote(Recorded):
    """Takes part of a final invoice back: off what is due, or to the customer's credit."""

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "cn")
    )
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="credit_notes")
    number = models.CharField(max_length=30)
    status = models.CharField(max_length=10, choices=[("issued", "issued"), ("void", "void")])
    amount = models.BigIntegerField()
    credit_amount = models.BigIntegerField(default=0)
    reason = models.CharField(max_length=30, blank=True)
    memo = models.CharField(max_length=500, blank=True)
    metadata = models.JSONField(default=dict)
    voided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="credit_note_amounts",
                condition=Q(amount__gt=0, credit_amount__gte=0, credit_amount__lte=F("amount")),
            ),
            models.UniqueConstraint(
                name="credit_note_number", fields=["merchant_id", "livemode", "number"]
            ),
        ]
        indexes = [models.Index(name="credit_note_list", fields=["merchant_id", "livemode", "id"])]

    def __str__(self) -> str:
        return self.number


class BalanceTransaction(models.Model):
    """A change of a customer's balance: below zero is their credit, above is what they owe."""

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "cbtxn")
    )
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    sequence = models.PositiveIntegerField()
    type = models.CharField(max_length=30)
    amount = models.BigIntegerField()
    ending_balance = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    invoice_id = models.CharField(max_length=40, blank=True)
    credit_note_id = models.CharField(max_length=40, blank=True)
    description = models.CharField(max_length=350, blank=True)
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="balance_transaction_sequence", fields=["customer", "sequence"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"
