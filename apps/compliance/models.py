"""What was deleted because its time was over, and what was done for people who asked."""

from functools import partial

from django.db import models
from django.db.models import Q

from apps.common.ids import new_id


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


class RequestKind(models.TextChoices):
    EXPORT = "export"
    ERASURE = "erasure"


class DataRequest(models.Model):
    """
    What was done about one person's data: the register that the law wants, without the person.

    `counts` says how many rows were given out or emptied, by section. An erasure is done at once,
    and once more at `due_at`, for what was under way meanwhile; then it is finished.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "dsr"))
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    customer_id = models.CharField(max_length=40)
    kind = models.CharField(max_length=20, choices=RequestKind.choices)
    actor = models.CharField(max_length=300)
    request_id = models.CharField(max_length=40, blank=True)
    idempotency_key = models.CharField(max_length=255, blank=True)
    counts = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="customer_erased_once",
                fields=["customer_id"],
                condition=Q(kind=RequestKind.ERASURE),
            ),
        ]
        indexes = [
            models.Index(name="data_request_customer", fields=["customer_id"]),
            models.Index(
                name="data_request_due", fields=["due_at"], condition=Q(finished_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.customer_id}"


class RestoreDrill(models.Model):
    """
    One rehearsal of a disaster: whether the backup was worth anything, and how long it took.

    `rto_ms` is the time from the beginning of the restore until the copy was proven true, `rpo_ms`
    the age of the newest fact that the copy lacked. `report` is what the drill printed.
    """

    started_at = models.DateTimeField()
    backup_bytes = models.PositiveBigIntegerField()
    rto_ms = models.PositiveBigIntegerField()
    rpo_ms = models.PositiveBigIntegerField()
    passed = models.BooleanField()
    report = models.TextField()

    class Meta:
        indexes = [models.Index(name="restore_drill_list", fields=["started_at"])]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d}: {'passed' if self.passed else 'failed'}"
