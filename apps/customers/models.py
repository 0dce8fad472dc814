"""Payers known by name."""

from functools import partial

from django.db import models

from apps.common.ids import new_id
from apps.customers.states import TaxExempt


class CustomerQuerySet(models.QuerySet["Customer"]):
    def lock(self, pk: str) -> "Customer":
        """Return the customer with its row locked until the transaction ends."""
        return self.select_for_update().get(pk=pk)


class Customer(models.Model):
    """One payer of one merchant; the only table that holds a payer's name and address."""

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "cus")
    )
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    email = models.CharField(max_length=512, blank=True)
    name = models.CharField(max_length=256, blank=True)
    phone = models.CharField(max_length=20, blank=True)
    description = models.CharField(max_length=350, blank=True)
    address = models.JSONField(null=True)
    shipping = models.JSONField(null=True)
    metadata = models.JSONField(default=dict)
    preferred_locales = models.JSONField(default=list)
    default_payment_method_id = models.CharField(max_length=40, blank=True)
    # Periods are counted on this wall clock; a test clock stands in for the real time.
    time_zone = models.CharField(max_length=60, default="UTC")
    test_clock_id = models.CharField(max_length=40, blank=True)
    tax_exempt = models.CharField(
        max_length=10,
        choices=TaxExempt.choices,
        default=TaxExempt.NONE,
        db_default=TaxExempt.NONE,
    )
    # Minor units of `currency`: below zero is the customer's credit, above is what they owe.
    balance = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, blank=True)
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)
    # Since when nothing of the person is left; the row stays for the money that names it.
    erased_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=0)

    objects = models.Manager.from_queryset(CustomerQuerySet)()

    class Meta:
        indexes = [
            models.Index(name="customer_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(name="customer_email", fields=["merchant_id", "livemode", "email"]),
        ]

    def __str__(self) -> str:
        return self.id
