"""What gateways told that cannot be asked for again."""

from django.db import models

from apps.common.encryption import EncryptedTextField


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
