"""Statements for a test: rows of each format, and the doors through which they come in."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from apps.common.money import to_major
from apps.common.origin import Origin, Scope
from apps.payments.models import PaymentAttempt, PaymentIntent, Refund
from apps.reconciliation.models import Discrepancy, ReconciliationRun, StatementFile
from apps.reconciliation.services import import_statement, reconcile_day
from apps.reconciliation.states import StatementFormat
from tests.factories.payments import SCOPE, attempt_of, confirmed_intent

GATEWAY = "stripe_main"
NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
DAY = NOON.date()
FINANCE = Origin(actor="staff:finn@example.com")

STRIPE_COLUMNS = (
    "balance_transaction_id",
    "created_utc",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "payment_intent_id",
    "payment_metadata[attempt]",
    "refund_metadata[refund]",
    "automatic_payout_id",
)
Row = dict[str, str]


def paid(amount: int = 10_000, *, now: datetime = NOON, scope: Scope = SCOPE) -> PaymentAttempt:
    """Return the attempt of a payment taken at noon."""
    intent = confirmed_intent(amount=amount, now=now, scope=scope)
    return attempt_of(intent)


def charge_row(attempt: PaymentAttempt, **changes: str) -> Row:
    """Return Stripe's row for a payment, as it should be."""
    fee = attempt.fee or 0
    return stripe_row(
        reference=f"txn_{attempt.id}",
        category="charge",
        source=attempt.charge_reference,
        gross=attempt.amount_captured,
        fee=fee,
        currency=attempt.currency,
        changes={"payment_intent_id": attempt.gateway_reference} | changes,
    )


def refund_row(refund: Refund, **changes: str) -> Row:
    """Return Stripe's row for a refund, as it should be."""
    return stripe_row(
        reference=f"txn_{refund.id}",
        category="refund",
        source=refund.gateway_reference,
        gross=-refund.amount,
        currency=refund.currency,
        changes=changes,
    )


def payout_row(reference: str, amount: int, **changes: str) -> Row:
    """Return Stripe's row for a payout to our bank; `amount` is what arrives there."""
    return stripe_row(
        reference=f"txn_{reference}",
        category="payout",
        source=reference,
        gross=-amount,
        changes={"created_utc": "2026-11-18 18:00:00"} | changes,
    )


def stripe_row(
    *,
    reference: str,
    category: str,
    source: str,
    gross: int,
    fee: int = 0,
    currency: str = "EUR",
    changes: Mapping[str, str] | None = None,
) -> Row:
    """Return a row of Stripe's report; amounts are minor units."""
    row = dict.fromkeys(STRIPE_COLUMNS, "")
    row |= {
        "balance_transaction_id": reference,
        "created_utc": "2026-11-18 12:00:01",
        "currency": currency.lower(),
        "gross": str(to_major(gross, currency)),
        "fee": str(to_major(fee, currency)),
        "net": str(to_major(gross - fee, currency)),
        "reporting_category": category,
        "source_id": source,
    }
    return row | dict(changes or {})


def csv_of(rows: Iterable[Mapping[str, str]], columns: Iterable[str] = STRIPE_COLUMNS) -> bytes:
    """Return the rows as a file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def upload(
    *rows: Row,
    content: bytes | None = None,
    format: StatementFormat = StatementFormat.STRIPE,
    source: str = GATEWAY,
    name: str = "report.csv",
    scope: Scope = SCOPE,
) -> StatementFile:
    """Take a statement in: Stripe's of these rows, or any other by its bytes."""
    return import_statement(
        scope=scope,
        source=source,
        format=format,
        stream=io.BytesIO(csv_of(rows) if content is None else content),
        name=name,
        origin=FINANCE,
        now=NOON,
    )


def run(
    day: date = DAY, *, gateway: str = GATEWAY, now: datetime = NOON, scope: Scope = SCOPE
) -> ReconciliationRun:
    """Reconcile a day."""
    return reconcile_day(scope=scope, gateway=gateway, day=day, origin=FINANCE, now=now)


def exceptions(**filters: Any) -> list[tuple[str, int | None, int | None]]:
    """Return (kind, net of the ledger, net of the statement) of the open exceptions."""
    rows = Discrepancy.objects.filter(status="open", **filters).order_by("kind", "subject")
    return [(row.kind, row.ledger_amount, row.statement_amount) for row in rows]


def intent_of(attempt: PaymentAttempt) -> PaymentIntent:
    return PaymentIntent.objects.get(pk=attempt.intent_id)
