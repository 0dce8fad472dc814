"""
Another card for an unpaid invoice, left by the customer behind the link of a mail.

The link is signed and ends by itself; it says which invoice it is about and lets its holder do one
thing: leave a card, which is charged at once.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing

from apps.common.origin import Origin, Scope
from apps.customers.services import update_customer
from apps.subscriptions.errors import CardLinkInvalid
from apps.subscriptions.models import Invoice
from apps.subscriptions.services.collection import prepare_payment
from apps.subscriptions.services.dunning import charge_overdue
from apps.subscriptions.services.invoices import pay_invoice
from apps.subscriptions.services.subscriptions import SubscriptionChange, update_subscription
from apps.subscriptions.states import InvoiceStatus
from apps.vault.services.methods import attach_method, create_method

# Longer than any schedule of retries, so that the link of the last mail still works for a while.
LINK_LIFETIME = timedelta(days=30)
_SALT = "subscriptions.card_link"


def card_url(invoice: Invoice) -> str:
    """Return the address at which the customer can leave another card for this invoice."""
    return f"{settings.PUBLIC_BASE_URL}/invoices/card/{sign_link(invoice)}"


def sign_link(invoice: Invoice) -> str:
    """Return what stands at the end of that address."""
    return signing.TimestampSigner(salt=_SALT).sign(invoice.pk)


def find_invoice(link: str) -> Invoice:
    """
    Return the invoice of a link.

    :raises CardLinkInvalid: nobody signed it, or it is too old
    """
    try:
        invoice_id = signing.TimestampSigner(salt=_SALT).unsign(link, max_age=LINK_LIFETIME)
    except signing.BadSignature as broken:
        raise CardLinkInvalid from broken
    return Invoice.objects.select_related("customer", "subscription").get(pk=invoice_id)


def replace_card(
    *, invoice: Invoice, token: str, try_number: str, origin: Origin, now: datetime
) -> Invoice:
    """
    Keep the card as the customer's default and charge what they owe, this invoice first.

    :raises TokenRefused: the gateway does not know the token
    :raises GatewaysAway: no gateway could be reached
    :raises CardDeclined: the card was kept, but the bank said no
    :raises InvoicePaymentInProgress: the bank wants the customer to confirm, or is thinking
    """
    scope = Scope(invoice.merchant_id, invoice.livemode)
    method_id = _keep_card(invoice, token, try_number, origin=origin, now=now)
    update_customer(
        scope=scope,
        customer_id=invoice.customer_id,
        changes={"default_payment_method_id": method_id},
        origin=origin,
        now=now,
    )
    subscription = invoice.subscription
    if subscription is not None and subscription.default_payment_method_id:
        # What the subscription names goes before the customer's default.
        _charge_by_default(subscription.id, method_id, scope, origin=origin, now=now)
    current = Invoice.objects.get(pk=invoice.pk)
    if current.status == InvoiceStatus.OPEN:
        # From the bank's page the payer comes back to the place where they left the card.
        prepare_payment(invoice_id=invoice.id, return_url=card_url(invoice), origin=origin, now=now)
        current = pay_invoice(
            scope=scope, invoice_id=invoice.id, method_id=method_id, origin=origin, now=now
        )
    charge_overdue(customer_id=invoice.customer_id, origin=origin, now=now)
    return current


def pay_first_invoice(
    *, invoice: Invoice, token: str, try_number: str, origin: Origin, now: datetime
) -> Invoice:
    """
    Keep the card for a subscription that begins, and charge its first invoice with it.

    The customer's default stays what it was: the card was given for this subscription.

    :raises TokenRefused: the gateway does not know the token
    :raises GatewaysAway: no gateway could be reached
    :raises CardDeclined: the card was kept, but the bank said no
    :raises InvoiceNotPayable: it was paid or voided meanwhile
    :raises InvoicePaymentInProgress: the bank wants the customer to confirm, or is thinking
    """
    scope = Scope(invoice.merchant_id, invoice.livemode)
    method_id = _keep_card(invoice, token, try_number, origin=origin, now=now)
    _charge_by_default(str(invoice.subscription_id), method_id, scope, origin=origin, now=now)
    return pay_invoice(
        scope=scope, invoice_id=invoice.id, method_id=method_id, origin=origin, now=now
    )


def _keep_card(
    invoice: Invoice, token: str, try_number: str, *, origin: Origin, now: datetime
) -> str:
    scope = Scope(invoice.merchant_id, invoice.livemode)
    method = create_method(
        scope=scope, type="card", token=token, billing_details={}, metadata={},
        key=f"{invoice.id}:{try_number}", now=now,
    )  # fmt: skip
    attach_method(
        scope=scope, method_id=method.id, customer_id=invoice.customer_id, origin=origin, now=now
    )
    return str(method.id)


def _charge_by_default(
    subscription_id: str, method_id: str, scope: Scope, *, origin: Origin, now: datetime
) -> None:
    update_subscription(
        scope=scope,
        subscription_id=subscription_id,
        change=SubscriptionChange(fields={"default_payment_method_id": method_id}),
        origin=origin,
        now=now,
    )
