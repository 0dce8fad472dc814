"""Statuses of sellers, transfers and payouts. The arrows between them are on the models."""

from django.db.models import TextChoices


class SellerStatus(TextChoices):
    """A suspended seller still gets shares of payments, but nothing is paid out."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class TransferStatus(TextChoices):
    """Where a seller's share is: still pending, in the wallet, or taken back in full."""

    PENDING = "pending"
    AVAILABLE = "available"
    REVERSED = "reversed"


class PayoutStatus(TextChoices):
    """Life of a payout; a bank may send money back even after it was paid (AC-68)."""

    PENDING = "pending"
    IN_TRANSIT = "in_transit"
    PAID = "paid"
    FAILED = "failed"
    CANCELED = "canceled"


class PayoutInterval(TextChoices):
    MANUAL = "manual"
    DAILY = "daily"
    WEEKLY = "weekly"
