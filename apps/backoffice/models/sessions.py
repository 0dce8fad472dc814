"""Who is logged in where."""

from functools import partial

from django.db import models
from django.db.models import F, Q

from apps.common.ids import new_id


class StaffSession(models.Model):
    """
    One browser in which a person gave both factors; ended, it is worth nothing.

    `seen_at` is the last click, to the minute; `factor_at` is when the second factor was given
    last: what moves money asks for a fresh one (services/sessions.py). `ended_by` is empty when
    nobody ended it but time.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "ses"))
    user = models.ForeignKey("backoffice.User", on_delete=models.CASCADE, related_name="sessions")
    ip = models.GenericIPAddressField(null=True)
    browser = models.CharField(max_length=200, blank=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    factor_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = "session"
        constraints = [
            models.CheckConstraint(
                name="staff_session_in_order",
                condition=Q(seen_at__gte=F("started_at"))
                & (Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at"))),
            ),
        ]

    def __str__(self) -> str:
        return self.id
