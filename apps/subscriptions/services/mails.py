"""
E-mails to customers, from templates in templates/emails, one folder per language that we speak.

Sent outside of any transaction by the handlers of events. A mail that was sent may be sent again
when its handler dies right after; its Message-ID comes from the event, so that mail programs show
it once.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import translation

from apps.common.transactions import assert_no_transaction
from apps.customers.models import Customer
from apps.subscriptions.models import Invoice, Subscription
from apps.subscriptions.objects import page_url
from apps.subscriptions.papers import language_of, show_amount
from apps.subscriptions.selectors import dunning_policy_of, dunning_terms_of
from apps.subscriptions.services.cards import card_url
from apps.subscriptions.states import InvoiceStatus

# One template per step; previewed in the back-office with the same function that sends them.
TEMPLATES = {
    "invoice.payment_failed": "payment_failed",
    "invoice.payment_action_required": "payment_action_required",
    "dunning.exhausted": "dunning_exhausted",
    "customer.subscription.trial_will_end": "trial_will_end",
}


def send_dunning_mail(*, invoice_id: str, event_id: str, event_type: str) -> bool:
    """
    Tell the customer about an unpaid invoice; return whether a mail was sent.

    Not to customers without an address, not where the policy says so, and not when the invoice
    has been paid meanwhile.
    """
    invoice = Invoice.objects.select_related(
        "customer", "subscription__dunning_policy", "subscription__customer"
    ).get(pk=invoice_id)
    policy = dunning_policy_of(invoice)
    if invoice.status == InvoiceStatus.PAID or (policy is not None and not policy.send_emails):
        return False
    language = language_of(invoice.customer)
    context = {**mail_facts(invoice, language), "retries_left": _retries_left(invoice)}
    return _send(TEMPLATES[event_type], invoice.customer, language, context, event_id)


def send_trial_mail(*, subscription_id: str, event_id: str) -> bool:
    """Remind the customer that a trial ends; return whether a mail was sent."""
    subscription = Subscription.objects.select_related("customer").get(pk=subscription_id)
    context = {"trial_end": subscription.trial_end, "customer_name": subscription.customer.name}
    template = TEMPLATES["customer.subscription.trial_will_end"]
    language = language_of(subscription.customer)
    return _send(template, subscription.customer, language, context, event_id)


def mail_facts(invoice: Invoice, language: str) -> dict[str, Any]:
    """Return what the templates say about an invoice."""
    return {
        "customer_name": invoice.customer.name,
        "number": invoice.number,
        "amount": show_amount(invoice.amount_remaining, invoice.currency, language),
        "next_attempt": invoice.next_payment_attempt,
        "link": page_url(invoice),
        "card_link": card_url(invoice),
    }


def _retries_left(invoice: Invoice) -> int:
    return max(0, len(dunning_terms_of(invoice).retry_days) - invoice.dunning_slot)


def _send(
    template: str, customer: Customer, language: str, context: dict[str, Any], event_id: str
) -> bool:
    assert_no_transaction()
    if not customer.email:
        return False
    subject, body = render_mail(template, language, context)
    host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2]
    message = EmailMessage(
        subject, body, to=[customer.email], headers={"Message-ID": f"<{event_id}@{host}>"}
    )
    return message.send() == 1


def render_mail(template: str, language: str, context: dict[str, Any]) -> tuple[str, str]:
    """Return subject and text in one of our languages."""
    with translation.override(language):
        text = render_to_string(f"emails/subscriptions/{language}/{template}.txt", context)
    subject, _, body = text.partition("\n")
    return subject.removeprefix("Subject: "), body.lstrip("\n")


def preview_mails(language: str, *, now: datetime) -> list[tuple[str, str, str]]:
    """Return template, subject and text of every mail as a made-up customer would get it."""
    context = {
        "customer_name": "Ada Lovelace",
        "number": "INV-000042",
        "amount": show_amount(4900, "EUR", language),
        "next_attempt": now + timedelta(days=2),
        "retries_left": 2,
        "trial_end": now + timedelta(days=3),
        "link": f"{settings.PUBLIC_BASE_URL}/invoices/…",
        "card_link": f"{settings.PUBLIC_BASE_URL}/invoices/card/…",
    }
    return [
        (template, *render_mail(template, language, context))
        for template in dict.fromkeys(TEMPLATES.values())
    ]
