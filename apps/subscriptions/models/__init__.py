"""The tables of billing."""

from apps.subscriptions.models.catalog import Coupon, Meter, MeterEvent, Price, Product
from apps.subscriptions.models.clocks import TestClock
from apps.subscriptions.models.dunning import DunningPolicy
from apps.subscriptions.models.invoices import (
    BalanceTransaction,
    CollectionTry,
    CreditNote,
    Invoice,
    InvoiceItem,
    InvoiceLine,
    InvoiceNumber,
    InvoicePayment,
)
from apps.subscriptions.models.revenue import RevenueChange
from apps.subscriptions.models.subscriptions import (
    Discount,
    Subscription,
    SubscriptionItem,
    Trial,
    UpcomingNotice,
)

__all__ = [
    "BalanceTransaction",
    "CollectionTry",
    "Coupon",
    "CreditNote",
    "Discount",
    "DunningPolicy",
    "Invoice",
    "InvoiceItem",
    "InvoiceLine",
    "InvoiceNumber",
    "InvoicePayment",
    "Meter",
    "MeterEvent",
    "Price",
    "Product",
    "RevenueChange",
    "Subscription",
    "SubscriptionItem",
    "TestClock",
    "Trial",
    "UpcomingNotice",
]
