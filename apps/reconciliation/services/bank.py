"""Money on our bank account that no payout explains."""

from datetime import date, datetime, timedelta

from django.db import connection
from django.db.models import Exists, OuterRef

from apps.common.origin import Origin, Scope
from apps.reconciliation import matching
from apps.reconciliation.models import BankLine, Discrepancy
from apps.reconciliation.policies import BANK_DAYS
from apps.reconciliation.services.exceptions import close_settled, open_findings
from apps.reconciliation.services.findings import Finding
from apps.reconciliation.states import DiscrepancyKind, DiscrepancyStatus

# How many credits one run looks at; the rest waits for the next one.
MAX_CREDITS = 1000


def check_credits(*, scope: Scope, day: date, origin: Origin, now: datetime) -> None:
    """
    Open an exception for each credit that has waited for its payout, close those that found it.

    In the caller's transaction. The exceptions stand under the name of the bank account, since no
    gateway is known to be behind the money.
    """
    # Runs of several gateways look at the same bank.
    with connection.cursor() as cursor:
        key = f"bank credits {scope.merchant_id} {scope.livemode}"
        cursor.execute(matching.TAKE_TURNS, {"key": key})
    _open_unexplained(scope, day, origin=origin, now=now)
    _close_explained(scope, now=now)


def _open_unexplained(scope: Scope, day: date, *, origin: Origin, now: datetime) -> None:
    known = Discrepancy.objects.filter(
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        kind=DiscrepancyKind.BANK_UNEXPLAINED,
        subject=OuterRef("pk"),
    )
    lines = BankLine.objects.filter(
        ~Exists(known),
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        settlement__isnull=True,
        amount__gt=0,
        # Before that, the gateway's own report may still be on its way.
        booked_on__lte=day - timedelta(days=BANK_DAYS),
    )
    banks: dict[str, list[Finding]] = {}
    for line in lines.order_by("booked_on", "pk")[:MAX_CREDITS]:
        banks.setdefault(line.bank, []).append(_finding(line))
    for bank, findings in banks.items():
        open_findings(scope=scope, gateway=bank, findings=findings, origin=origin, now=now)


def _close_explained(scope: Scope, *, now: datetime) -> None:
    matched = BankLine.objects.filter(pk=OuterRef("subject"), settlement__isnull=False)
    rows = Discrepancy.objects.filter(
        Exists(matched),
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        status=DiscrepancyStatus.OPEN,
        kind=DiscrepancyKind.BANK_UNEXPLAINED,
    )
    close_settled(list(rows.values_list("pk", flat=True)), now=now)


def _finding(line: BankLine) -> Finding:
    return Finding(
        kind=DiscrepancyKind.BANK_UNEXPLAINED.value,
        subject=line.id,
        subject_id=line.id,
        entry_id="",
        reference=line.reference,
        day=line.booked_on,
        currency=line.currency,
        ledger_amount=None,
        statement_amount=line.amount,
        standing_id=None,
    )
