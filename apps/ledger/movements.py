"""
The books as a merchant sees them: one balance, and the movements of money that made it.

A movement is a journal entry which moved money, so nothing is written for it, and every app that
books one of these kinds shows up here by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection
from django.db.models import Q, QuerySet

from apps.common.errors import ResourceMissing
from apps.common.origin import Scope
from apps.ledger import chart
from apps.ledger.models import EntryKey, JournalEntry, Posting
from apps.ledger.states import Layer


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnBalance:
    """
    What the platform itself has in one currency, in minor units; sellers' money is not in it.

    `available` is settled by the gateways, `pending` still lies with them, `authorised` is only
    held at payers' banks, `reserved` is held back from sellers.
    """

    currency: str
    available: int
    pending: int
    authorised: int
    reserved: int


@dataclass(frozen=True, slots=True)
class MovementKind:
    """
    How a kind of entry shows as a balance transaction.

    `accounts` are those whose posted legs make the amount. `prefix` is that of the source whose
    movement this is in the first place; its id, but for the prefix, is then the movement's.
    """

    type: str
    accounts: frozenset[str]
    prefix: str = ""
    source_type: str = ""


_GATEWAY = frozenset({chart.GATEWAY_CLEARING})
_WALLET = frozenset({chart.SELLER_PAYABLE})
_TRANSIT = frozenset({chart.PAYOUTS_IN_TRANSIT})
_FEES = frozenset({chart.GATEWAY_FEES, chart.DISPUTE_FEES})

MOVEMENTS: dict[str, MovementKind] = {
    "captured": MovementKind("charge", _GATEWAY, "att", "payment_attempt"),
    "captured_in_conflict": MovementKind("adjustment", _GATEWAY),
    "fee_charged": MovementKind("gateway_fee", _GATEWAY),
    "refunded": MovementKind("refund", _GATEWAY, "re", "refund"),
    "refund_reversed": MovementKind("refund_failure", _GATEWAY),
    "dispute_withdrawn": MovementKind("adjustment", _GATEWAY),
    "dispute_reinstated": MovementKind("adjustment", _GATEWAY),
    "transferred": MovementKind("transfer", _WALLET, "tr", "transfer"),
    "transfer_reversed": MovementKind("transfer_refund", _WALLET, "trr", "transfer_reversal"),
    "payout_sent": MovementKind("payout", _TRANSIT, "po", "payout"),
    "payout_failed": MovementKind("payout_failure", _TRANSIT),
    "payout_returned": MovementKind("payout_failure", _GATEWAY),
}

# What others hold of the money on our accounts.
_OWED = (
    chart.SELLER_PENDING,
    chart.SELLER_PAYABLE,
    chart.SELLER_RESERVE,
    chart.PAYOUTS_IN_TRANSIT,
    chart.SUSPENSE,
)
_SETTLED = (chart.BANK, chart.SETTLEMENTS_IN_TRANSIT)

_SUMS = """
SELECT account.currency, account.code,
       coalesce(sum(debit_posted - credit_posted), 0),
       coalesce(sum(debit_pending - credit_pending), 0)
  FROM ledger_account account JOIN ledger_balance balance ON balance.account_id = account.id
 WHERE account.merchant_id = %s AND account.livemode = %s AND account.code = ANY (%s)
 GROUP BY account.currency, account.code ORDER BY account.currency
"""


def list_own_balances(scope: Scope) -> list[OwnBalance]:
    """Return what the platform has in each currency, in one statement."""
    codes = [chart.GATEWAY_CLEARING, *_SETTLED, *_OWED]
    posted: dict[str, dict[str, int]] = {}
    authorised: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, [scope.merchant_id, scope.livemode, codes])
        for currency, code, amount, held in cursor.fetchall():
            posted.setdefault(currency, {})[code] = int(amount)
            if code == chart.GATEWAY_CLEARING:
                authorised[currency] = int(held)
    return [
        _own_balance(currency, sums, authorised.get(currency, 0))
        for currency, sums in posted.items()
    ]


def _own_balance(currency: str, sums: dict[str, int], authorised: int) -> OwnBalance:
    # Debits count up and credits down, so that what we owe subtracts itself.
    own = sum(sums.values())
    settled = sum(sums.get(code, 0) for code in _SETTLED)
    available = min(own, settled)
    return OwnBalance(
        currency=currency,
        available=available,
        pending=own - available,
        authorised=authorised,
        reserved=-sums.get(chart.SELLER_RESERVE, 0),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Movement:
    """One movement of money: `gross` less `fee` is `net`, in minor units of `currency`."""

    id: str
    type: str
    source_id: str
    currency: str
    gross: int
    fee: int
    exchange_rate: Decimal | None

    @property
    def net(self) -> int:
        return self.gross - self.fee


def movements_of(scope: Scope) -> QuerySet[JournalEntry]:
    """Return the entries that are movements, for a page of them; `read_movement` reads each."""
    return JournalEntry.objects.filter(
        merchant_id=scope.merchant_id, livemode=scope.livemode, kind__in=MOVEMENTS
    ).prefetch_related("postings__account")


def read_movement(entry: JournalEntry) -> Movement:
    """Return what the entry moved."""
    kind = MOVEMENTS[entry.kind]
    legs = [leg for leg in entry.postings.all() if leg.layer == Layer.POSTED]
    net_legs = [leg for leg in legs if leg.account.code in kind.accounts]
    currency = net_legs[0].currency
    fee = _sum(leg for leg in legs if leg.account.code in _FEES and leg.currency == currency)
    return Movement(
        id=movement_id(entry),
        type=kind.type,
        source_id=entry.source_id,
        currency=currency,
        gross=_sum(leg for leg in net_legs if leg.currency == currency) + fee,
        fee=fee,
        exchange_rate=_rate(entry),
    )


def movement_id(entry: JournalEntry) -> str:
    """Return the id of a movement: its source's where the source has only this one."""
    own = entry.source_id if MOVEMENTS[entry.kind].prefix else entry.id
    return f"txn_{own.partition('_')[2]}"


def find_movements(scope: Scope, ids: Iterable[str]) -> dict[str, JournalEntry]:
    """Return the entries behind the movements' ids, as far as there are such."""
    wanted = set(ids)
    suffixes = [txn_id.partition("_")[2] for txn_id in wanted]
    keys = Q()
    for name, kind in MOVEMENTS.items():
        if kind.prefix:
            sources = [f"{kind.prefix}_{suffix}" for suffix in suffixes]
            keys |= Q(source_type=kind.source_type, source_id__in=sources, kind=name)
    entry_ids = [f"jrn_{suffix}" for suffix in suffixes]
    entry_ids += EntryKey.objects.filter(keys).values_list("entry_id", flat=True)
    entries = {movement_id(entry): entry for entry in movements_of(scope).filter(pk__in=entry_ids)}
    return {txn_id: entry for txn_id, entry in entries.items() if txn_id in wanted}


def get_movement(scope: Scope, txn_id: str) -> JournalEntry:
    """
    Return the entry behind a movement's id.

    :raises ResourceMissing: not of this account and mode
    """
    entry = find_movements(scope, [txn_id]).get(txn_id)
    if entry is None:
        raise ResourceMissing(resource="balance transaction", id=txn_id[:60], param="id")
    return entry


def _sum(legs: Iterable[Posting]) -> int:
    return sum(leg.amount for leg in legs)


def _rate(entry: JournalEntry) -> Decimal | None:
    told = entry.metadata.get("rate")
    return Decimal(told.rpartition(" ")[2]) if told else None
