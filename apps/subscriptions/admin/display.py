"""How billing looks to staff."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.backoffice.kit.display import Tone, chip, link, money, words
from apps.subscriptions.models import Invoice, Subscription
from apps.subscriptions.states import InvoiceStatus, SubscriptionStatus

S = SubscriptionStatus

_TONES: Mapping[str, Tone] = {
    S.ACTIVE: Tone.GOOD,
    S.TRIALING: Tone.BUSY,
    S.INCOMPLETE: Tone.BUSY,
    S.PAST_DUE: Tone.WARNING,
    S.UNPAID: Tone.BAD,
    InvoiceStatus.PAID: Tone.GOOD,
    InvoiceStatus.OPEN: Tone.BUSY,
    InvoiceStatus.UNCOLLECTIBLE: Tone.BAD,
}


def status_chip(status: str) -> SafeString:
    """Return the status of a subscription or an invoice."""
    return chip(words(status), _TONES.get(status, Tone.NEUTRAL))


def invoice_link(invoice: Invoice) -> SafeString:
    """Return the way to an invoice's page."""
    shown = invoice.number or invoice.id
    return link(reverse("admin:subscriptions_invoice_change", args=[invoice.id]), shown)


def subscription_link(subscription_id: str) -> SafeString:
    """Return the way to a subscription's page."""
    url = reverse("admin:subscriptions_subscription_change", args=[subscription_id])
    return link(url, subscription_id)


def monthly_money(row: Subscription) -> str:
    """Return what the subscription is worth a month."""
    return whole_money(row.monthly_revenue, row.currency)


def whole_money(amount: Decimal, currency: str) -> str:
    """Return an amount that may have fractions of a minor unit, rounded to whole ones."""
    return money(int(amount.quantize(Decimal(1), ROUND_HALF_UP)), currency)


def bar(value: float, most: float, label: str) -> SafeString:
    """Return a bar as long as the value's share of the greatest one."""
    return format_html(
        '<meter class="bo-meter" min="0" max="{}" value="{}" aria-label="{}"></meter>',
        most or 1,
        value,
        label,
    )
