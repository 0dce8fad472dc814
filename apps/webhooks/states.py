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
