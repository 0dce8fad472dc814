"""The statuses of what this app keeps."""

from django.db.models import TextChoices


class InboundStatus(TextChoices):
    """
    Where a gateway's event stands in this house.

    RECEIVED waits for its handler, for the first time or after an error; PARKED waits for an
    object that we do not know yet; DEAD waits for a person.
    """

    RECEIVED = "received"
    PARKED = "parked"
    PROCESSED = "processed"
    DEAD = "dead"


WAITING = (InboundStatus.RECEIVED, InboundStatus.PARKED)


class EndpointStatus(TextChoices):
    """UNVERIFIED has not proven yet that it wants our events; only ENABLED ones get any."""

    UNVERIFIED = "unverified"
    ENABLED = "enabled"
    DISABLED = "disabled"


# Why an endpoint is disabled by itself: it refused everything for days, or said that it is gone.
LOST_BECAUSE = ("failing", "gone")


class DeliveryStatus(TextChoices):
    """FAILED was tried to the end of the schedule; CANCELED lost its endpoint before that."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


SETTLED = (DeliveryStatus.SUCCEEDED, DeliveryStatus.FAILED, DeliveryStatus.CANCELED)
