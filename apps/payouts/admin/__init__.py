"""Sellers, what they get, and their payouts in the back-office."""

from apps.payouts.admin.payouts import PayoutAdmin
from apps.payouts.admin.sellers import SellerAdmin
from apps.payouts.admin.transfers import TransferAdmin

__all__ = ["PayoutAdmin", "SellerAdmin", "TransferAdmin"]
