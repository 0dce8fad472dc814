"""Files that people asked for."""

from datetime import datetime
from functools import partial

from django.db import models
from django.db.models import Q

from apps.backoffice.books import FORMATS
from apps.backoffice.states import ExportStatus
from apps.common.fsm import StatefulModel, StatusField, transition
from apps.common.ids import new_id

S = ExportStatus


class Export(StatefulModel):
    """
    A list or a report as a file: made in the background, fetched by who asked for it.

    `source` is a screen such as `payments.refund` or a report of `BACKOFFICE_REPORTS`, `query` its
    filter as the screen's address has it. `sha256` is that of the file, which is gone after
    `expires_at`. `attempts` fences: a worker whose lease ran out cannot finish over its successor.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "exp"))
    user = models.ForeignKey("backoffice.User", on_delete=models.PROTECT, related_name="+")
    source = models.CharField(max_length=80)
    title = models.CharField(max_length=120)
    query = models.CharField(max_length=2000, blank=True)
    format = models.CharField(max_length=4, choices=[(name, name.upper()) for name in FORMATS])
    status = StatusField(default=S.WAITING, choices=S.choices)
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    rows = models.PositiveIntegerField(null=True)
    size = models.PositiveBigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    stored_as = models.CharField(max_length=200, blank=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="export_done_has_a_file",
                condition=~Q(status=S.DONE)
                | (Q(rows__isnull=False, size__isnull=False) & ~Q(sha256="") & ~Q(stored_as="")),
            ),
        ]
        indexes = [
            models.Index(name="export_waiting", fields=["id"], condition=Q(status=S.WAITING)),
            models.Index(name="export_of_user", fields=["user", "-id"]),
            models.Index(
                name="export_to_expire", fields=["expires_at"], condition=Q(status=S.DONE)
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def file_name(self) -> str:
        """Return the name under which a browser saves the file."""
        return f"{self.source.replace('.', '-')}-{self.requested_at:%Y%m%d-%H%M}.{self.format}"

    @transition(status, source=S.WAITING, target=S.DONE)
    def finish(self, *, rows: int, size: int, sha256: str, stored_as: str, now: datetime) -> None:
        """The file is there."""
        self.rows, self.size, self.sha256, self.stored_as = rows, size, sha256, stored_as
        self.finished_at, self.error = now, ""

    @transition(status, source=S.WAITING, target=S.FAILED)
    def fail(self, *, error: str, now: datetime) -> None:
        """It cannot be made."""
        self.error, self.finished_at = error[:500], now

    @transition(status, source=S.FAILED, target=S.WAITING)
    def retry(self) -> None:
        """Somebody wants another try."""
        self.attempts, self.leased_until, self.finished_at = 0, None, None

    @transition(status, source=S.DONE, target=S.EXPIRED)
    def expire(self) -> None:
        """The file is deleted; that it was made stays."""
        self.stored_as = ""
