"""What a merchant has decided once for all disputes."""

from datetime import timedelta

from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords  # type: ignore[import-untyped]

from apps.common.origin import Scope
from apps.disputes.policies import BUFFER_HOURS, BUFFER_HOURS_MAX


class DisputePolicy(models.Model):
    """
    A merchant's standing orders about disputes; every version of them is kept.

    Limits are minor units by currency, and without one nothing is done: a chargeback below
    `accept_below` is given up, an inquiry or an early fraud warning below its limit is refunded.
    `buffer_hours` is how long before the gateway's deadline people answer. The terms are what the
    checkout showed: a dispute quotes the version of the day of the payment.
    """

    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    accept_below = models.JSONField(default=dict)
    refund_inquiries_below = models.JSONField(default=dict)
    refund_warnings_below = models.JSONField(default=dict)
    buffer_hours = models.PositiveSmallIntegerField(default=BUFFER_HOURS)
    cancellation_terms = models.TextField(blank=True)
    refund_terms = models.TextField(blank=True)
    changed_by = models.CharField(max_length=300, blank=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "standing orders"
        verbose_name_plural = "standing orders"
        constraints = [
            models.UniqueConstraint(name="one_dispute_policy", fields=["merchant_id", "livemode"]),
            models.CheckConstraint(
                name="dispute_buffer_in_bounds", condition=Q(buffer_hours__lte=BUFFER_HOURS_MAX)
            ),
        ]

    def __str__(self) -> str:
        return self.merchant_id

    @property
    def scope(self) -> Scope:
        return Scope(self.merchant_id, self.livemode)

    @property
    def buffer(self) -> timedelta:
        return timedelta(hours=self.buffer_hours)
