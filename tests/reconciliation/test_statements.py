"""Each format is read row by row; a bad row spoils itself only (AC-64)."""

import io
from datetime import date

import pytest

from apps.reconciliation.errors import StatementUnreadable
from apps.reconciliation.statements import (
    ParsedBankLine,
    ParsedLine,
    RowRefused,
    parse_adyen,
    parse_bank_csv,
    parse_camt053,
    parse_stripe,
)
from apps.reconciliation.states import StatementFormat
from tests.fake_gateway import FakeGateway
from tests.reconciliation.statements import (
    STRIPE_COLUMNS,
    Row,
    csv_of,
    exceptions,
    paid,
    run,
    stripe_row,
    upload,
)

ADYEN_COLUMNS = (
    "Company Account", "Merchant Account", "Psp Reference", "Merchant Reference",
    "Payment Method", "Creation Date", "TimeZone", "Type", "Modification Reference",
    "Gross Currency", "Gross Debit (GC)", "Gross Credit (GC)", "Net Currency", "Net Debit (NC)",
    "Net Credit (NC)", "Batch Number", "Modification Merchant Reference",
)  # fmt: skip
GOOD = stripe_row(reference="txn_1", category="charge", source="ch_1", gross=1000, fee=59)


def stripe_lines(*rows: Row) -> list[ParsedLine | RowRefused]:
    return list(parse_stripe(io.StringIO(csv_of(rows).decode())))


def adyen_row(type_: str, *, credit: str = "", debit: str = "", **changes: str) -> Row:
    row = dict.fromkeys(ADYEN_COLUMNS, "") | {
        "Psp Reference": "PSP1",
        "Merchant Reference": "att_1",
        "Creation Date": "2026-11-18 12:00:01",
        "TimeZone": "CET",
        "Type": type_,
        "Modification Reference": "MOD1",
        "Gross Currency": "EUR",
        "Gross Credit (GC)": credit,
        "Gross Debit (GC)": debit,
        "Net Currency": "EUR",
        "Net Credit (NC)": credit,
        "Net Debit (NC)": debit,
        "Batch Number": "7",
    }
    return row | changes


def test_ac_064_a_row_of_stripe_becomes_minor_units() -> None:
    (line,) = stripe_lines(GOOD)

    assert isinstance(line, ParsedLine)
    assert (line.number, line.kind, line.currency) == (2, "charge", "EUR")
    assert (line.gross, line.fee, line.net) == ("1000", "059", "941")
    assert line.occurred_at == "2026-11-18 12:00:01 UTC"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"gross": "10.005"}, "'10.005' is finer than EUR"),
        ({"gross": "NaN"}, "'NaN' is no amount"),
        ({"gross": "1e5"}, "gross less fee is not net"),
        ({"net": "9.40"}, "gross less fee is not net"),
        ({"currency": "xxx"}, "'xxx' is no currency"),
        ({"created_utc": "2026-02-30 10:00:00"}, "'2026-02-30 10:00:00' is no time"),
        ({"balance_transaction_id": ""}, "the reference is empty or too long"),
    ],
)
def test_a_bad_value_is_named_and_the_next_row_read(change: Row, reason: str) -> None:
    refused, good = stripe_lines({**GOOD, **change}, GOOD)

    assert isinstance(refused, RowRefused)
    assert (refused.number, refused.reason) == (2, reason)
    assert isinstance(good, ParsedLine)
    assert good.number == 3


def test_an_unclosed_quote_spoils_its_own_row_only() -> None:
    head, row = csv_of([GOOD]).decode().splitlines()
    text = f'{head}\n"{row}\n{row}\n{row},extra\n\n{row}\n'

    read = list(parse_stripe(io.StringIO(text)))

    assert [(type(each).__name__, each.number) for each in read] == [
        ("RowRefused", 2),
        ("ParsedLine", 3),
        ("RowRefused", 4),
        ("ParsedLine", 6),
    ]


def test_a_report_without_a_column_is_refused_as_a_whole() -> None:
    text = csv_of([], [name for name in STRIPE_COLUMNS if name != "net"]).decode()

    with pytest.raises(StatementUnreadable) as refusal:
        list(parse_stripe(io.StringIO(text)))

    assert refusal.value.context["reason"] == "column net is missing"


def test_adyens_debits_and_credits_become_signed_amounts() -> None:
    text = csv_of(
        [
            adyen_row("Settled", credit="100.00", **{"Net Credit (NC)": "96.80"}),
            adyen_row("Refunded", debit="10.00", **{"Modification Merchant Reference": "re_1"}),
            adyen_row("MerchantPayout", debit="86.80", **{"Gross Currency": ""}),
            adyen_row("Settled", credit="1.00", TimeZone="MARS"),
        ],
        ADYEN_COLUMNS,
    ).decode()

    settled, refunded, payout, refused = parse_adyen(io.StringIO(text))

    assert settled[2:6] == ("charge", "PSP1", "PSP1", "att_1")
    assert settled[8:] == ("10000", "320", "9680", "2026-11-18 12:00:01 Europe/Amsterdam")
    assert refunded[2:6] == ("refund", "MOD1", "PSP1", "re_1")
    assert refunded[8:11] == ("-1000", "0", "-1000")
    assert payout[2:7] == ("payout", "7", "PSP1", "", "7")
    assert refused == RowRefused(5, "'MARS' is no time zone we know", refused[2])


CAMT = """<?xml version="1.0"?>{doctype}
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt>
<Acct><Id><IBAN>DE02120300000000202051</IBAN></Id></Acct>
<Ntry><Amt Ccy="EUR">96.80</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
<BookgDt><Dt>2026-11-19</Dt></BookgDt><AcctSvcrRef>B1</AcctSvcrRef><NtryDtls><TxDtls>
<Refs><EndToEndId>po_1</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="EUR">5.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>PDNG</Cd></Sts></Ntry>
<Ntry><Amt Ccy="EUR">5.00</Amt><Sts><Cd>BOOK</Cd></Sts><AcctSvcrRef>B3</AcctSvcrRef></Ntry>
</Stmt></BkToCstmrStmt></Document>"""


def test_a_bank_statement_in_camt_has_its_booked_entries() -> None:
    booked, refused = parse_camt053(io.BytesIO(CAMT.format(doctype="").encode()))

    assert booked == ParsedBankLine(
        1, "B1", "DE02120300000000202051", "EUR", 9_680, date(2026, 11, 19), "po_1"
    )
    assert refused == RowRefused(3, "the entry has no Amt or CdtDbtInd", "B3")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_bank_statement_with_a_document_type_is_refused(encoding: str) -> None:
    text = CAMT.format(doctype='<!DOCTYPE x [<!ENTITY a "b">]>')

    with pytest.raises(StatementUnreadable):
        list(parse_camt053(io.BytesIO(text.encode(encoding))))


def test_a_bank_statement_in_csv_keeps_signs() -> None:
    text = "booking_date,amount,currency,reference\n2026-11-19,-5.00,EUR,B1\n19.11.2026,5,EUR,B2\n"

    out, refused = parse_bank_csv(io.StringIO(text))

    assert isinstance(out, ParsedBankLine)
    assert out.amount == -500
    assert refused == RowRefused(3, "'19.11.2026' is no day", "19.11.2026,5,EUR,B2")


@pytest.mark.django_db
def test_ac_061_adyens_report_is_compared_as_well(gateway: FakeGateway) -> None:
    right, wrong = paid(), paid()
    rows = [
        adyen_row(
            "Settled",
            credit=gross,
            **{
                "Psp Reference": f"PSP{number}",
                "Merchant Reference": attempt.id,
                "Net Credit (NC)": net,
                "Modification Reference": f"MOD{number}",
            },
        )
        for number, (attempt, gross, net) in enumerate(
            [(right, "100.00", "96.80"), (wrong, "101.00", "97.80")]
        )
    ]
    unknown = adyen_row("Chargeback", debit="20.00")

    upload(content=csv_of([*rows, unknown], ADYEN_COLUMNS), format=StatementFormat.ADYEN)
    run()

    assert exceptions() == [("amount_over", 9_680, 9_780), ("missing_in_ledger", None, -2_000)]
