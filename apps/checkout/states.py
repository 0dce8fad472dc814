"""Statuses of checkout sessions; the arrows between them are on the model."""

from django.db.models import TextChoices


class SessionStatus(TextChoices):
    """Life of a checkout session, in Stripe's words."""

    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


class SessionMode(TextChoices):
    """What the payer is asked for."""

    PAYMENT = "payment"
    SETUP = "setup"
    SUBSCRIPTION = "subscription"


class PaymentStatus(TextChoices):
    """Whether the money of a session is there, in Stripe's words."""

    UNPAID = "unpaid"
    PAID = "paid"
    NOTHING_TO_PAY = "no_payment_required"


class PageState(TextChoices):
    """What the payer sees; each has a page of its own."""

    OPEN = "open"
    DECLINED = "declined"
    UNAVAILABLE = "unavailable"
    VERIFICATION = "verification"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    ALREADY_PAID = "already_paid"
    CANCELED = "canceled"
    EXPIRED = "expired"
