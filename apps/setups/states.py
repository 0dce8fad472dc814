"""Statuses of setup intents, in Stripe's words; the arrows between them are on the model."""

from typing import Final

from django.db.models import TextChoices


class SetupStatus(TextChoices):
    """Life of a setup intent."""

    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


# A payer may still try, or give up.
UNSETTLED: Final = frozenset(
    {
        SetupStatus.REQUIRES_PAYMENT_METHOD,
        SetupStatus.REQUIRES_CONFIRMATION,
        SetupStatus.REQUIRES_ACTION,
    }
)


class Usage(TextChoices):
    """Whether the payer will be there when the method is charged."""

    OFF_SESSION = "off_session"
    ON_SESSION = "on_session"
