"""Statuses of what the vault keeps beside payment methods."""

from django.db.models import TextChoices


class NetworkTokenStatus(TextChoices):
    """Life of a network token; only an active one is charged."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"


class Acceptance(TextChoices):
    """Where a payer accepted a mandate."""

    ONLINE = "online"
    OFFLINE = "offline"
