"""What customers see who follow a link of ours: an invoice, its PDF, a place for another card."""

import re
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from apps.api.errors import RateLimited
from apps.api.models import Merchant
from apps.api.throttling import take_address_token
from apps.common.addresses import client_address
from apps.common.card_fields import TOKEN, fields_origin, fields_url
from apps.common.errors import DomainError
from apps.common.ids import new_id
from apps.common.origin import Origin
from apps.payments.states import IntentStatus
from apps.subscriptions.errors import CardLinkInvalid, InvoicePaymentInProgress
from apps.subscriptions.models import Invoice
from apps.subscriptions.objects import page_url
from apps.subscriptions.papers import language_of, make_pdf, show_amount, show_date
from apps.subscriptions.selectors import find_open_intent, list_lines
from apps.subscriptions.services.cards import find_invoice, replace_card
from apps.subscriptions.states import InvoiceStatus
from apps.subscriptions.words import CARD_WORDS, WORDS

_TRY = re.compile(r"[0-9a-f]{32}\Z")

_UNDER_WAY = {IntentStatus.REQUIRES_ACTION, IntentStatus.PROCESSING}

_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}


@require_safe
def invoice_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show a final invoice to whoever has its link, which nobody can guess."""
    invoice = _final_invoice(token)
    currency, language = invoice.currency, language_of(invoice.customer)

    def amount(minor: int) -> str:
        return show_amount(minor, currency, language)

    context = {
        "invoice": invoice,
        "language": language,
        "words": WORDS[language],
        "seller": _seller(invoice),
        "issued": show_date(invoice.finalized_at or invoice.created_at, language),
        "lines": [
            {"text": line.description, "amount": amount(line.amount)}
            for line in list_lines(invoice)
        ],
        "discount": amount(-invoice.discount_amount),
        "tax": amount(invoice.tax_amount),
        "balance": amount(-invoice.balance_applied),
        "total": amount(invoice.total),
        "remaining": amount(invoice.amount_remaining),
        "pdf_url": f"{urlsplit(page_url(invoice)).path}/pdf",
    }
    return _show(request, "invoices/page.html", context, language)


@require_safe
def invoice_pdf(_request: HttpRequest, token: str) -> HttpResponse:
    """Return a final invoice as a file."""
    invoice = _final_invoice(token)
    content = make_pdf(invoice, language_of(invoice.customer))
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{invoice.number}.pdf"'
    for name, value in _HEADERS.items():
        response[name] = value
    return response


@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def card_page(request: HttpRequest, link: str) -> HttpResponse:
    """Let the customer of an unpaid invoice leave another card, which is charged at once."""
    try:
        invoice = find_invoice(link)
    except CardLinkInvalid as refusal:
        context = {"state": "expired", "language": "en", "words": CARD_WORDS["en"]}
        return _show(request, "invoices/card.html", context, "en", status=refusal.status)
    if invoice.status != InvoiceStatus.OPEN:
        return _show_card(request, invoice, "settled")
    if request.method == "POST":
        return _take_card(request, invoice)
    return _show_standing(request, invoice, otherwise="open")


def _take_card(request: HttpRequest, invoice: Invoice) -> HttpResponse:
    token, try_number = request.POST.get("token", ""), request.POST.get("try", "")
    if not (TOKEN.match(token) and _TRY.match(try_number)):
        return _show_card(request, invoice, "open", status=HTTPStatus.BAD_REQUEST)
    try:
        take_address_token(client_address(request))
        replace_card(
            invoice=invoice,
            token=token,
            try_number=try_number,
            origin=Origin(actor=f"payer:{invoice.customer_id}", request_id=new_id("req")),
            now=timezone.now(),
        )
    except RateLimited:
        return _show_card(request, invoice, "open", status=HTTPStatus.TOO_MANY_REQUESTS)
    except InvoicePaymentInProgress:
        return _show_standing(request, invoice, otherwise="processing")
    except DomainError:
        return _show_standing(
            request, invoice, otherwise="declined", status=HTTPStatus.PAYMENT_REQUIRED
        )
    return _show_card(request, invoice, "paid")


def _show_standing(
    request: HttpRequest, invoice: Invoice, *, otherwise: str, status: int = HTTPStatus.OK
) -> HttpResponse:
    """Show what is under way with the invoice's payment, `otherwise` when nothing is."""
    intent = find_open_intent(invoice)
    if intent is None or intent.status not in _UNDER_WAY:
        return _show_card(request, invoice, otherwise, status=status)
    bank_url = str((intent.next_action or {}).get("url", ""))
    state = "verification" if bank_url else "processing"
    return _show_card(request, invoice, state, bank_url=bank_url)


def _show_card(
    request: HttpRequest,
    invoice: Invoice,
    state: str,
    *,
    bank_url: str = "",
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    language = language_of(invoice.customer)
    words = CARD_WORDS[language]
    context = {
        "state": state,
        "language": language,
        "words": words,
        "told": words.get(state, ""),
        "seller": _seller(invoice),
        "number": invoice.number,
        "bank_url": bank_url,
        "amount": show_amount(invoice.amount_remaining, invoice.currency, language),
        "invoice_url": urlsplit(page_url(invoice)).path,
        "fields_url": fields_url(language),
        "fields_origin": fields_origin(),
        "try_number": secrets.token_hex(16),
    }
    return _show(request, "invoices/card.html", context, language, status=status)


def _show(
    request: HttpRequest,
    template: str,
    context: Mapping[str, object],
    language: str,
    *,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    nonce = secrets.token_urlsafe(16)
    with translation.override(language):
        response = render(request, template, {**context, "nonce": nonce}, status=status)
    for name, value in _HEADERS.items():
        response[name] = value
    response["Content-Language"] = language
    # The page's own style and script, and one frame of one origin: the card fields.
    frames = fields_origin() or "'none'"
    response["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}';"
        f" frame-src {frames}; img-src data:; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    )
    return response


def _final_invoice(token: str) -> Invoice:
    invoice = (
        Invoice.objects.select_related("customer")
        .filter(access_token=token)
        .exclude(status=InvoiceStatus.DRAFT)
        .first()
    )
    if invoice is None:
        raise Http404
    return invoice


def _seller(invoice: Invoice) -> str:
    names = Merchant.objects.filter(pk=invoice.merchant_id).values_list("name", flat=True)
    return names.first() or ""
