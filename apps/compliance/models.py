"""What was deleted because its time was over."""

from django.db import models


class RetentionRun(models.Model):
    """One rule on one day (UTC): how many rows went that were older than `cutoff`."""

    rule = models.CharField(max_length=60)
    day = models.DateField()
    cutoff = models.DateTimeField()
    deleted = models.PositiveBigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="retention_once_a_day", fields=["rule", "day"]),
        ]

    def __str__(self) -> str:
        return f"{self.rule} on {self.day}"
