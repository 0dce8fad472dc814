"""How the monthly recurring revenue moved."""

from functools import partial

from django.db import models
from django.db.models import F, Q

from apps.common.ids import new_id
from apps.subscriptions.models.subscriptions import Subscription


class RevenueChange(models.Model):
    """
    A subscription became worth another amount a month; the sum of all is what it is worth now.

    Amounts are minor units with their fractions: a yearly price is not always twelve whole months.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "mrr")
    )
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, related_name="revenue_changes"
    )
    currency = models.CharField(max_length=3)
    before = models.DecimalField(max_digits=24, decimal_places=6)
    after = models.DecimalField(max_digits=24, decimal_places=6)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="revenue_change_changes",
                condition=Q(before__gte=0, after__gte=0) & ~Q(before=F("after")),
            )
        ]
        indexes = [
            models.Index(name="revenue_by_time", fields=["merchant_id", "livemode", "changed_at"])
        ]

    def __str__(self) -> str:
        return f"{self.subscription_id}: {self.before} to {self.after}"
