"""The statuses of what this app keeps."""

from django.db.models import TextChoices


class ApprovalStatus(TextChoices):
    """Life of a request for a second person's yes."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


class ExportStatus(TextChoices):
    """Life of a file that somebody asked for."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
