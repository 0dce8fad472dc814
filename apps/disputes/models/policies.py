"""What a merchant has decided once for all disputes."""

from django.db import models
from simple_history.models import HistoricalRecords  # type: ignore[import-untyped]

from apps.common.origin import Scope


class DisputePolicy(models.Model):
    """
    A merchant's standing orders about disputes; every version of them is kept.

    `accept_below` and `refund_inquiries_below` are minor units by currency: a chargeback below is
    given up, an inquiry below is refunded. The terms are what the checkout showed: a dispute quotes
    the version of the day of the payment.
    """

    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    accept_below = models.JSONField(default=dict)
    refund_inquiries_below = models.JSONField(default=dict)
    cancellation_terms = models.TextField(blank=True)
    refund_terms = models.TextField(blank=True)
    changed_by = models.CharField(max_length=300, blank=True)

    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_dispute_policy", fields=["merchant_id", "livemode"])
        ]

    def __str__(self) -> str:
        return self.merchant_id

    @property
    def scope(self) -> Scope:
        return Scope(self.merchant_id, self.livemode)
