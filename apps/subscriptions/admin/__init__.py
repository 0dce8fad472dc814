"""Billing in the back-office."""

from apps.subscriptions.admin.clocks import TestClockAdmin
from apps.subscriptions.admin.dunning import DunningPolicyAdmin
from apps.subscriptions.admin.invoices import InvoiceAdmin
from apps.subscriptions.admin.revenue import RevenueChangeAdmin
from apps.subscriptions.admin.subscriptions import SubscriptionAdmin

__all__ = [
    "DunningPolicyAdmin",
    "InvoiceAdmin",
    "RevenueChangeAdmin",
    "SubscriptionAdmin",
    "TestClockAdmin",
]
