"""What people do about a dispute: who works on it, the draft of the evidence, what was sent."""

from functools import partial

from django.conf import settings
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords  # type: ignore[import-untyped]

from apps.common.ids import new_id
from apps.disputes.models.disputes import Dispute
from apps.disputes.models.files import StoredFile


class DisputeCase(models.Model):
    """The work on one dispute; every change of the draft or of the person is kept."""

    dispute = models.OneToOneField(
        Dispute, on_delete=models.PROTECT, primary_key=True, related_name="case"
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    evidence = models.JSONField(default=dict)

    history = HistoricalRecords()

    def __str__(self) -> str:
        return str(self.pk)


class Submission(models.Model):
    """
    The evidence of one round as it was sent; at most one per round counts.

    `packet` is the PDF that the bank got, `sha256` its digest. Its id is the idempotency key at
    the gateway. One that the gateway refused (`refused_at`) may be followed by another.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "dps"))
    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="sent")
    round = models.PositiveSmallIntegerField()
    evidence = models.JSONField()
    packet = models.ForeignKey(StoredFile, on_delete=models.PROTECT, null=True, related_name="+")
    sha256 = models.CharField(max_length=64)
    submitted_by = models.CharField(max_length=300)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    refused_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_submission_per_round",
                fields=["dispute", "round"],
                condition=Q(refused_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return self.id
