"""What billing can say when a payment is disputed; named in settings, since disputes lie beside."""

from apps.subscriptions.models import Invoice, InvoicePayment, Subscription


def describe_billing(intent_id: str) -> dict[str, str]:
    """
    Return what the payment paid for, by the names of the evidence's fields; {} when no invoice.

    Source: the evidence matrix, docs/disputes.md
    """
    paid = InvoicePayment.objects.select_related("invoice__subscription").filter(
        intent_id=intent_id
    )
    payment = paid.first()
    if payment is None:
        return {}
    invoice = payment.invoice
    texts = {
        "product_description": _lines_in_words(invoice),
        "service_date": f"{invoice.period_start:%Y-%m-%d} to {invoice.period_end:%Y-%m-%d}",
    }
    if invoice.subscription is not None:
        texts["cancellation_rebuttal"] = _cancellation_in_words(invoice.subscription, invoice)
    return texts


def _lines_in_words(invoice: Invoice) -> str:
    lines = invoice.lines.order_by("position").values_list("description", flat=True)
    told = "; ".join(text for text in lines if text)
    return f"Invoice {invoice.number}: {told}" if told else f"Invoice {invoice.number}"


def _cancellation_in_words(subscription: Subscription, invoice: Invoice) -> str:
    since = f"Subscription {subscription.id} runs since {subscription.started_at:%Y-%m-%d}."
    if subscription.canceled_at is None:
        return f"{since} It was never canceled."
    when = f"{subscription.canceled_at:%Y-%m-%d %H:%M} UTC"
    if subscription.canceled_at > invoice.created_at:
        return f"{since} It was canceled on {when}, after this charge."
    return f"{since} It was canceled on {when}."
