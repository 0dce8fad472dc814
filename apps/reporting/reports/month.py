"""The month close pack: one month of one merchant's books, all that an auditor asks for first."""

from collections.abc import Sequence

from apps.api.models import Merchant
from apps.backoffice.sheets import Sheet
from apps.ledger.models import PeriodClose
from apps.reporting.reports import books, payments, reconciliation, settlements
from apps.reporting.spans import Span

DRAFT = "DRAFT: the month is not closed, and its figures may change"


def pack(span: Span) -> Sequence[Sheet]:
    """Return the tables of a month."""
    accounts = books.read_accounts(span)
    (by_gateway,) = payments.by_gateway(span)
    (disputes,) = payments.disputes(span)
    return [
        books.trial_sheet(accounts),
        books.result_sheet(accounts),
        Sheet(by_gateway.columns, by_gateway.rows, title="Payments and fees"),
        Sheet(disputes.columns, disputes.rows, title="Disputes"),
        *reconciliation.payouts(span),
        *reconciliation.exceptions(span),
        *settlements.accuracy(span),
    ]


def facts_of(span: Span) -> Sequence[tuple[str, str]]:
    """Return whose month it is, and whether it is closed."""
    merchant = Merchant.objects.filter(pk=span.scope.merchant_id).first()
    close = find_close(span)
    return (
        ("Merchant", f"{merchant.name if merchant else ''} {span.scope.merchant_id}".strip()),
        ("Mode", "live" if span.scope.livemode else "test"),
        ("Month", f"{span.since:%B %Y}, days of UTC"),
        ("Currency", span.currency or "every one"),
        ("State", f"closed by {close.actor} at {_utc(close)}" if close else DRAFT),
        ("Made", f"{span.made_at:%Y-%m-%d %H:%M} UTC"),
        ("Amounts", "major units; the trial balance counts entries by their value day"),
    )


def find_close(span: Span) -> PeriodClose | None:
    """Return the decision by which the last day of the span is closed, if there is one."""
    closes = PeriodClose.objects.filter(
        merchant_id=span.scope.merchant_id,
        livemode=span.scope.livemode,
        closed_through__gte=span.last_day,
    )
    return closes.order_by("closed_through").first()


def _utc(close: PeriodClose) -> str:
    return f"{close.closed_at:%Y-%m-%d %H:%M} UTC"
