"""Payouts of gateways to our bank: the gateway's own sums, then the bank's statement."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import Max, QuerySet

from apps.common.origin import Scope
from apps.ledger import recipes
from apps.ledger.drafts import EntryDraft
from apps.ledger.recipes import Fact
from apps.ledger.services import post_entry, reverse_entry
from apps.reconciliation.errors import CannotCorrect
from apps.reconciliation.models import BankLine, ReconciliationRun, Settlement, StatementLine
from apps.reconciliation.policies import BANK_DAYS
from apps.reconciliation.services.findings import Finding
from apps.reconciliation.sharing import PartOfPayout, Sharing, find_sharing
from apps.reconciliation.states import DiscrepancyKind, LineKind, SettlementStatus

K = DiscrepancyKind
S = SettlementStatus

# A gateway pays out a few times a day at most; a file with more is no report of one account.
MAX_SETTLEMENTS: Final = 1000
# The source under which a returned payout's entry is taken back.
REVERSAL_SOURCE: Final = "settlement_failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """Whose settlements are looked at, and for which day."""

    scope: Scope
    gateway: str
    day: date
    now: datetime

    @property
    def settlements(self) -> QuerySet[Settlement]:
        return Settlement.objects.filter(
            merchant_id=self.scope.merchant_id,
            livemode=self.scope.livemode,
            gateway=self.gateway,
        )


def check_settlements(desk: Desk) -> list[Finding]:
    """
    Take up new payouts, book what agrees three ways, and return what does not.

    In the caller's transaction, which holds the gateway's lock.
    Source: AC-60, AC-63, AC-67, AC-68
    """
    sharing = find_sharing(desk.scope, desk.gateway)
    _take_up(desk, sharing)
    for settlement in _open_ones(desk, S.ANNOUNCED):
        _check_sums(desk, sharing, settlement)
    # After that, so that one which left and came back in the same report has both in the books.
    _take_back(desk)
    for settlement in _open_ones(desk, S.ANNOUNCED):
        _note_credit(sharing, settlement)
    for settlement in _open_ones(desk, S.IN_TRANSIT):
        _check_bank(desk, sharing, settlement)
    return list(_find(desk))


def _payout_lines(desk: Desk, kind: LineKind) -> QuerySet[StatementLine]:
    """Return lines about payouts that are not a seller's."""
    return StatementLine.objects.filter(
        merchant_id=desk.scope.merchant_id,
        livemode=desk.scope.livemode,
        gateway=desk.gateway,
        kind=kind,
        subject_id="",
        entry_id="",
        is_duplicate=False,
        day__lte=desk.day,
    ).order_by("occurred_at", "file_id", "number")


def _line_of(settlement: Settlement, kind: LineKind) -> QuerySet[StatementLine]:
    return StatementLine.objects.filter(
        merchant_id=settlement.merchant_id,
        livemode=settlement.livemode,
        gateway=settlement.gateway,
        kind=kind,
        object_reference=settlement.reference,
        is_duplicate=False,
    )


def _take_up(desk: Desk, sharing: Sharing) -> None:
    known = set(desk.settlements.values_list("reference", flat=True))
    for line in _payout_lines(desk, LineKind.PAYOUT):
        if line.object_reference in known or line.net >= 0:
            continue
        is_ours, lead = _find_lead(sharing, line.object_reference)
        if not is_ours:
            continue
        known.add(line.object_reference)
        Settlement.objects.create(
            merchant_id=line.merchant_id,
            livemode=line.livemode,
            gateway=line.gateway,
            reference=line.object_reference,
            currency=line.currency,
            amount=-line.net,
            follows=lead,
            paid_on=line.day,
            created_at=desk.now,
        )


def _find_lead(sharing: Sharing, reference: str) -> tuple[bool, Settlement | None]:
    """Return whether a payout is to be taken up, and whose leads it if not this merchant's."""
    parts = sharing.sum_payout(reference)
    leads = Settlement.objects.filter(
        merchant_id__in=sharing.merchants,
        livemode=sharing.scope.livemode,
        gateway=sharing.gateway,
        reference=reference,
        follows=None,
    )
    # One without a line of its own has left the lead to whoever has some.
    lead = leads.exclude(status=S.ANNOUNCED, lines_count=0).first()
    if lead is None:
        return sharing.is_first_of({merchant for merchant, part in parts.items() if part.net}), None
    own = parts.get(sharing.scope.merchant_id)
    return own is not None and own.net != 0, lead


def _take_back(desk: Desk) -> None:
    """Reopen payouts which the gateway reports as returned, whatever the bank had shown."""
    returned = [line.object_reference for line in _payout_lines(desk, LineKind.PAYOUT_FAILURE)]
    standing = desk.settlements.filter(reference__in=returned).exclude(status=S.FAILED)
    for settlement in standing.select_for_update():
        settlement.fail()
        settlement.save(update_fields=["status"])
        if settlement.entry_id:
            reversal_id = reverse_entry(
                scope=desk.scope,
                entry_id=settlement.entry_id,
                now=desk.now,
                source_type=REVERSAL_SOURCE,
                source_id=settlement.id,
            )
            _link(
                settlement,
                LineKind.PAYOUT_FAILURE,
                entry_id=reversal_id,
                rule="payout_reference",
            )


def _open_ones(desk: Desk, status: SettlementStatus) -> Iterator[Settlement]:
    rows = desk.settlements.filter(status=status, paid_on__lte=desk.day).order_by("paid_on", "pk")
    yield from rows.select_for_update()[:MAX_SETTLEMENTS]


def _check_sums(desk: Desk, sharing: Sharing, settlement: Settlement) -> None:
    own = _divide(sharing, settlement)
    if not own.lines and settlement.others_amount:
        # It was taken up before the lines were there that show whose it is.
        settlement.delete()
        return
    settlement.lines_count = own.lines
    settlement.lines_net = own.net if own.lines else None
    settlement.save()
    if _agrees(sharing, settlement):
        entry_id = post_entry(draft_departure(settlement, now=desk.now))
        leave_as_announced(settlement, entry_id=entry_id)


def _divide(sharing: Sharing, settlement: Settlement) -> PartOfPayout:
    """Note what of a payout is this merchant's; whoever leads has what is nobody's as well."""
    parts, total = sharing.sum_payout(settlement.reference), settlement.total
    own = parts.pop(settlement.merchant_id, PartOfPayout(0, 0))
    theirs = sum(part.net for part in parts.values())
    settlement.amount = own.net if settlement.follows_id else total - theirs
    settlement.others_amount = total - settlement.amount
    return own


def draft_departure(settlement: Settlement, *, now: datetime) -> EntryDraft:
    """Return the journal of a payout that left the gateway as it was announced."""
    return recipes.settled(_fact(settlement, now))


def leave_as_announced(settlement: Settlement, *, entry_id: str) -> None:
    """Note that the gateway paid out, and by which line and entry it is known."""
    settlement.leave(entry_id=entry_id)
    settlement.save()
    rule = "balance" if settlement.is_manual else "payout_lines"
    _link(settlement, LineKind.PAYOUT, entry_id=entry_id, rule=rule)


def _link(settlement: Settlement, kind: LineKind, *, entry_id: str, rule: str) -> None:
    """Note by what a line is explained; one about several merchants' money equals no entry."""
    entry_id = "" if settlement.others_amount else entry_id
    _line_of(settlement, kind).update(entry_id=entry_id, rule=rule)


def _agrees(sharing: Sharing, settlement: Settlement) -> bool:
    """Return whether the lines explain the payout; of a manual one, whether there was enough."""
    if not settlement.amount:
        return False
    if settlement.follows:
        return settlement.follows.status in {S.IN_TRANSIT, S.RECEIVED}
    if settlement.lines_net is not None:
        return settlement.lines_net == settlement.amount
    line = _line_of(settlement, LineKind.PAYOUT).get()
    return sharing.have_all_taken(line.file) and sharing.sum_balance(line) >= 0


def _check_bank(desk: Desk, sharing: Sharing, settlement: Settlement) -> None:
    if settlement.follows:
        line = (
            _get_bank_line(settlement.follows) if settlement.follows.status == S.RECEIVED else None
        )
    else:
        line = _note_credit(sharing, settlement)
        line = line if line is not None and line.amount == settlement.total else None
    if line is not None:
        received = recipes.settlement_received(_fact(settlement, desk.now), bank=line.bank)
        settlement.arrive(bank_amount=settlement.amount, entry_id=post_entry(received))
        settlement.save()


def _note_credit(sharing: Sharing, settlement: Settlement) -> BankLine | None:
    """Look for the payout on the bank's statement; a credit that stands for it explains itself."""
    if settlement.follows_id:
        return None
    line = _find_bank_line(sharing, settlement)
    if line is not None and line.settlement_id is None:
        line.settlement = settlement
        line.save(update_fields=["settlement"])
        settlement.bank_amount = _received(settlement, line)
        settlement.save()
    return line


def _received(settlement: Settlement, line: BankLine) -> int:
    """Return what of a credit is this merchant's: all that the others are not owed."""
    return line.amount - settlement.others_amount


def draft_arrival(settlement: Settlement, *, counter: str, now: datetime) -> EntryDraft:
    """
    Return the journal of a payout of which the bank received another amount.

    :raises CannotCorrect: no credit on the bank's statement stands for it any more
    """
    line = _get_bank_line(settlement)
    return recipes.settlement_received_otherwise(
        _fact(settlement, now),
        bank=line.bank,
        received=_received(settlement, line),
        counter=counter,
    )


def arrive_otherwise(settlement: Settlement, *, entry_id: str) -> None:
    """Note that the bank received a payout, though not as it was announced."""
    received = _received(settlement, _get_bank_line(settlement))
    settlement.arrive(bank_amount=received, entry_id=entry_id)
    settlement.save()


def _get_bank_line(settlement: Settlement) -> BankLine:
    line = BankLine.objects.filter(settlement=settlement).first()
    if line is None:
        raise CannotCorrect(kind=K.BANK_MISMATCH.value, reason="no credit stands for the payout")
    return line


def _find_bank_line(sharing: Sharing, settlement: Settlement) -> BankLine | None:
    """
    Return the payout's credit: known as such, naming it, or else the only one of its amount.

    Two credits of the same amount without a name are left to a person. A mere number stands in many
    texts, so that it names a payout only behind the word "batch". Merchants on one account have one
    bank account, whose statement was taken in for one of them.
    """
    if known := BankLine.objects.filter(settlement=settlement).first():
        return known
    credits = BankLine.objects.filter(
        merchant_id__in=sharing.merchants,
        livemode=settlement.livemode,
        settlement__isnull=True,
        currency=settlement.currency,
        amount__gt=0,
        booked_on__gte=settlement.paid_on,
        booked_on__lte=settlement.paid_on + timedelta(days=BANK_DAYS + 2),
    )
    if settlement.reference.isdecimal():
        named = credits.filter(description__iregex=rf"\mbatch\W*{settlement.reference}\M")
    else:
        named = credits.filter(description__contains=settlement.reference)
    if line := named.order_by("booked_on", "pk").first():
        return line
    same = list(credits.filter(amount=settlement.total)[:2])
    return same[0] if len(same) == 1 else None


def _find(desk: Desk) -> Iterator[Finding]:
    """Return what does not agree, of payouts whose time has come."""
    # What is wrong about a payout is said once, to whom leads it.
    rows = desk.settlements.filter(paid_on__lte=desk.day, follows=None)
    overdue = _latest_day(desk) - timedelta(days=BANK_DAYS)
    for settlement in rows.exclude(status=S.RECEIVED).order_by("pk"):
        if settlement.status == S.FAILED:
            yield _finding(settlement, K.PAYOUT_FAILED, ours=None, theirs=settlement.amount)
        elif settlement.status == S.ANNOUNCED:
            ours = settlement.lines_net
            yield _finding(settlement, K.PAYOUT_MISMATCH, ours=ours, theirs=settlement.amount)
        elif settlement.bank_amount is not None:
            theirs = settlement.bank_amount
            yield _finding(settlement, K.BANK_MISMATCH, ours=settlement.amount, theirs=theirs)
        elif settlement.paid_on <= overdue:
            yield _finding(settlement, K.BANK_MISSING, ours=settlement.amount, theirs=None)


def _latest_day(desk: Desk) -> date:
    """Return the last day compared so far: an older day compared again makes nothing punctual."""
    runs = ReconciliationRun.objects.filter(
        merchant_id=desk.scope.merchant_id, livemode=desk.scope.livemode, gateway=desk.gateway
    )
    last: date | None = runs.aggregate(last=Max("day"))["last"]
    return max(last or desk.day, desk.day)


def _finding(
    settlement: Settlement, kind: DiscrepancyKind, *, ours: int | None, theirs: int | None
) -> Finding:
    return Finding(
        kind=kind.value,
        subject=settlement.id,
        subject_id=settlement.id,
        entry_id="",
        reference=settlement.reference,
        day=settlement.paid_on,
        currency=settlement.currency,
        ledger_amount=ours,
        statement_amount=theirs,
        standing_id=None,
    )


def _fact(settlement: Settlement, now: datetime) -> Fact:
    return Fact(
        scope=Scope(settlement.merchant_id, settlement.livemode),
        id=settlement.id,
        amount=settlement.amount,
        currency=settlement.currency,
        at=now,
        gateway=settlement.gateway,
        value_on=settlement.paid_on,
        metadata={"reference": settlement.reference},
    )
