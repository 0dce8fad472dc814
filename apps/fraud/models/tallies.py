"""Counts of attempts for the time in which Redis is away."""

from django.db import models


class Tally(models.Model):
    """One field of one counter, written by `fraud_count_attempt` only; `expires_at` in seconds."""

    pk = models.CompositePrimaryKey("key", "field")
    key = models.CharField(max_length=200, db_collation="C")
    field = models.CharField(max_length=40, db_collation="C")
    value = models.BigIntegerField()
    expires_at = models.BigIntegerField()

    class Meta:
        db_table = "fraud_tally"
        indexes = [models.Index(name="tally_expiry", fields=["expires_at"])]

    def __str__(self) -> str:
        return f"{self.key} {self.field}"
