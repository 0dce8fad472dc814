"""The hosted invoice page: what a customer sees who follows the link of an invoice."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.common.money import to_major
from apps.subscriptions.models import Invoice
from apps.subscriptions.selectors import list_lines
from apps.subscriptions.states import InvoiceStatus

# Nothing but this page's own style; it has no script.
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)


@require_safe
def invoice_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show a final invoice to whoever has its link, which nobody can guess."""
    invoice = (
        Invoice.objects.select_related("customer")
        .filter(access_token=token)
        .exclude(status=InvoiceStatus.DRAFT)
        .first()
    )
    if invoice is None:
        raise Http404
    currency = invoice.currency
    context = {
        "invoice": invoice,
        "currency": currency,
        "lines": [
            {"text": line.description, "amount": to_major(line.amount, currency)}
            for line in list_lines(invoice)
        ],
        "discount": to_major(invoice.discount_amount, currency),
        "tax": to_major(invoice.tax_amount, currency),
        "total": to_major(invoice.total, currency),
        "remaining": to_major(invoice.amount_remaining, currency),
    }
    response = render(request, "invoices/page.html", context)
    response["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response
