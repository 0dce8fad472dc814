"""
Adyen's settlement detail report.

Amounts stand in debit and credit columns: gross in the payment's currency (GC), net and costs in
that of the settlement (NC). Where the two differ, Adyen has exchanged the money; gross in the
currency of the settlement is then net and the costs together.
Source: docs.adyen.com/reporting/settlement-reconciliation/transaction-level
"""

import re
from collections.abc import Sequence
from operator import itemgetter, sub
from typing import Final

from apps.gateways.adyen.zones import zone_named
from apps.reconciliation.statements.columns import (
    Column,
    Columns,
    check_lengths,
    check_names,
    plain_amounts,
    same_places,
)
from apps.reconciliation.statements.line import (
    MAX_REFERENCE_CHARACTERS,
    BadValue,
    PaidIn,
    ParsedLine,
    check_named,
    columns_of,
    currency_of,
    local_moment,
    minor_units,
)
from apps.reconciliation.states import LineKind

_NEEDED: Final = (
    "Psp Reference",
    "Merchant Reference",
    "Creation Date",
    "TimeZone",
    "Type",
    "Modification Reference",
    "Gross Currency",
    "Gross Debit (GC)",
    "Gross Credit (GC)",
    "Net Currency",
    "Net Debit (NC)",
    "Net Credit (NC)",
    "Batch Number",
)
# The names of a row together; with its type they make the reference of the line.
_MAX_NAMES: Final = MAX_REFERENCE_CHARACTERS // 2
_TYPE_CHARACTERS: Final = 30
_MODIFICATION_OURS: Final = "Modification Merchant Reference"
# What Adyen keeps of a payment: blended in the first, or told apart in the others.
_COSTS: Final = ("Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)")
_KINDS: Final = {
    "Settled": LineKind.CHARGE,
    "Refunded": LineKind.REFUND,
    "RefundedReversed": LineKind.REFUND_FAILURE,
    "Chargeback": LineKind.DISPUTE,
    "SecondChargeback": LineKind.DISPUTE,
    "ChargebackReversed": LineKind.DISPUTE_REVERSAL,
    "MerchantPayout": LineKind.PAYOUT,
    "BankInstructionReturned": LineKind.PAYOUT_FAILURE,
    "Fee": LineKind.FEE,
    "InvoiceDeduction": LineKind.FEE,
}
# Types whose own gross is empty: only the net columns are filled.
_NET_ONLY: Final = frozenset(
    {LineKind.PAYOUT, LineKind.PAYOUT_FAILURE, LineKind.FEE, LineKind.OTHER}
)
# A payout that came back falls into the batch which is open then; its text names the one it was of.
_RETURNED: Final = "BankInstructionReturned"
_NAMED_BATCH: Final = re.compile(r"\bbatch\W*([0-9]{1,12})\b", re.IGNORECASE)
# How the adapter names the movements of a dispute; the books know its money by these.
_MOVEMENTS: Final = {
    "Chargeback": "chargeback",
    "SecondChargeback": "second_chargeback",
    "ChargebackReversed": "chargeback_reversed",
}


class AdyenReport:
    """Reads the rows below a report's header."""

    def __init__(self, header: list[str]) -> None:
        """
        Find the columns.

        :raises StatementUnreadable: one is missing
        """
        places = columns_of(header, _NEEDED, format="Adyen")
        self.width = len(header)
        # Only some reports have the last one; a place behind the row holds an empty text.
        places.setdefault(_MODIFICATION_OURS, self.width)
        self._pick = itemgetter(*(places[name] for name in (*_NEEDED, _MODIFICATION_OURS)))
        self._costs = [places[name] for name in _COSTS if name in places]

    def read_row(self, number: int, row: list[str]) -> ParsedLine:
        """
        Read one row.

        :raises BadValue: a value is not what its column promises
        """
        values = self._pick([*row, ""])
        payment, ours, created, zone, type_, modification, *amounts, batch, theirs = values
        gross_currency, gross_debit, gross_credit, net_currency, net_debit, net_credit = amounts
        kind = _kind(type_, modification)
        currency = currency_of(net_currency)
        net = _signed(net_debit, net_credit, currency)
        gross, paid_in = net, None
        if kind not in _NET_ONLY:
            paid_currency = currency_of(gross_currency)
            gross = _signed(gross_debit, gross_credit, paid_currency)
            if paid_currency != currency:
                paid_in = PaidIn(gross, paid_currency)
                gross = net + self._costs_of(row, currency)
        if len(payment) + len(modification) + len(batch) > _MAX_NAMES:
            raise BadValue("a reference is too long")
        target, known_as = _name(type_, payment, ours, modification, theirs, batch)
        check_named(kind, target)
        return ParsedLine(
            number,
            _reference(batch, type_, payment, modification),
            kind.value,
            target,
            payment,
            known_as[:MAX_REFERENCE_CHARACTERS],
            batch,
            currency,
            str(gross),
            str(gross - net),
            str(net),
            local_moment(created, _zone(zone)),
            paid_in,
        )

    def _costs_of(self, row: list[str], currency: str) -> int:
        if not self._costs:
            raise BadValue("settled in another currency than paid, and no column tells the costs")
        return sum(int(minor_units(row[place], currency)) for place in self._costs)

    def read_columns(self, columns: Columns) -> Columns | None:
        """Read rows as columns, None when one of them needs a closer look."""
        values = self._pick([*columns, [""] * len(columns[0])])
        payments, ours, created, zones, types, modifications, *amounts, batches, theirs = values
        if _RETURNED in types:
            return None
        kinds = [_KINDS.get(type_, LineKind.OTHER) for type_ in types]
        own, net_columns = amounts[:3], amounts[3:]
        gross_columns = [_own_or_net(kinds, *both) for both in zip(own, net_columns, strict=True)]
        try:
            check_lengths([payments, modifications, batches], at_most=_MAX_NAMES)
            check_lengths([ours])
            check_lengths([theirs])
            currencies, places = same_places(net_columns[0])
            if same_places(gross_columns[0])[0] != currencies:
                return None
            gross = _signed_column(gross_columns[1], gross_columns[2], places)
            net = _signed_column(net_columns[1], net_columns[2], places)
            moments = list(map(local_moment, created, map(_zone, zones)))
            names = list(map(_name, types, payments, ours, modifications, theirs, batches))
            targets = [target for target, _ in names]
            check_names(kinds, targets)
        except BadValue:
            return None
        return [
            list(map(_reference, batches, types, payments, modifications)),
            kinds, targets, payments, [known for _, known in names],
            batches, currencies, list(map(str, gross)), list(map(str, map(sub, gross, net))),
            list(map(str, net)), moments,
        ]  # fmt: skip


def _kind(type_: str, modification: str) -> LineKind:
    """Return what a row is about; money that came back from nowhere is for a person to look at."""
    if type_ == _RETURNED and not _NAMED_BATCH.search(modification):
        return LineKind.OTHER
    return _KINDS.get(type_, LineKind.OTHER)


def _name(
    type_: str, payment: str, ours: str, modification: str, theirs: str, batch: str
) -> tuple[str, str]:
    """Return the gateway's name of what moved, and ours."""
    kind = _KINDS.get(type_, LineKind.OTHER)
    if kind is LineKind.CHARGE:
        return payment, ours
    if kind is LineKind.PAYOUT:
        return batch, ""
    if kind is LineKind.PAYOUT_FAILURE and (named := _NAMED_BATCH.search(modification)):
        return named[1], ""
    movement = _MOVEMENTS.get(type_)
    return modification, f"{modification}:{movement}" if movement else theirs


def _reference(batch: str, type_: str, payment: str, modification: str) -> str:
    """Return a name of the row: the report gives it none, but these together do."""
    return f"{batch}:{type_[:_TYPE_CHARACTERS]}:{payment}:{modification}"


def _own_or_net(kinds: Sequence[LineKind], own: Column, net: Column) -> Column:
    return [n if kind in _NET_ONLY else o for kind, o, n in zip(kinds, own, net, strict=True)]


def _signed_column(debits: Column, credits: Column, places: int) -> list[int]:
    # A row fills one of the two.
    zero = f"{0:.{places}f}"
    plus, minus = (
        map(int, plain_amounts([text or zero for text in texts], places))
        for texts in (credits, debits)
    )
    return list(map(sub, plus, minus))


def _signed(debit: str, credit: str, currency: str) -> int:
    return int(minor_units(credit, currency)) - int(minor_units(debit, currency))


def _zone(abbreviation: str) -> str:
    zone = zone_named(abbreviation)
    if zone is None:
        raise BadValue(f"{abbreviation[:10]!r} is no time zone we know")
    return zone
