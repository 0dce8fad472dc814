"""What customers did in the merchant's service: the strongest proof that it was delivered."""

from functools import partial

from django.db import models

from apps.common.ids import new_id


class UsageEvidence(models.Model):
    """
    One thing that a customer did, as the merchant's service pushed it; never changed.

    Pushed by itself, before anybody disputes anything: what is written down on the day counts.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "use"))
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    customer_id = models.CharField(max_length=40)
    action = models.CharField(max_length=200)
    ip_address = models.CharField(max_length=45, blank=True)
    device = models.CharField(max_length=200, blank=True)
    occurred_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(
                name="usage_of_customer",
                fields=["merchant_id", "livemode", "customer_id", "occurred_at"],
            ),
            models.Index(name="usage_list", fields=["merchant_id", "livemode", "id"]),
        ]

    def __str__(self) -> str:
        return self.id
