"""How near a merchant is to the limits of the card schemes, as counted last."""

from functools import partial

from django.db import models

from apps.common.ids import new_id


class SchemeStanding(models.Model):
    """
    One scheme's ratio of one month, counted again every hour until the month is over.

    `percent` is the ratio so far, `projected` what it comes to at the month's end; `alert` is the
    highest step of the limit that was told of.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "drs"))
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    network = models.CharField(max_length=20)
    month = models.DateField()
    disputes = models.PositiveIntegerField()
    fraud_reports = models.PositiveIntegerField()
    payments = models.PositiveIntegerField()
    percent = models.DecimalField(max_digits=7, decimal_places=2)
    projected = models.DecimalField(max_digits=7, decimal_places=2)
    programme = models.CharField(max_length=10, blank=True)
    alert = models.PositiveSmallIntegerField(default=0)
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_standing_per_month",
                fields=["merchant_id", "livemode", "network", "month"],
            )
        ]

    def __str__(self) -> str:
        return f"{self.network} {self.month:%Y-%m}"
