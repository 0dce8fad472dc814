"""Stored instruments and the gateways' handles of them; a card number is in none of it."""

from functools import partial

from django.db import models
from django.db.models import Q

from apps.common.encryption import EncryptedTextField
from apps.common.fsm import StatefulModel, StatusField, transition
from apps.common.ids import new_id
from apps.customers.models import Customer
from apps.vault.policies import ONE_TIME_PREFIX
from apps.vault.states import Acceptance, NetworkTokenStatus


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
    # Whose it is or was: a method that was detached is still about the same person.
    owner_id = models.CharField(max_length=40, db_default="")
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
    # Under which key the gateways exchanged what it was made of; "" when a payment brought it.
    exchange_key = models.CharField(max_length=64, blank=True, db_default="")
    detached_at = models.DateTimeField(null=True)
    expiry_told_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(name="payment_method_customer", fields=["customer", "id"]),
            models.Index(name="payment_method_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(name="payment_method_fingerprint", fields=["merchant_id", "fingerprint"]),
            models.Index(
                name="payment_method_owner", fields=["owner_id"], condition=~Q(owner_id="")
            ),
            # Cards whose end nobody was told of, by when it comes.
            models.Index(
                name="payment_method_expiry_due",
                fields=["exp_year", "exp_month"],
                condition=Q(
                    customer__isnull=False,
                    detached_at__isnull=True,
                    expiry_told_at__isnull=True,
                    exp_year__gt=0,
                ),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="payment_method_expiry",
                condition=Q(exp_month__range=(0, 12)),
            ),
            models.UniqueConstraint(
                name="one_method_per_exchange",
                fields=["exchange_key"],
                condition=~Q(exchange_key="") & Q(detached_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.id


class GatewayToken(models.Model):
    """
    One gateway's handle of a payment method, encrypted at rest; only the vault reads it.

    `digest` finds the row when a gateway tells about its handle.
    """

    payment_method = models.ForeignKey(
        PaymentMethod, on_delete=models.PROTECT, related_name="tokens"
    )
    gateway = models.CharField(max_length=40)
    token = EncryptedTextField(digest_column="digest")
    digest = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_token_per_gateway", fields=["payment_method", "gateway"]
            )
        ]
        indexes = [models.Index(name="gateway_token_digest", fields=["digest"])]

    def __str__(self) -> str:
        return f"{self.payment_method_id} at {self.gateway}"

    @property
    def is_one_time(self) -> bool:
        """Whether the gateway never saw it: it is good for one charge or exchange."""
        return str(self.token).startswith(ONE_TIME_PREFIX)


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


class NetworkToken(StatefulModel):
    """
    The card scheme's stand-in for a card: survives a new card, and works at several gateways.

    `reference` is the token service's id; `number` is worth nothing without a cryptogram, of which
    the service makes one per charge.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "ntk")
    )
    payment_method = models.OneToOneField(
        PaymentMethod, on_delete=models.PROTECT, related_name="network_token"
    )
    reference = models.CharField(max_length=80, unique=True)
    number = EncryptedTextField()
    exp_month = models.PositiveSmallIntegerField()
    exp_year = models.PositiveSmallIntegerField()
    status = StatusField(default=NetworkTokenStatus.ACTIVE, choices=NetworkTokenStatus.choices)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.id

    @transition(status, source=NetworkTokenStatus.ACTIVE, target=NetworkTokenStatus.SUSPENDED)
    def suspend(self) -> None:
        """The bank does not want it charged for now."""

    @transition(status, source=NetworkTokenStatus.SUSPENDED, target=NetworkTokenStatus.ACTIVE)
    def resume(self) -> None:
        """The bank takes it again."""

    @transition(
        status,
        source=[NetworkTokenStatus.ACTIVE, NetworkTokenStatus.SUSPENDED],
        target=NetworkTokenStatus.DELETED,
    )
    def delete_token(self) -> None:
        """It is gone for good."""


class Mandate(models.Model):
    """
    A payer's leave to debit their account: what was accepted, when and from where.

    `reference` is what the payer's bank shows with each debit (the UMR of SEPA).
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "mandate")
    )
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    payment_method = models.ForeignKey(
        PaymentMethod, on_delete=models.PROTECT, related_name="mandates"
    )
    reference = models.CharField(max_length=35, unique=True)
    is_active = models.BooleanField(default=True)
    acceptance = models.CharField(max_length=10, choices=Acceptance.choices)
    accepted_at = models.DateTimeField()
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=500, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_active_mandate_per_method",
                fields=["payment_method"],
                condition=Q(is_active=True),
            ),
            models.CheckConstraint(
                name="mandate_online_has_address",
                condition=~Q(acceptance=Acceptance.ONLINE) | Q(ip__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.id
