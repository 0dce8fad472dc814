"""Statuses of subscriptions and invoices: Stripe's names. The arrows are on the models."""

from django.db.models import TextChoices


class SubscriptionStatus(TextChoices):
    """Life of a subscription; diagram in docs/state-machines.md."""

    INCOMPLETE = "incomplete"
    INCOMPLETE_EXPIRED = "incomplete_expired"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    CANCELED = "canceled"


class InvoiceStatus(TextChoices):
    """Life of an invoice."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


class BillingReason(TextChoices):
    """Why an invoice was made."""

    MANUAL = "manual"
    SUBSCRIPTION_CREATE = "subscription_create"
    SUBSCRIPTION_CYCLE = "subscription_cycle"
    SUBSCRIPTION_UPDATE = "subscription_update"


class CollectionMethod(TextChoices):
    CHARGE_AUTOMATICALLY = "charge_automatically"
    SEND_INVOICE = "send_invoice"


class MissingMethodAction(TextChoices):
    """What happens when a trial ends and nothing can be charged."""

    CREATE_INVOICE = "create_invoice"
    CANCEL = "cancel"
    PAUSE = "pause"


class Feedback(TextChoices):
    """Why a customer leaves, in Stripe's words."""

    CUSTOMER_SERVICE = "customer_service"
    LOW_QUALITY = "low_quality"
    MISSING_FEATURES = "missing_features"
    OTHER = "other"
    SWITCHED_SERVICE = "switched_service"
    TOO_COMPLEX = "too_complex"
    TOO_EXPENSIVE = "too_expensive"
    UNUSED = "unused"


class PauseBehavior(TextChoices):
    """What becomes of the invoices while collection is paused."""

    NONE = ""
    KEEP_AS_DRAFT = "keep_as_draft"
    MARK_UNCOLLECTIBLE = "mark_uncollectible"
    VOID = "void"


class InvoicePaymentStatus(TextChoices):
    """Whether an intent still may pay its invoice."""

    OPEN = "open"
    PAID = "paid"
    CANCELED = "canceled"


class CouponDuration(TextChoices):
    ONCE = "once"
    REPEATING = "repeating"
    FOREVER = "forever"


class UsageType(TextChoices):
    """Licensed quantities are billed in advance, metered usage afterwards."""

    LICENSED = "licensed"
    METERED = "metered"


class ClockStatus(TextChoices):
    READY = "ready"
    ADVANCING = "advancing"
    INTERNAL_FAILURE = "internal_failure"


# A subscription that is over comes back no more: a new one is made.
ENDED = (SubscriptionStatus.CANCELED, SubscriptionStatus.INCOMPLETE_EXPIRED)
