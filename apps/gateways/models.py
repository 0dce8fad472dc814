"""What gateways told that cannot be asked for again."""

from functools import partial

from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords  # type: ignore[import-untyped]

from apps.common.encryption import EncryptedTextField
from apps.common.ids import new_id
from apps.common.origin import Scope


class AdyenFact(models.Model):
    """
    One thing Adyen told about a payment or refund: an answer of its own, or a notification.

    Append-only: the state of a payment at Adyen is folded from these rows. `details` is JSON; it
    holds tokens, so the column is encrypted.
    """

    gateway = models.CharField(max_length=40)
    code = models.CharField(max_length=60)
    success = models.BooleanField()
    reference = models.CharField(max_length=80, db_collation="C")
    payment_reference = models.CharField(max_length=80, db_collation="C", blank=True)
    merchant_reference = models.CharField(max_length=80, db_collation="C", blank=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    occurred_at = models.DateTimeField()
    reason = models.CharField(max_length=255, blank=True)
    details = EncryptedTextField()
    noted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="adyen_fact_once", fields=["gateway", "reference", "code", "success"]
            ),
        ]
        indexes = [
            models.Index(name="adyen_fact_payment", fields=["payment_reference"]),
            models.Index(name="adyen_fact_merchant", fields=["merchant_reference"]),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.reference}"


class RoutingRule(models.Model):
    """
    Where payments of one kind go: the active rule with the lowest priority that matches decides.

    An empty condition holds for every payment; amounts are minor units and included. `weights`
    maps gateway accounts to how often each is tried first. `version` counts the changes, each of
    which the history keeps with who made it.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "rrl")
    )
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    name = models.CharField(max_length=100)
    priority = models.PositiveSmallIntegerField(default=100)
    is_active = models.BooleanField(default=False)
    currencies = models.JSONField(default=list, blank=True)
    countries = models.JSONField(default=list, blank=True)
    brands = models.JSONField(default=list, blank=True)
    method_types = models.JSONField(default=list, blank=True)
    sellers = models.JSONField(default=list, blank=True)
    amount_from = models.BigIntegerField(null=True, blank=True)
    amount_to = models.BigIntegerField(null=True, blank=True)
    weights = models.JSONField()
    version = models.PositiveIntegerField(default=1)
    changed_by = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()

    history = HistoricalRecords()

    class Meta:
        indexes = [
            models.Index(
                name="routing_rule_in_force",
                fields=["merchant_id", "livemode", "priority"],
                condition=Q(is_active=True),
            )
        ]
        constraints = [
            models.CheckConstraint(
                name="routing_rule_amounts",
                condition=Q(amount_from__isnull=True)
                | Q(amount_to__isnull=True)
                | Q(amount_from__lte=F("amount_to")),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def scope(self) -> Scope:
        """Whose payments it is about."""
        return Scope(self.merchant_id, self.livemode)
