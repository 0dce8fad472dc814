"""Sellers, what they get, and how it leaves."""

from apps.payouts.models.payouts import Payout
from apps.payouts.models.sellers import PayoutSchedule, Seller
from apps.payouts.models.transfers import Transfer, TransferReversal

__all__ = ["Payout", "PayoutSchedule", "Seller", "Transfer", "TransferReversal"]
