"""
What the PSPs report of a day, and what the bank shows of it; with discrepancies planted on request.

The reports follow from the common books. The platform's payouts to sellers leave from the same
account; `close` is the PSP's own payout to the merchant's bank, of all that was not paid out yet.
"""

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from xml.sax.saxutils import escape

from simulator.books import WHOLE, Movement
from simulator.world import World

STRIPE = "stripe"
COLUMNS = (
    "balance_transaction_id", "created_utc", "available_on_utc", "currency", "gross", "fee", "net",
    "reporting_category", "source_id", "description", "automatic_payout_id", "charge_id",
    "payment_intent_id", "payment_metadata[attempt]", "payment_metadata[intent]",
    "refund_metadata[refund]",
)  # fmt: skip
_CATEGORIES = {
    "charge": "charge",
    "refund": "refund",
    "refund_failure": "refund_failure",
    "payout": "payout",
    "payout_failure": "payout_reversal",
}

Row = dict[str, str]


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
    strangers: list[tuple[str, int]] = field(default_factory=list)

    def plant(self, *, psp: str, kind: str, reference: str = "") -> str:
        """
        Let a day's report be wrong about one payment, and return the id of its movement.

        Without `reference`, the platform's intent, it befalls the oldest one that is still right.

        :raises UnknownPlant: no such kind or no such payment
        """
        if psp != STRIPE or kind not in PLANTS:
            raise UnknownPlant(f"kind is one of {', '.join(PLANTS)}; psp is {STRIPE}")
        if kind == "missing_in_ledger":
            stranger = self.world.ids.new("txn")
            self.strangers.append((stranger, int(self.world.clock.now())))
            return stranger
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
            id=self.world.ids.new("po"),
            psp=psp,
            currency=currency,
            amount=amount,
            created=int(self.world.clock.now()),
            movements=frozenset(movement.id for movement in waiting),
        )
        self.payouts.append(payout)
        return payout

    def stripe_report(self, day: str) -> str:
        """Return the itemised report of a day in UTC, in Stripe's columns."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        for movement in self.world.books.movements.values():
            if movement.psp == STRIPE and _day(movement.created) == day:
                writer.writerows(self._rows(movement))
        for stranger, created in self.strangers:
            if _day(created) == day:
                writer.writerow(_money(stranger, "charge", "ch_stranger", 1000, 59, "eur", created))
        for payout in self.payouts:
            if payout.psp == STRIPE and _day(payout.created) == day:
                gross, at = -payout.amount, payout.created
                writer.writerow(
                    _money(f"txn_{payout.id}", "payout", payout.id, gross, 0, payout.currency, at)
                )
        return text.getvalue()

    def bank_statement(self, day: str) -> str:
        """Return the day's credits on the merchant's bank account as camt.053."""
        entries = [
            _ENTRY.format(
                number=number,
                currency=payout.currency.upper(),
                amount=_major(payout.amount, payout.currency),
                day=day,
                reference=escape(payout.id),
            )
            for number, payout in enumerate(self.payouts, start=1)
            if _day(payout.created) == day
        ]
        return _STATEMENT.format(day=day, entries="".join(entries))

    def clear(self) -> None:
        """Forget payouts and plants."""
        self.payouts.clear()
        self.plants.clear()
        self.strangers.clear()

    def _rows(self, movement: Movement) -> list[Row]:
        row = _money(
            movement.id,
            _category(movement),
            movement.source,
            movement.amount,
            movement.fee,
            movement.currency,
            movement.created,
        )
        row |= self._belongings(movement)
        plant = self.plants.get(movement.id, "")
        return PLANTS[plant](row, movement) if plant else [row]

    def _belongings(self, movement: Movement) -> Row:
        """Return what names the payment, refund and payout of a movement."""
        books = self.world.books
        refund = books.refunds.get(movement.source)
        charge = refund.charge if refund else books.charges.get(movement.source)
        named: Row = {
            "automatic_payout_id": next(
                (each.id for each in self.payouts if movement.id in each.movements), ""
            ),
            "refund_metadata[refund]": refund.reference if refund else "",
        }
        if charge is not None:
            named |= {
                "charge_id": charge.id,
                "payment_intent_id": charge.payment,
                "payment_metadata[attempt]": charge.attempt,
                "payment_metadata[intent]": charge.reference,
            }
        return named


def _category(movement: Movement) -> str:
    if movement.kind == "adjustment":
        return "dispute" if movement.amount < 0 else "dispute_reversal"
    return _CATEGORIES.get(movement.kind, "other_adjustment")


def _money(
    reference: str, category: str, source: str, gross: int, fee: int, currency: str, created: int
) -> Row:
    moment = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return {
        "balance_transaction_id": reference,
        "created_utc": moment,
        "available_on_utc": moment,
        "currency": currency,
        "gross": _major(gross, currency),
        "fee": _major(fee, currency),
        "net": _major(gross - fee, currency),
        "reporting_category": category,
        "source_id": source,
    }


def _changed(row: Row, movement: Movement, *, gross: int = 0, fee: int = 0) -> list[Row]:
    wrong_gross, wrong_fee = movement.amount + gross, movement.fee + fee
    return [
        row
        | {
            "gross": _major(wrong_gross, movement.currency),
            "fee": _major(wrong_fee, movement.currency),
            "net": _major(wrong_gross - wrong_fee, movement.currency),
        }
    ]


def _in_parts(row: Row, movement: Movement) -> list[Row]:
    first = _changed(row, movement, gross=-movement.amount // 2)[0]
    rest = _money(
        f"{movement.id}_2", "charge", movement.source, 1, 0, movement.currency, movement.created
    )
    names = ("charge_id", "payment_intent_id", "payment_metadata[attempt]")
    return [first, rest | {name: row[name] for name in names}]


# What a report can get wrong, by the name which the exception should have.
PLANTS: Mapping[str, Callable[[Row, Movement], list[Row]]] = {
    "missing_in_ledger": lambda row, _movement: [row],
    "missing_in_report": lambda _row, _movement: [],
    "amount_over": lambda row, movement: _changed(row, movement, gross=100),
    "amount_under": lambda row, movement: _changed(row, movement, gross=-100),
    "fee_mismatch": lambda row, movement: _changed(row, movement, fee=1),
    "currency_mismatch": lambda row, _movement: [row | {"currency": "chf"}],
    "duplicate_line": lambda row, _movement: [row, row],
    "split_mismatch": _in_parts,
    "malformed_row": lambda row, _movement: [row | {"gross": "n/a"}],
}


def _day(created: int) -> str:
    return datetime.fromtimestamp(created, UTC).date().isoformat()


def _major(amount: int, currency: str) -> str:
    return str(amount) if currency in WHOLE else str(Decimal(amount).scaleb(-2))


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
