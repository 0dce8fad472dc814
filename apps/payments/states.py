"""Statuses of intents, attempts and refunds. The arrows between them are on the models."""

from django.db.models import TextChoices


class IntentStatus(TextChoices):
    """Life of a payment intent; diagram in docs/state-machines.md."""

    CREATED = "created"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    REQUIRES_CAPTURE = "requires_capture"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REFUNDED = "refunded"
    CONFLICTED = "conflicted"


class AttemptStatus(TextChoices):
    """Life of one try at one gateway."""

    STARTED = "started"
    REQUIRES_ACTION = "requires_action"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    VOIDED = "voided"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Operation(TextChoices):
    """What is under way at the gateway for an attempt; empty when nothing is."""

    NONE = ""
    CREATE = "create"
    CAPTURE = "capture"
    INCREMENT = "increment"
    VOID = "void"
    POLL = "poll"


class ThreeDSecure(TextChoices):
    """How the payer is to prove who they are, in Stripe's words; nobody asked when empty."""

    NONE = ""
    AUTOMATIC = "automatic"
    ANY = "any"
    CHALLENGE = "challenge"


class RefundStatus(TextChoices):
    """Life of a refund."""

    REQUIRES_APPROVAL = "requires_approval"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class ErrorClass(TextChoices):
    """Why an attempt failed, and so what may follow (ruling C13)."""

    NONE = ""
    NOT_SENT = "not_sent"
    RETRYABLE = "retryable"
    TERMINAL = "terminal"
    FRAUD = "fraud"
    AUTHENTICATION_REQUIRED = "authentication_required"


class OrderStatus(TextChoices):
    """Where a payment order stands: its intent's status in fewer words (ruling C8)."""

    NOT_STARTED = "NOT_STARTED"
    EXECUTING = "EXECUTING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


class CaptureMethod(TextChoices):
    AUTOMATIC = "automatic"
    MANUAL = "manual"


RETRYABLE_CLASSES = frozenset(
    {ErrorClass.NOT_SENT, ErrorClass.RETRYABLE, ErrorClass.AUTHENTICATION_REQUIRED}
)
