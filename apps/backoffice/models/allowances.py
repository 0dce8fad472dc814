"""How much money each person gave back alone."""

from django.db import models
from django.db.models import F, Q


class Allowance(models.Model):
    """
    What one person gave back alone within one span: on a day, or of one payment.

    `span` is a day such as `2026-11-21`, or a payment's id, so that neither many small refunds nor
    one that is split pass the limit. `spent` and `most` are units of `policies.allowance_units`,
    in which all currencies add up. PostgreSQL keeps the sum below the limit as well.
    """

    actor = models.CharField(max_length=300)
    span = models.CharField(max_length=40)
    spent = models.BigIntegerField()
    most = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="allowance_once", fields=["actor", "span"]),
            models.CheckConstraint(
                name="allowance_not_passed", condition=Q(spent__gte=0) & Q(spent__lte=F("most"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.span}"
