"""
What the PSPs report of a day, and what the bank shows of it; with discrepancies planted on request.

The reports follow from the common books; each PSP writes them in its own form. The platform's
payouts to sellers leave from the same account; `close` is the PSP's own payout to the merchant's
bank, of all that was not paid out yet.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from xml.sax.saxutils import escape

from simulator.adyen.reports import write_settlement_report
from simulator.books import Movement
from simulator.report_lines import ReportLine, day_of, major
from simulator.stripe.reports import write_balance_report
from simulator.world import World

STRIPE = "stripe"
ADYEN = "adyen"
PSPS = (STRIPE, ADYEN)


class UnknownPlant(Exception):
    """No such discrepancy, or nothing that it could befall."""


@dataclass(kw_only=True, slots=True)
class ClosedPayout:
    """A payout to the merchant's bank, with the movements in it."""

    id: str
    psp: str
    currency: str
    amount: int
    created: int
    movements: frozenset[str]


@dataclass(slots=True)
class Settlements:
    """The reports of all PSPs; `plants` names the discrepancy of a movement."""

    world: World
    payouts: list[ClosedPayout] = field(default_factory=list)
    plants: dict[str, str] = field(default_factory=dict)
    strangers: list[ReportLine] = field(default_factory=list)

    def plant(self, *, psp: str, kind: str, reference: str = "") -> str:
        """
        Let a day's report be wrong about one payment, and return the id of its movement.

        Without `reference`, the platform's intent, it befalls the oldest one that is still right.

        :raises UnknownPlant: no such kind or no such payment
        """
        if psp not in PSPS or kind not in PLANTS:
            raise UnknownPlant(f"kind is one of {', '.join(PLANTS)}; psp is one of {PSPS}")
        if kind == "missing_in_ledger":
            stranger = self._stranger(psp)
            self.strangers.append(stranger)
            return stranger.id
        books = self.world.books
        charges = books.charges_of(reference) if reference else list(books.charges.values())
        for charge in charges:
            movement = charge.movement
            if charge.psp == psp and movement is not None and movement.id not in self.plants:
                self.plants[movement.id] = kind
                return movement.id
        raise UnknownPlant("no captured payment is left that it could befall")

    def close(self, *, psp: str, currency: str) -> ClosedPayout | None:
        """Pay out to the merchant's bank what was not paid out yet; None when that is nothing."""
        done = {movement for payout in self.payouts for movement in payout.movements}
        waiting = [
            movement
            for movement in self.world.books.movements.values()
            if (movement.psp, movement.currency) == (psp, currency) and movement.id not in done
        ]
        amount = sum(movement.net for movement in waiting)
        if amount <= 0:
            return None
        payout = ClosedPayout(
            # Adyen counts its payouts; they are batches there.
            id=str(self._batch(psp)) if psp == ADYEN else self.world.ids.new("po"),
            psp=psp,
            currency=currency,
            amount=amount,
            created=int(self.world.clock.now()),
            movements=frozenset(movement.id for movement in waiting),
        )
        self.payouts.append(payout)
        return payout

    def report(self, psp: str, day: str) -> str:
        """Return the PSP's report of a day in UTC, in its own columns."""
        lines = self.lines(psp, day)
        if psp == ADYEN:
            return write_settlement_report(lines, merchant_account="SimulatedECOM")
        return write_balance_report(lines)

    def lines(self, psp: str, day: str) -> Iterator[ReportLine]:
        """Return what the PSP reports of a day in UTC, right or wrong."""
        for movement in self.world.books.movements.values():
            if movement.psp == psp and day_of(movement.created) == day:
                line = self._line(movement)
                plant = self.plants.get(movement.id)
                yield from PLANTS[plant](line) if plant else [line]
        for stranger in self.strangers:
            if stranger.psp == psp and day_of(stranger.created) == day:
                yield stranger
        for payout in self.payouts:
            if payout.psp == psp and day_of(payout.created) == day:
                yield _payout_line(payout)

    def bank_statement(self, day: str) -> str:
        """Return the day's credits on the merchant's bank account as camt.053."""
        entries = [
            _ENTRY.format(
                number=number,
                currency=payout.currency.upper(),
                amount=major(payout.amount, payout.currency),
                day=day,
                reference=escape(payout.id),
            )
            for number, payout in enumerate(self.payouts, start=1)
            if day_of(payout.created) == day
        ]
        return _STATEMENT.format(day=day, entries="".join(entries))

    def clear(self) -> None:
        """Forget payouts and plants."""
        self.payouts.clear()
        self.plants.clear()
        self.strangers.clear()

    def _line(self, movement: Movement) -> ReportLine:
        books = self.world.books
        refund = books.refunds.get(movement.source)
        about = refund or books.disputes.get(movement.source)
        charge = about.charge if about else books.charges.get(movement.source)
        return ReportLine(
            id=movement.id,
            psp=movement.psp,
            kind=movement.kind,
            source=movement.source,
            gross=movement.amount,
            fee=movement.fee,
            currency=movement.currency,
            created=movement.created,
            charge=charge,
            refund=refund,
            payout=self._payout_of(movement),
        )

    def _payout_of(self, movement: Movement) -> str:
        ids = (each.id for each in self.payouts if movement.id in each.movements)
        # A batch has its number while it is still open.
        open_batch = str(self._batch(ADYEN)) if movement.psp == ADYEN else ""
        return next(ids, open_batch)

    def _batch(self, psp: str) -> int:
        return 1 + sum(payout.psp == psp for payout in self.payouts)

    def _stranger(self, psp: str) -> ReportLine:
        return ReportLine(
            id=self.world.ids.new("txn"),
            psp=psp,
            kind="charge",
            source="ch_stranger",
            gross=1000,
            fee=59,
            currency="eur",
            created=int(self.world.clock.now()),
            payout=str(self._batch(psp)) if psp == ADYEN else "",
        )


def _payout_line(payout: ClosedPayout) -> ReportLine:
    return ReportLine(
        id=f"txn_{payout.id}",
        psp=payout.psp,
        kind="payout",
        source=payout.id,
        gross=-payout.amount,
        fee=0,
        currency=payout.currency,
        created=payout.created,
        payout=payout.id if payout.psp == ADYEN else "",
    )


def _in_parts(line: ReportLine) -> list[ReportLine]:
    first = replace(line, gross=line.gross - line.gross // 2)
    return [first, replace(line, id=f"{line.id}_2", gross=1, fee=0)]


# What a report can get wrong, by the name which the exception should have.
PLANTS: Mapping[str, Callable[[ReportLine], list[ReportLine]]] = {
    "missing_in_ledger": lambda line: [line],
    "missing_in_report": lambda _line: [],
    "amount_over": lambda line: [replace(line, gross=line.gross + 100)],
    "amount_under": lambda line: [replace(line, gross=line.gross - 100)],
    "fee_mismatch": lambda line: [replace(line, fee=line.fee + 1)],
    "currency_mismatch": lambda line: [replace(line, currency="chf")],
    "duplicate_line": lambda line: [line, line],
    "split_mismatch": _in_parts,
    "malformed_row": lambda line: [replace(line, is_broken=True)],
}


_STATEMENT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>
<Id>STMT-{day}</Id><Acct><Id><IBAN>DE02120300000000202051</IBAN></Id></Acct>
{entries}</Stmt></BkToCstmrStmt></Document>
"""
_ENTRY = """<Ntry><NtryRef>{number}</NtryRef><Amt Ccy="{currency}">{amount}</Amt>
<CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt>
<AcctSvcrRef>BANK-{reference}</AcctSvcrRef>
<NtryDtls><TxDtls><Refs><EndToEndId>{reference}</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>
"""
