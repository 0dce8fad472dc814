"""Each format is read row by row; a bad row spoils itself only (AC-64)."""

import io
import re
import tracemalloc
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.payments.models import PaymentAttempt
from apps.reconciliation.errors import StatementUnreadable
from apps.reconciliation.models import Settlement
from apps.reconciliation.statements import (
    AdyenReport,
    PaidIn,
    ParsedBankLine,
    ParsedLine,
    RowRefused,
    StripeReport,
    bank,
    blocks,
    parse_bank_csv,
    parse_camt053,
    read_report,
    read_rows,
)
from apps.reconciliation.statements.blocks import ReportReader, copy_row
from apps.reconciliation.statements.line import MAX_ROW_CHARACTERS
from apps.reconciliation.states import StatementFormat
from tests.fake_gateway import FakeGateway
from tests.reconciliation.statements import (
    GATEWAY,
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


Opener = Callable[[list[str]], ReportReader]


def rows_of(text: str, open_report: Opener) -> list[ParsedLine | RowRefused]:
    """Return what is read row by row."""
    file = io.StringIO(text)
    return list(read_rows(file, open_report(file.readline().rstrip().split(",")), after=1))


def blocks_of(text: str, open_report: Opener) -> tuple[str, list[RowRefused]]:
    """Return what is read block by block: the rows of COPY, and the refused ones."""
    blocks = list(read_report(io.StringIO(text), open_report))
    return "".join(each.copy for each in blocks), [row for each in blocks for row in each.refused]


def stripe_lines(*rows: Row) -> list[ParsedLine | RowRefused]:
    return rows_of(csv_of(rows).decode(), StripeReport)


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
        ({"gross": "1e5"}, "'1e5' is no amount"),
        ({"gross": "1e999999"}, "'1e999999' is no amount"),
        ({"gross": "1_000"}, "'1_000' is no amount"),
        ({"gross": "9" * 16}, f"'{'9' * 16}' is no amount"),
        ({"net": "9.40"}, "gross less fee is not net"),
        ({"currency": "xxx"}, "'xxx' is no currency"),
        ({"created_utc": "2026-02-30 10:00:00"}, "'2026-02-30 10:00:00' is no time"),
        ({"created_utc": "9999-12-31 23:00:00"}, "'9999-12-31 23:00:00' is no time"),
        ({"balance_transaction_id": ""}, "the reference is empty or too long"),
        ({"reporting_category": "payout", "source_id": ""}, "the payout has no name"),
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

    read = rows_of(text, StripeReport)

    assert [(type(each).__name__, each.number) for each in read] == [
        ("RowRefused", 2),
        ("ParsedLine", 3),
        ("RowRefused", 4),
        ("ParsedLine", 6),
    ]


def test_a_line_break_within_quotes_spoils_both_of_its_lines_only() -> None:
    head, row = csv_of([GOOD]).decode().splitlines()
    broken = row.replace("ch_1", '"ch_1\nch_2"')

    first, second, good = rows_of(f"{head}\n{broken}\n{row}\n", StripeReport)

    assert (first.number, first[1]) == (2, "a quote is not closed")
    assert (second.number, second[1]) == (3, "a quote is not closed")
    assert (good.number, good[1]) == (4, "txn_1")


def test_a_report_without_a_column_is_refused_as_a_whole() -> None:
    text = csv_of([], [name for name in STRIPE_COLUMNS if name != "net"]).decode()

    with pytest.raises(StatementUnreadable) as refusal:
        list(read_report(io.StringIO(text), StripeReport))

    assert refusal.value.context["reason"] == "column net is missing"


def test_a_report_whose_lines_end_in_another_way_is_not_taken_for_an_empty_one() -> None:
    text = csv_of([GOOD]).decode().replace("\n", "\r")

    with pytest.raises(StatementUnreadable) as refusal:
        list(read_report(io.StringIO(text), StripeReport))

    assert refusal.value.context["reason"] == "its lines do not end with a line feed"


def test_a_report_divided_by_semicolons_is_told_so() -> None:
    text = csv_of([GOOD]).decode().replace(",", ";")

    with pytest.raises(StatementUnreadable) as refusal:
        list(read_report(io.StringIO(text), StripeReport))

    assert refusal.value.message == (
        "This is no Stripe statement: its columns are divided by semicolons, not commas."
    )


@pytest.mark.parametrize(
    "text", ["<html><body>Log in</body></html>", "<Document><BkToCstmrDbtCdtNtfctn/></Document>"]
)
def test_xml_without_a_statement_is_not_taken_for_an_empty_one(text: str) -> None:
    with pytest.raises(StatementUnreadable) as refusal:
        list(parse_camt053(io.BytesIO(text.encode())))

    assert refusal.value.message == "This is no camt.053 statement: it holds no element Stmt."


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

    settled, refunded, payout, refused = rows_of(text, AdyenReport)

    assert settled[2:6] == ("charge", "PSP1", "PSP1", "att_1")
    assert settled[8:] == ("10000", "320", "9680", "2026-11-18 12:00:01 Europe/Amsterdam", None)
    assert refunded[2:6] == ("refund", "MOD1", "PSP1", "re_1")
    assert refunded[8:11] == ("-1000", "0", "-1000")
    assert payout[2:7] == ("payout", "7", "PSP1", "", "7")
    assert refused == RowRefused(5, "'MARS' is no time zone we know", refused[2])


def test_adyens_columns_may_stand_in_any_order() -> None:
    rows = [
        adyen_row("Settled", credit="100.00", **{"Net Credit (NC)": "96.80"}),
        adyen_row("MerchantPayout", debit="96.80", **{"Gross Currency": ""}),
    ]

    usual, turned = (
        rows_of(csv_of(rows, columns).decode(), AdyenReport)
        for columns in (ADYEN_COLUMNS, ADYEN_COLUMNS[::-1])
    )

    assert turned == usual
    assert [type(row) for row in turned] == [ParsedLine, ParsedLine]


def test_adyens_report_without_a_column_names_it() -> None:
    columns = [name for name in ADYEN_COLUMNS if name != "Batch Number"]

    with pytest.raises(StatementUnreadable) as refusal:
        list(read_report(io.StringIO(csv_of([], columns).decode()), AdyenReport))

    assert refusal.value.message == ("This is no Adyen statement: column Batch Number is missing.")


def test_adyens_gross_in_another_currency_is_net_and_the_costs() -> None:
    costs = ("Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)")
    row = adyen_row(
        "Settled", credit="1000", **{"Gross Currency": "JPY", "Net Credit (NC)": "5.80"}
    )
    told = {**row, "Markup (NC)": "0.10", "Scheme Fees (NC)": "0.02", "Interchange (NC)": "0.08"}

    (line,) = rows_of(csv_of([told], (*ADYEN_COLUMNS, *costs)).decode(), AdyenReport)
    (refused,) = rows_of(csv_of([row], ADYEN_COLUMNS).decode(), AdyenReport)

    assert isinstance(line, ParsedLine)
    assert line[7:11] == ("EUR", "600", "20", "580")
    assert line.paid_in == PaidIn(1000, "JPY")
    assert isinstance(refused, RowRefused)
    assert refused.reason == (
        "settled in another currency than paid, and no column tells the costs"
    )


@pytest.mark.parametrize(
    ("said", "kind", "returned"),
    [
        ("Returned payout of batch 6", "payout_failure", "6"),
        ("BATCH#12, account closed", "payout_failure", "12"),
        ("TX4711", "other", "TX4711"),
    ],
)
def test_ac_068_adyens_returned_payout_is_of_the_batch_that_its_text_names(
    said: str, kind: str, returned: str
) -> None:
    row = adyen_row(
        "BankInstructionReturned",
        **{"Gross Currency": "", "Net Credit (NC)": "86.80", "Modification Reference": said},
    )

    (line,) = rows_of(csv_of([row], ADYEN_COLUMNS).decode(), AdyenReport)

    assert isinstance(line, ParsedLine)
    # Its money is in the batch that was open when it came back.
    assert (line.kind, line.object_reference, line.payout_reference) == (kind, returned, "7")
    assert (line.gross, line.fee, line.net) == ("8680", "0", "8680")


# What may stand in a row: good rows, and each thing that a block must be looked at closely for.
STRIPE_SAMPLES = (
    GOOD,
    stripe_row(reference="txn_2", category="refund", source="re_9", gross=-500)
    | {"refund_metadata[refund]": "re_1"},
    {**GOOD, "reporting_category": "dispute", "gross": "-1.00", "fee": "0.00", "net": "-1.00"},
    {**GOOD, "reporting_category": "climate", "automatic_payout_id": "po_1"},
    {**GOOD, "source_id": "with, a comma"},
    {**GOOD, "source_id": 'with a "quote"'},
    {**GOOD, "currency": "jpy", "gross": "1000", "fee": "59", "net": "941"},
    {**GOOD, "gross": "10", "fee": "0.59", "net": "9.41"},
    {**GOOD, "gross": "10.001"},
    {**GOOD, "net": "9.42"},
    {**GOOD, "currency": "zzz"},
    {**GOOD, "created_utc": "2026-02-30 10:00:00"},
    {**GOOD, "balance_transaction_id": ""},
    {**GOOD, "source_id": "x" * 101},
    {**GOOD, "reporting_category": "payout", "source_id": ""},
    {**GOOD, "reporting_category": "fee", "source_id": ""},
    {**GOOD, "source_id": "tab\there"},
    {**GOOD, "source_id": "back\\slash"},
)
ADYEN_SAMPLES = (
    adyen_row("Settled", credit="100.00", **{"Net Credit (NC)": "96.80"}),
    adyen_row("Refunded", debit="10.00", **{"Modification Merchant Reference": "re_1"}),
    adyen_row("MerchantPayout", debit="86.80", **{"Gross Currency": ""}),
    adyen_row("Chargeback", debit="5.00", **{"Net Debit (NC)": "25.00"}),
    adyen_row("Fee", **{"Gross Currency": "", "Net Debit (NC)": "0.30"}),
    adyen_row("Settled", credit="1.00", TimeZone="MARS"),
    adyen_row("Settled", credit="1.00", **{"Gross Currency": "USD"}),
    adyen_row("Settled", credit="1.0", **{"Net Credit (NC)": "1"}),
    adyen_row("Settled", credit="much"),
    adyen_row("MerchantPayout", debit="86.80", **{"Gross Currency": "", "Batch Number": ""}),
    adyen_row("Settled", credit="1.00", **{"Psp Reference": "x" * 60}),
    adyen_row("Settled", credit="100", **{"Gross Currency": "JPY", "Net Currency": "JPY"}),
    adyen_row("BankInstructionReturned", **{"Gross Currency": "", "Net Credit (NC)": "86.80"}),
    adyen_row(
        "BankInstructionReturned",
        **{
            "Gross Currency": "",
            "Net Credit (NC)": "86.80",
            "Modification Reference": "Returned: batch 6",
        },
    ),
)


def same_both_ways(text: str, open_report: Opener) -> None:
    """Assert that blocks and rows tell the same of a file."""
    rows = rows_of(text, open_report)
    copied, refused = blocks_of(text, open_report)

    # An amount may keep its leading zeros; the database does not care.
    assert re.sub(r"\t(-?)0+(?=\d)", r"\t\1", copied) == re.sub(
        r"\t(-?)0+(?=\d)",
        r"\t\1",
        "".join(copy_row(row) for row in rows if isinstance(row, ParsedLine)),
    )
    assert refused == [row for row in rows if isinstance(row, RowRefused)]


@given(st.lists(st.sampled_from(STRIPE_SAMPLES), max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_a_block_of_stripes_reads_as_its_rows_one_by_one(rows: list[Row], end: str) -> None:
    same_both_ways(csv_of(rows).decode().replace("\n", end), StripeReport)


@given(st.lists(st.sampled_from(ADYEN_SAMPLES), max_size=6))
def test_a_block_of_adyens_reads_as_its_rows_one_by_one(rows: list[Row]) -> None:
    same_both_ways(csv_of(rows, ADYEN_COLUMNS).decode(), AdyenReport)


@pytest.mark.parametrize("sample", [*STRIPE_SAMPLES[:5]], ids=lambda row: row["source_id"])
def test_a_plain_row_is_read_by_columns(sample: Row) -> None:
    report = StripeReport(list(STRIPE_COLUMNS))

    assert report.read_columns([(value,) for value in sample.values()]) is not None


@pytest.mark.parametrize("sample", [*ADYEN_SAMPLES[:5]], ids=lambda row: row["Type"])
def test_a_plain_row_of_adyen_is_read_by_columns(sample: Row) -> None:
    report = AdyenReport(list(ADYEN_COLUMNS))

    assert report.read_columns([(value,) for value in sample.values()]) is not None


def test_rows_are_counted_and_kept_whole_over_the_ends_of_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_CHARACTERS", 300)
    rows = [{**GOOD, "balance_transaction_id": f"txn_{n}"} for n in range(20)]
    rows[7]["net"] = "x"
    head, *lines = csv_of(rows).decode().splitlines()
    lines[12] += "," + "y" * MAX_ROW_CHARACTERS
    text = "\n".join([head, *lines])

    copied, refused = blocks_of(text, StripeReport)

    assert [(row.number, row.reason) for row in refused] == [
        (9, "'x' is no amount"),
        (14, "the row is too long"),
    ]
    kept = [row.split("\t")[:2] for row in copied.splitlines()]
    assert kept == [[str(n + 2), f"txn_{n}"] for n in range(20) if n not in {7, 12}]


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


def unreadable(content: bytes) -> str:
    """Return why a bank's statement is refused as a whole."""
    with pytest.raises(StatementUnreadable) as refusal:
        list(parse_camt053(io.BytesIO(content)))
    return str(refusal.value.context["reason"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "declared",
    [
        '<!ENTITY a "b">',
        '<!ENTITY a SYSTEM "file:///etc/passwd">',
        '<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">',
    ],
    ids=["entity", "file", "laughs"],
)
def test_a_bank_statement_with_a_document_type_is_refused(declared: str, encoding: str) -> None:
    text = CAMT.format(doctype=f"<!DOCTYPE x [{declared}]>")

    assert unreadable(text.encode(encoding)) == "it has a document type"


@pytest.mark.parametrize("encoding", ["utf-7", "utf-32", "klingon", "rot13"])
def test_a_bank_statement_in_an_unknown_encoding_is_refused(encoding: str) -> None:
    text = CAMT.format(doctype="").replace('"1.0"', f'"1.0" encoding="{encoding}"')

    assert unreadable(text.encode()) == "it is written in an unknown encoding"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda good: good[: good.index(b"<Ntry>")], "no element found: line 4, column 0"),
        (lambda _good: b"", "no element found: line 1, column 0"),
        (
            lambda good: good.replace(b"po_1", b"M\xfcller"),
            "(invalid token): line 6",
        ),
        (lambda good: good.replace(b"po_1", b"&gift;"), "line 6, column 18"),
    ],
    ids=["truncated", "empty", "latin-1", "entity"],
)
def test_a_broken_bank_statement_is_refused_with_its_line(
    spoil: Callable[[bytes], bytes], reason: str
) -> None:
    assert reason in unreadable(spoil(CAMT.format(doctype="").encode()))


@pytest.mark.parametrize(
    "filling", ["<Acct>" + "<a/>" * 20 + "</Acct>", "<a>" * 20, "<Ntry>" + "<a><b/></a>" * 10]
)
def test_a_bank_statement_of_endless_elements_is_refused(
    monkeypatch: pytest.MonkeyPatch, filling: str
) -> None:
    monkeypatch.setattr(bank, "MAX_DEPTH", 15)
    monkeypatch.setattr(bank, "MAX_ELEMENTS", 15)
    text = CAMT.format(doctype="").replace("<Acct>", f"{filling}<Acct>")

    assert unreadable(text.encode()) == "its elements are too many or too deep for a statement"


def test_a_long_bank_statement_takes_as_much_memory_as_a_short_one() -> None:
    entry = CAMT.format(doctype="").split("\n", 3)[3].rpartition("</Stmt>")[0]

    def peak(entries: int) -> int:
        text = CAMT.format(doctype="").replace(entry, entry * entries)
        stream = io.BytesIO(text.encode())
        tracemalloc.start()
        rows = sum(1 for _ in parse_camt053(stream))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert rows == 2 * entries
        return most

    assert peak(2_000) < 1.1 * peak(400)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"EUR">96.80', '"EUX">96.80', "'EUX' is no currency"),
        ("96.80", "1e999999", "'1e999999' is no amount"),
        ("96.80", "10000000000000.00", "'10000000000000.00' is no amount"),
        ("96.80", "96.805", "'96.805' is finer than EUR"),
        ("96.80", "-96.80", "a negative amount"),
        ("2026-11-19", "9999-12-31", "'9999-12-31' is no day"),
        ("B1", "B" * 101, "the reference is empty or too long"),
    ],
)
def test_a_bad_entry_of_a_bank_statement_is_refused_alone(old: str, new: str, reason: str) -> None:
    text = CAMT.format(doctype="").replace(old, new)

    first, third = parse_camt053(io.BytesIO(text.encode()))

    assert isinstance(first, RowRefused)
    assert (first.number, first.reason) == (1, reason)
    assert third.number == 3


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


@pytest.mark.django_db
def test_ac_063_two_batches_in_one_report_of_adyens_are_two_payouts(gateway: FakeGateway) -> None:
    rows = [
        row
        for batch, attempt in (("7", paid()), ("8", paid()))
        for row in (
            settled(attempt, **{"Psp Reference": f"PSP{batch}", "Batch Number": batch}),
            adyen_row("MerchantPayout", **payout_of(batch, "96.80")),
        )
    ]

    upload(content=csv_of(rows, ADYEN_COLUMNS), format=StatementFormat.ADYEN)
    run()

    assert exceptions() == []
    payouts = Settlement.objects.order_by("reference").values_list("reference", "status", "amount")
    assert list(payouts) == [("7", "in_transit", 9_680), ("8", "in_transit", 9_680)]


@pytest.mark.django_db
def test_ac_065_a_line_of_a_later_batch_of_adyens_closes_what_was_missing(
    gateway: FakeGateway,
) -> None:
    attempt = paid()
    assert run().exceptions_open == 1
    assert exceptions() == [("missing_in_report", 9_680, None)]

    upload(content=csv_of([settled(attempt)], ADYEN_COLUMNS), format=StatementFormat.ADYEN)
    result = run()

    assert (result.exceptions_closed, result.exceptions_open) == (1, 0)


@pytest.mark.django_db
def test_ac_066_a_day_of_adyens_is_that_of_the_accounts_own_clock(
    gateway: FakeGateway, settings: Any
) -> None:
    settings.RECONCILIATION_TIME_ZONES = {GATEWAY: "Europe/Amsterdam"}
    # Half past midnight of the 1st in Amsterdam, still November in UTC.
    attempt = paid(now=datetime(2026, 11, 30, 23, 30, tzinfo=UTC))
    row = settled(attempt, **{"Creation Date": "2026-12-01 00:30:05", "TimeZone": "CET"})

    upload(content=csv_of([row], ADYEN_COLUMNS), format=StatementFormat.ADYEN)
    before, after = run(date(2026, 11, 30)), run(date(2026, 12, 1))

    assert (before.lines, after.lines, after.lines_matched) == (0, 1, 1)
    assert exceptions() == []


def settled(attempt: PaymentAttempt, **changes: str) -> Row:
    """Return Adyen's row of a payment of 100.00, as it should be."""
    names = {"Merchant Reference": attempt.id, "Net Credit (NC)": "96.80"}
    return adyen_row("Settled", credit="100.00", **names, **changes)


def payout_of(batch: str, amount: str) -> Row:
    return {
        "Psp Reference": "",
        "Merchant Reference": "",
        "Modification Reference": "",
        "Gross Currency": "",
        "Net Debit (NC)": amount,
        "Batch Number": batch,
    }
