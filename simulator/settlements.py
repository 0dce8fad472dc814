"""
What the PSPs report of a day, and what the bank shows of it; with discrepancies planted on request.

The reports follow from the common books; each PSP writes them in its own form. The platform's
payouts to sellers leave from the same account; `close` is the PSP's own payout to the merchant's
bank, of all that was not paid out yet.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from xml.sax.saxutils import escape

from simulator.adyen.reports import write_settlement_report
from simulator.books import Books, Charge, Movement
from simulator.clock import Clock
from simulator.ids import Ids
from simulator.memory import Stores
from simulator.plants import (
    BANK_SHORTFALL,
    BANK_STRANGER,
    NEVER_ARRIVES,
    NEVER_TAKEN,
    ON_PAYMENTS,
    ON_PAYOUTS,
    PAYOUT_SURPLUS,
    PLANTS,
    RETURNED,
    STRANGER,
    ChangeLine,
    as_it_is,
)
from simulator.report_lines import ReportLine, day_of, major
from simulator.stripe.reports import write_balance_report

STRIPE = "stripe"
ADYEN = "adyen"
PSPS = (STRIPE, ADYEN)


class UnknownPlant(Exception):
    """No such discrepancy, or nothing that it could befall."""


@dataclass(kw_only=True, slots=True)
class ClosedPayout:
    """A payout to the merchant's bank: the movements in it, and the payouts that it pays again."""

    id: str
    psp: str
    currency: str
    amount: int
    created: int
    movements: frozenset[str]
    again: frozenset[str]


@dataclass(slots=True)
class Settlements:
    """
    The reports of all PSPs; `plants` names the discrepancy of a movement.

    `listeners` of a PSP hear of each payout when it is closed.
    """

    books: Books
    ids: Ids
    clock: Clock
    listeners: dict[str, Callable[[ClosedPayout], None]] = field(default_factory=dict)
    payouts: list[ClosedPayout] = field(default_factory=list)
    plants: dict[str, str] = field(default_factory=dict)
    strangers: list[ReportLine] = field(default_factory=list)
    bank_strangers: list[int] = field(default_factory=list)

    def plant(self, *, psp: str, kind: str, reference: str = "") -> str:
        """
        Let a report or the bank be wrong about something, and return the id of what it befell.

        Without `reference`, the platform's intent, it befalls the oldest payment that is still
        right. Plants on a payout befall the oldest payout that is still right.

        :raises UnknownPlant: no such kind, or nothing that it could befall
        """
        if psp not in PSPS or kind not in PLANTS:
            raise UnknownPlant(f"kind is one of {', '.join(PLANTS)}; psp is one of {PSPS}")
        if kind in {STRANGER, NEVER_TAKEN}:
            charge = self._untaken(psp, reference) if kind == NEVER_TAKEN else None
            line = self._stranger(psp, charge)
            self.strangers.append(line)
            return line.id
        if kind == BANK_STRANGER:
            self.bank_strangers.append(int(self.clock.now()))
            return f"stranger_{len(self.bank_strangers)}"
        victim = self._payout(psp) if kind in ON_PAYOUTS else self._movement(psp, reference)
        self.plants[victim] = kind
        return victim

    def close(self, *, psp: str, currency: str) -> ClosedPayout | None:
        """Pay out to the merchant's bank what was not paid out yet; None when that is nothing."""
        done = {movement for payout in self.payouts for movement in payout.movements}
        waiting = [
            movement
            for movement in self.books.movements.values()
            if (movement.psp, movement.currency) == (psp, currency) and movement.id not in done
        ]
        returned = [
            payout
            for payout in self.payouts
            if (payout.psp, payout.currency) == (psp, currency)
            and self._is_returned(payout)
            and not self._paid_again_in(payout)
        ]
        amount = sum(movement.net for movement in waiting)
        amount += sum(payout.amount for payout in returned)
        if amount <= 0:
            return None
        payout = ClosedPayout(
            # Adyen counts its payouts; they are batches there.
            id=str(self._batch(psp)) if psp == ADYEN else self.ids.new("po"),
            psp=psp,
            currency=currency,
            amount=amount,
            created=int(self.clock.now()),
            movements=frozenset(movement.id for movement in waiting),
            again=frozenset(payout.id for payout in returned),
        )
        self.payouts.append(payout)
        if psp in self.listeners:
            self.listeners[psp](payout)
        return payout

    def report(self, psp: str, day: str) -> str:
        """Return the PSP's report of a day in UTC, in its own columns."""
        lines = self.lines(psp, day)
        if psp == ADYEN:
            return write_settlement_report(lines, merchant_account="SimulatedECOM")
        return write_balance_report(lines)

    def lines(self, psp: str, day: str) -> Iterator[ReportLine]:
        """Return what the PSP reports of a day in UTC, right or wrong."""
        return (line for moved_on, line in self._told(psp) if moved_on == day)

    def batch_report(self, number: str) -> str | None:
        """Return Adyen's report of a closed batch, None when there is none."""
        if not any((payout.psp, payout.id) == (ADYEN, number) for payout in self.payouts):
            return None
        lines = (line for _, line in self._told(ADYEN) if line.payout == number)
        return write_settlement_report(lines, merchant_account="SimulatedECOM")

    def _told(self, psp: str) -> Iterator[tuple[str, ReportLine]]:
        """Return all that the PSP reports, with the day in UTC whose report tells it."""
        for created, line, change in self._true_lines(psp):
            for told in change(line):
                yield day_of(created), told

    def _true_lines(self, psp: str) -> Iterator[tuple[int, ReportLine, ChangeLine]]:
        """Return what a PSP without mistakes would report, and what is to become of each line."""
        for movement in self.books.movements.values():
            if movement.psp == psp:
                plant = self.plants.get(movement.id, "")
                yield movement.created, self._line(movement), ON_PAYMENTS.get(plant, as_it_is)
        for stranger in self.strangers:
            if stranger.psp == psp:
                yield stranger.created, stranger, as_it_is
        for payout in self.payouts:
            if payout.psp == psp:
                yield payout.created, self._payout_line(payout), as_it_is
                if self._is_returned(payout):
                    yield payout.created, self._returned_line(payout), as_it_is

    def bank_statement(self, day: str) -> str:
        """Return the day's credits on the merchant's bank account as camt.053."""
        credits = [
            (payout.currency, self._arrived(payout), _name(payout))
            for payout in self.payouts
            if day_of(payout.created) == day and self.plants.get(payout.id) not in NEVER_ARRIVES
        ]
        credits += [
            ("eur", _STRANGE_CREDIT, f"stranger_{number}")
            for number, created in enumerate(self.bank_strangers, start=1)
            if day_of(created) == day
        ]
        entries = [
            _ENTRY.format(
                number=number,
                currency=currency.upper(),
                amount=major(amount, currency),
                day=day,
                reference=escape(reference),
            )
            for number, (currency, amount, reference) in enumerate(credits, start=1)
        ]
        return _STATEMENT.format(day=day, entries="".join(entries))

    def stores(self) -> Stores:
        """Return payouts and plants."""
        return [self.payouts, self.plants, self.strangers, self.bank_strangers]

    def clear(self) -> None:
        """Forget payouts and plants."""
        self.payouts.clear()
        self.plants.clear()
        self.strangers.clear()
        self.bank_strangers.clear()

    def _line(self, movement: Movement) -> ReportLine:
        books = self.books
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
            paid=movement.paid,
            payout=self._payout_of(movement),
        )

    def _payout_of(self, movement: Movement) -> str:
        ids = (each.id for each in self.payouts if movement.id in each.movements)
        return next(ids, self._open_batch(movement.psp))

    def _is_returned(self, payout: ClosedPayout) -> bool:
        return self.plants.get(payout.id) == RETURNED

    def _paid_again_in(self, payout: ClosedPayout) -> str:
        """Return the payout that pays a returned one again, "" while none does."""
        ids = (
            each.id for each in self.payouts if each.psp == payout.psp and payout.id in each.again
        )
        return next(ids, "")

    def _open_batch(self, psp: str) -> str:
        """Return what lines not paid out yet name: a batch has its number while it is open."""
        return str(self._batch(psp)) if psp == ADYEN else ""

    def _batch(self, psp: str) -> int:
        return 1 + sum(payout.psp == psp for payout in self.payouts)

    def _movement(self, psp: str, reference: str) -> str:
        """Return the oldest captured payment's movement that is still reported as it is."""
        for charge in self._charges(psp, reference):
            if charge.movement is not None and charge.movement.id not in self.plants:
                return charge.movement.id
        raise UnknownPlant("no captured payment is left that it could befall")

    def _untaken(self, psp: str, reference: str) -> Charge:
        """Return the oldest payment without money that no report tells of."""
        told = {line.charge.id for line in self.strangers if line.charge}
        for charge in self._charges(psp, reference):
            if charge.movement is None and charge.id not in told:
                return charge
        raise UnknownPlant("no payment without money is left that it could befall")

    def _charges(self, psp: str, reference: str) -> list[Charge]:
        books = self.books
        charges = books.charges_of(reference) if reference else books.charges.values()
        return [charge for charge in charges if charge.psp == psp]

    def _payout(self, psp: str) -> str:
        for payout in self.payouts:
            if payout.psp == psp and payout.id not in self.plants:
                return payout.id
        raise UnknownPlant("no payout is left that it could befall")

    def _stranger(self, psp: str, charge: Charge | None) -> ReportLine:
        return ReportLine(
            id=self.ids.new("txn"),
            psp=psp,
            kind="charge",
            source=charge.id if charge else "ch_stranger",
            gross=charge.amount if charge else 1000,
            fee=59,
            currency=charge.currency if charge else "eur",
            created=int(self.clock.now()),
            charge=charge,
            payout=self._open_batch(psp),
        )

    def _announced(self, payout: ClosedPayout) -> int:
        """Return what the PSP says that it pays."""
        is_planted = self.plants.get(payout.id) == "payout_mismatch"
        return payout.amount + PAYOUT_SURPLUS if is_planted else payout.amount

    def _arrived(self, payout: ClosedPayout) -> int:
        """Return what the bank receives of it."""
        is_planted = self.plants.get(payout.id) == "bank_mismatch"
        return self._announced(payout) - (BANK_SHORTFALL if is_planted else 0)

    def _payout_line(self, payout: ClosedPayout) -> ReportLine:
        return ReportLine(
            id=f"txn_{payout.id}",
            psp=payout.psp,
            kind="payout",
            source=payout.id,
            gross=-self._announced(payout),
            fee=0,
            currency=payout.currency,
            created=payout.created,
            payout=payout.id if payout.psp == ADYEN else "",
        )

    def _returned_line(self, payout: ClosedPayout) -> ReportLine:
        """Return how the money of a payout comes back, into the next one."""
        line = self._payout_line(payout)
        return replace(
            line,
            id=f"{line.id}_back",
            kind="payout_failure",
            gross=-line.gross,
            payout=self._paid_again_in(payout) or self._open_batch(payout.psp),
        )


def _name(payout: ClosedPayout) -> str:
    """Return how the bank's statement names a payout."""
    return f"batch {payout.id}" if payout.psp == ADYEN else payout.id


# What arrives at the bank and nobody announced, in minor units.
_STRANGE_CREDIT = 777

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
