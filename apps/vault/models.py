"""Stored instruments and the gateways' handles of them; a card number is in none of it."""

from functools import partial

from django.db import models
from django.db.models import Q

from apps.common.encryption import EncryptedTextField
from apps.common.ids import new_id
from apps.customers.models import Customer


class PaymentMethod(models.Model):
    """A card or bank account as the payer recognises it; charged by its tokens at the gateways."""

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "pm")
    )
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, null=True, related_name="payment_methods"
    )
    type = models.CharField(max_length=20)
    brand = models.CharField(max_length=20, blank=True)
    last4 = models.CharField(max_length=4, blank=True)
    exp_month = models.PositiveSmallIntegerField(default=0)
    exp_year = models.PositiveSmallIntegerField(default=0)
    funding = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    bank_name = models.CharField(max_length=100, blank=True)
    billing_details = models.JSONField(default=dict)
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    detached_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(name="payment_method_customer", fields=["customer", "id"]),
            models.Index(name="payment_method_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(name="payment_method_fingerprint", fields=["merchant_id", "fingerprint"]),
        ]
        constraints = [
            models.CheckConstraint(
                name="payment_method_expiry",
                condition=Q(exp_month__range=(0, 12)),
            ),
        ]

    def __str__(self) -> str:
        return self.id


class GatewayToken(models.Model):
    """One gateway's handle of a payment method, encrypted at rest; only the vault reads it."""

    payment_method = models.ForeignKey(
        PaymentMethod, on_delete=models.PROTECT, related_name="tokens"
    )
    gateway = models.CharField(max_length=40)
    token = EncryptedTextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_token_per_gateway", fields=["payment_method", "gateway"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.payment_method_id} at {self.gateway}"


class GatewayCustomer(models.Model):
    """A customer's id at one gateway, made when their first payment method is attached there."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    gateway = models.CharField(max_length=40)
    reference = models.CharField(max_length=255)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_customer_per_gateway", fields=["customer", "gateway"])
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} at {self.gateway}"
