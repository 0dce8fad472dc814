"""Invoices on paper."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from babel.dates import format_date
from babel.numbers import format_currency

from apps.api.models import Merchant
from apps.common.money import to_major
from apps.customers.models import Customer
from apps.customers.states import TaxExempt
from apps.subscriptions.models import Invoice, InvoiceLine
from apps.subscriptions.selectors import list_lines
from apps.subscriptions.states import InvoiceStatus
from apps.subscriptions.words import LANGUAGES, WORDS


def language_of(customer: Customer) -> str:
    """Return the first of the customer's languages that we speak."""
    for locale in customer.preferred_locales:
        language = str(locale).replace("_", "-").split("-")[0].lower()
        if language in LANGUAGES:
            return language
    return LANGUAGES[0]


def show_amount(amount: int, currency: str, language: str) -> str:
    """Return minor units as people of the language write money."""
    return str(format_currency(to_major(amount, currency), currency, locale=language))


def show_date(moment: datetime, language: str) -> str:
    """Return the day as people of the language write it."""
    return str(format_date(moment, format="long", locale=language))


def make_pdf(invoice: Invoice, language: str) -> bytes:
    """Return a final invoice as a PDF; the same invoice gives the same bytes."""
    from apps.common.pdf import Document  # noqa: PLC0415 - 80 MB which only this needs

    words = WORDS[language]
    seller = Merchant.objects.values_list("name", flat=True).filter(pk=invoice.merchant_id).first()
    document = Document(
        title=f"{words['invoice']} {invoice.number}",
        created_at=invoice.finalized_at or invoice.created_at,
        footer=f"{seller or ''} · {invoice.number}",
    )
    if invoice.status == InvoiceStatus.VOID:
        document.paragraph(words["void"])
    document.facts(_head(invoice, seller or "", words, language))
    document.table(
        (words["description"], words["quantity"], words["tax_rate"], words["amount"]),
        [_row(line, invoice.currency, language) for line in list_lines(invoice)],
        widths=(6, 1.2, 1.2, 1.8),
        numbers=(1, 2, 3),
    )
    document.facts(_sums(invoice, words, language))
    if invoice.customer_tax_exempt == TaxExempt.REVERSE:
        document.paragraph(words["reverse"])
    return document.to_bytes()


def _head(
    invoice: Invoice, seller: str, words: Mapping[str, str], language: str
) -> list[tuple[str, str]]:
    issued = invoice.finalized_at or invoice.created_at
    start, end = invoice.period_start, invoice.period_end
    customer = ", ".join(filter(None, (invoice.customer_name, invoice.customer_email)))
    rows = [("", seller), (words["customer"], customer)]
    rows.append((words["issued"], show_date(issued, language)))
    if end > start:
        period = f"{show_date(start, language)} \u2013 {show_date(end, language)}"
        rows.append((words["period"], period))
    if invoice.due_date is not None:
        rows.append((words["due"], show_date(invoice.due_date, language)))
    return rows


def _row(line: InvoiceLine, currency: str, language: str) -> tuple[str, str, str, str]:
    tax = f"{line.tax_percent.normalize():f} %" if line.tax_percent else ""
    quantity = f"{line.quantity.normalize():f}" if line.quantity != Decimal(1) else "1"
    return line.description, quantity, tax, show_amount(line.amount, currency, language)


def _sums(invoice: Invoice, words: Mapping[str, str], language: str) -> list[tuple[str, str]]:
    sums = [
        ("subtotal", invoice.subtotal),
        ("discount", -invoice.discount_amount),
        ("tax", invoice.tax_amount),
        ("total", invoice.total),
        ("balance", -invoice.balance_applied),
        ("paid", -invoice.amount_paid),
        ("remaining", invoice.amount_remaining),
    ]
    always = {"total", "remaining"}
    return [
        (words[name], show_amount(amount, invoice.currency, language))
        for name, amount in sums
        if amount or name in always
    ]
