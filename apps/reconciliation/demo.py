"""Reports of a gateway and of the bank for the demo: nearly all agree, and a few rows do not."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from apps.common.demo import Demo
from apps.common.money import to_major
from apps.common.origin import CLOCK, Origin
from apps.disputes.models import DisputeFunds
from apps.disputes.states import FundsKind
from apps.gateways.registry import gateway_names
from apps.payments.models import PaymentAttempt, Refund
from apps.payments.states import AttemptStatus, RefundStatus
from apps.reconciliation.services import import_statement, reconcile_day
from apps.reconciliation.states import StatementFormat

CLERK: Final = Origin(actor="staff:finance@demo.example")
BANK: Final = "main_bank"
# The days that are reconciled; the report tells of all the others as well.
DAYS_RECONCILED: Final = 10
# A day's euros leave the gateway two days later and are at the bank the day after.
PAID_OUT_AFTER: Final = timedelta(days=2)
_COLUMNS: Final = (
    "balance_transaction_id", "created_utc", "currency", "gross", "fee", "net",
    "reporting_category", "source_id", "payment_intent_id", "automatic_payout_id",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """One row of the gateway's report, in minor units."""

    reference: str
    at: datetime
    currency: str
    gross: int
    fee: int = 0
    category: str
    source: str
    payment: str = ""
    payout: str = ""

    def cells(self) -> tuple[str, ...]:
        amounts = (self.gross, self.fee, self.gross - self.fee)
        return (
            self.reference,
            f"{self.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            self.currency.lower(),
            *(str(to_major(amount, self.currency)) for amount in amounts),
            self.category,
            self.source,
            self.payment,
            self.payout,
        )


def seed_reconciliation(demo: Demo) -> None:
    """Take in one gateway's report and the bank's statement, and reconcile the last days."""
    gateway = gateway_names()[0]
    rows = list(_all_rows(demo, gateway))
    rows, payouts = _paid_out(rows, demo)
    _upload(
        demo, gateway, "balance.csv", [_COLUMNS, *(row.cells() for row in _mistaken(rows, demo))]
    )
    _upload(demo, BANK, "account.csv", list(_bank_rows(payouts, demo)))
    today = demo.now.date()
    for back in range(DAYS_RECONCILED, 0, -1):
        day = today - timedelta(days=back)
        reconcile_day(
            scope=demo.scope,
            gateway=gateway,
            day=day,
            origin=CLOCK,
            now=_at(day + timedelta(days=1), hour=6),
        )


def _all_rows(demo: Demo, gateway: str) -> Iterator[_Row]:
    """Yield what the gateway knows of the demo, oldest first within each kind."""
    mine = {"merchant_id": demo.scope.merchant_id, "livemode": demo.scope.livemode}
    captured = PaymentAttempt.objects.filter(
        **mine, gateway=gateway, status=AttemptStatus.CAPTURED
    ).order_by("id")
    for attempt in captured.iterator():
        yield _Row(
            reference=f"txn_{attempt.gateway_reference}",
            at=attempt.finished_at or attempt.created_at,
            currency=attempt.currency,
            gross=attempt.amount_captured,
            fee=attempt.fee or 0,
            category="charge",
            source=attempt.charge_reference,
            payment=attempt.gateway_reference,
        )
    refunds = Refund.objects.filter(
        **mine, attempt__gateway=gateway, status=RefundStatus.SUCCEEDED
    ).order_by("id")
    for refund in refunds.iterator():
        yield _Row(
            reference=f"txn_{refund.gateway_reference}",
            at=refund.created_at,
            currency=refund.currency,
            gross=-refund.amount,
            category="refund",
            source=refund.gateway_reference,
        )
    funds = (
        DisputeFunds.objects.filter(
            dispute__merchant_id=demo.scope.merchant_id, dispute__gateway=gateway
        )
        .exclude(gateway_reference="")
        .order_by("id")
    )
    for moved in funds.iterator():
        is_out = moved.kind == FundsKind.WITHDRAWN
        yield _Row(
            reference=moved.gateway_reference,
            at=moved.created_at,
            currency=moved.currency,
            gross=-moved.amount if is_out else moved.amount,
            fee=moved.fee if is_out else -moved.fee,
            category="dispute" if is_out else "dispute_reversal",
            source=moved.gateway_reference,
        )


def _paid_out(rows: list[_Row], demo: Demo) -> tuple[list[_Row], list[_Row]]:
    """Return the rows with the payouts that they left in, and those payouts."""
    sums: defaultdict[date, int] = defaultdict(int)
    for row in rows:
        if row.currency == "EUR":
            sums[row.at.astimezone(UTC).date()] += row.gross - row.fee
    payouts = [
        _Row(
            reference=f"txn_po_demo_{day:%Y%m%d}",
            at=_at(day + PAID_OUT_AFTER, hour=18),
            currency="EUR",
            gross=-net,
            category="payout",
            source=f"po_demo_{day:%Y%m%d}",
            payout=f"po_demo_{day:%Y%m%d}",
        )
        for day, net in sorted(sums.items())
        if net > 0 and _is_paid_out(day, demo)
    ]
    named = {payout.payout for payout in payouts}
    told = [
        replace(row, payout=name)
        if row.currency == "EUR" and (name := f"po_demo_{row.at.astimezone(UTC):%Y%m%d}") in named
        else row
        for row in rows
    ]
    return [*told, *payouts], payouts


def _is_paid_out(day: date, demo: Demo) -> bool:
    """Return whether a day's payout falls among the days that are reconciled."""
    today = demo.now.date()
    left_on = day + PAID_OUT_AFTER
    return today - timedelta(days=DAYS_RECONCILED) <= left_on < today


def _mistaken(rows: list[_Row], demo: Demo) -> list[_Row]:
    """Return the report as the gateway sends it: a stranger in it, and one amount in yen wrong."""
    today = _at(demo.now.date(), hour=0)
    in_yen = (
        row for row in rows if row.currency == "JPY" and row.category == "charge" and row.at < today
    )
    yen = max(in_yen, key=lambda row: row.at, default=None)
    stranger = _Row(
        reference="txn_demo_stranger",
        at=today - timedelta(hours=7),
        currency="USD",
        gross=4_200,
        fee=152,
        category="charge",
        source="ch_demo_stranger",
        payment="pi_demo_stranger",
    )
    return [
        *(replace(row, gross=row.gross + 300) if row is yen else row for row in rows),
        stranger,
    ]


def _bank_rows(payouts: list[_Row], demo: Demo) -> Iterator[tuple[str, ...]]:
    """Yield the bank's statement: the payouts a day later, and a credit that nobody expected."""
    yield ("booking_date", "amount", "currency", "reference", "description")
    for payout in payouts:
        arrived_on = payout.at.date() + timedelta(days=1)
        if arrived_on < demo.now.date():
            amount = str(to_major(-payout.gross, payout.currency))
            name = f"STRIPE PAYOUT {payout.payout}"
            yield (arrived_on.isoformat(), amount, "EUR", f"B-{payout.payout}", name)
    odd_on = demo.now.date() - timedelta(days=DAYS_RECONCILED)
    yield (odd_on.isoformat(), "250.00", "EUR", "B-demo-odd", "TRANSFER WITHOUT A NAME")


def _upload(demo: Demo, source: str, name: str, rows: list[tuple[str, ...]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    import_statement(
        scope=demo.scope,
        source=source,
        format=StatementFormat.BANK_CSV if source == BANK else StatementFormat.STRIPE,
        stream=io.BytesIO(text.getvalue().encode()),
        name=name,
        origin=CLERK,
        now=demo.now,
    )


def _at(day: date, *, hour: int) -> datetime:
    return datetime.combine(day, time(hour), tzinfo=UTC)
