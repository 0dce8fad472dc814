"""Ledger, gateway and bank agree, or each difference has its name (AC-60 to AC-68)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.ledger.selectors import balance_of
from apps.outbox.models import Event
from apps.payments.services.refunds import request_refund, run_refund
from apps.reconciliation.models import Discrepancy, Settlement, StatementLine
from apps.reconciliation.services import resolve_exception
from apps.reconciliation.states import StatementFormat
from tests.disputes.stories import tell
from tests.factories.payments import SCOPE, TESTER, attempt_of, confirmed_intent, held_intent
from tests.fake_gateway import FakeGateway
from tests.reconciliation.statements import (
    DAY,
    FINANCE,
    GATEWAY,
    NOON,
    charge_row,
    exceptions,
    paid,
    payout_row,
    refund_row,
    run,
    stripe_row,
    upload,
)

pytestmark = pytest.mark.django_db

BANK_CSV = "booking_date,amount,currency,reference,description\n"


def posted(code: str, owner: str = "") -> int:
    return balance_of(scope=SCOPE, code=code, currency="EUR", owner=owner).posted


def bank_statement(*rows: str) -> None:
    upload(
        content=(BANK_CSV + "".join(f"{row}\n" for row in rows)).encode(),
        format=StatementFormat.BANK_CSV,
        source="main_bank",
        name="bank.csv",
    )


def test_ac_060_a_day_on_which_all_agree_has_no_exceptions(gateway: FakeGateway) -> None:
    attempts = [paid(), paid()]

    upload(*(charge_row(attempt) for attempt in attempts))
    result = run()

    assert exceptions() == []
    assert (result.lines, result.lines_matched, result.facts_expected) == (2, 2, 0)
    assert result.difference == {}
    rules = set(StatementLine.objects.values_list("subject_id", "rule"))
    assert rules == {(attempt.id, "payment_reference") for attempt in attempts}


def test_ac_060_a_payout_is_booked_when_its_lines_and_the_bank_agree(gateway: FakeGateway) -> None:
    attempt = paid(10_000)
    upload(charge_row(attempt, automatic_payout_id="po_1"), payout_row("po_1", 9_680))
    run()
    settlement = Settlement.objects.get()
    assert (settlement.status, settlement.lines_net, settlement.lines_count) == (
        "in_transit", 9_680, 1,
    )  # fmt: skip
    assert posted("gateway_clearing", GATEWAY) == 0
    assert posted("settlements_in_transit", GATEWAY) == 9_680

    bank_statement("2026-11-19,96.80,EUR,B1,STRIPE PAYOUT po_1")
    run(DAY + timedelta(days=1))

    settlement.refresh_from_db()
    assert (settlement.status, settlement.bank_amount) == ("received", 9_680)
    assert posted("settlements_in_transit", GATEWAY) == 0
    assert posted("bank", "main_bank") == 9_680
    assert exceptions() == []


def test_ac_060_the_fee_of_an_odd_amount_agrees_to_the_cent(gateway: FakeGateway) -> None:
    gateway.fee = 88
    attempt = paid(1_999)

    upload(charge_row(attempt))
    run()

    assert charge_row(attempt)["net"] == "19.11"
    assert exceptions() == []


CHANGES: list[tuple[str, dict[str, str], tuple[int | None, int | None]]] = [
    ("amount_over", {"gross": "101.00", "net": "97.80"}, (9_680, 9_780)),
    ("amount_under", {"gross": "99.00", "net": "95.80"}, (9_680, 9_580)),
    ("currency_mismatch", {"currency": "usd"}, (9_680, 9_680)),
    ("fee_mismatch", {"fee": "3.00", "net": "97.00"}, (9_680, 9_700)),
    ("date_cutoff", {"created_utc": "2026-11-21 09:00:00"}, (9_680, 9_680)),
]


@pytest.mark.parametrize(("kind", "change", "amounts"), CHANGES)
def test_ac_061_each_difference_has_its_type(
    gateway: FakeGateway, kind: str, change: dict[str, str], amounts: tuple[int, int]
) -> None:
    upload(charge_row(paid(), **change), charge_row(paid(2_000)))
    late = kind == "date_cutoff"

    run(DAY + timedelta(days=3) if late else DAY)

    assert exceptions() == [(kind, *amounts)]


def test_ac_061_what_only_one_side_has_is_told_apart(gateway: FakeGateway) -> None:
    ours = paid(5_000)
    upload(
        stripe_row(reference="txn_x", category="charge", source="ch_x", gross=700, fee=50),
    )

    run()

    assert exceptions() == [
        ("missing_in_ledger", None, 650),
        ("missing_in_report", 4_680, None),
    ]
    assert Discrepancy.objects.get(kind="missing_in_report").subject_id == ours.id


def test_ac_061_money_of_a_payment_that_did_not_succeed_here_is_a_status_mismatch(
    gateway: FakeGateway,
) -> None:
    attempt = attempt_of(held_intent(amount=10_000))

    upload(
        stripe_row(
            reference="txn_1",
            category="charge",
            source="ch_1",
            gross=10_000,
            fee=320,
            changes={"payment_metadata[attempt]": attempt.id},
        )
    )
    run()

    assert exceptions() == [("status_mismatch", None, 9_680)]


def test_ac_061_parts_which_do_not_make_the_whole_are_a_split_mismatch(
    gateway: FakeGateway,
) -> None:
    attempt = paid(10_000)
    half = {"gross": "50.00", "fee": "1.60", "net": "48.40"}
    other = {"gross": "40.00", "fee": "1.60", "net": "38.40"}

    upload(
        charge_row(attempt, **half),
        charge_row(attempt, balance_transaction_id="txn_part_2", **other),
    )
    run()

    assert exceptions() == [("split_mismatch", 9_680, 8_680)]


def test_ac_061_what_is_reported_again_on_another_day_is_a_split_mismatch(
    gateway: FakeGateway,
) -> None:
    attempt = paid(10_000)
    upload(charge_row(attempt))
    assert run().exceptions_opened == 0
    next_day = f"{DAY + timedelta(days=1)} 09:00:00"

    upload(charge_row(attempt, balance_transaction_id="txn_again", created_utc=next_day))
    run(DAY + timedelta(days=1))

    assert exceptions() == [("split_mismatch", 9_680, 19_360)]


def test_ac_061_a_second_line_in_another_currency_is_a_currency_mismatch(
    gateway: FakeGateway,
) -> None:
    attempt = paid(10_000)
    foreign = {"currency": "usd", "gross": "1.00", "fee": "1.00", "net": "0.00"}

    upload(
        charge_row(attempt), charge_row(attempt, balance_transaction_id="txn_foreign", **foreign)
    )
    run()

    assert [row[0] for row in exceptions()] == ["currency_mismatch"]


def test_our_reference_comes_first_and_the_gateways_where_it_names_nothing(
    gateway: FakeGateway,
) -> None:
    first, second, third = paid(), paid(2_000), paid(3_000)
    theirs = {"payment_intent_id": second.gateway_reference}

    upload(
        charge_row(first, **theirs, **{"payment_metadata[attempt]": first.id}),
        charge_row(second, **{"payment_metadata[attempt]": "att_of_another_shop"}),
        charge_row(third),
    )
    result = run()

    assert set(StatementLine.objects.values_list("subject_id", "rule")) == {
        (first.id, "our_reference"),
        (second.id, "payment_reference"),
        (third.id, "payment_reference"),
    }
    assert (result.lines_matched, exceptions()) == (3, [])


def test_ac_062_a_partial_capture_reported_as_two_lines_is_one_match(gateway: FakeGateway) -> None:
    attempt = paid(6_000)
    whole = {"gross": "100.00", "fee": "3.20", "net": "96.80"}
    release = stripe_row(
        reference="txn_release",
        category="partial_capture_reversal",
        source=attempt.charge_reference,
        gross=-4_000,
        changes={"payment_intent_id": attempt.gateway_reference},
    )

    upload(charge_row(attempt, **whole), release)
    result = run()

    assert exceptions() == []
    assert result.lines_matched == 2


def test_ac_063_a_payout_holds_charges_refunds_and_a_dispute_with_its_fee(
    gateway: FakeGateway,
) -> None:
    first, second = paid(10_000), paid(5_000)
    refund = request_refund(
        scope=SCOPE, intent_id=second.intent_id, amount=1_000, origin=TESTER, now=NOON
    )
    refund = run_refund(refund_id=refund.id, now=NOON)
    dispute = gateway.open_dispute(gateway.payments[first.gateway_reference], now=NOON, fee=1_500)
    tell(dispute, now=NOON)
    (withdrawal,) = dispute.movements
    in_payout = {"automatic_payout_id": "po_1"}
    third = paid(20_000)

    upload(
        charge_row(first, **in_payout),
        charge_row(second, **in_payout),
        charge_row(third, **in_payout),
        refund_row(refund, **in_payout),
        stripe_row(
            reference=withdrawal.reference, category="dispute", source="du_1", gross=-10_000,
            fee=1_500, changes=in_payout,
        ),
        payout_row("po_1", 35_000 - 3 * 320 - 1_000 - 11_500),
    )  # fmt: skip
    result = run()

    assert exceptions() == []
    assert (result.lines, result.lines_matched) == (6, 6)
    assert Settlement.objects.get().status == "in_transit"
    assert posted("gateway_clearing", GATEWAY) == 0


def test_ac_063_a_payout_that_is_not_the_sum_of_its_lines_is_not_booked(
    gateway: FakeGateway,
) -> None:
    upload(charge_row(paid(), automatic_payout_id="po_1"), payout_row("po_1", 9_000))

    run()

    assert exceptions() == [("payout_mismatch", 9_680, 9_000)]
    assert posted("settlements_in_transit", GATEWAY) == 0


def test_ac_064_the_same_file_and_the_same_day_twice_change_nothing(gateway: FakeGateway) -> None:
    rows = [charge_row(paid(), gross="101.00", net="97.80"), charge_row(paid())]
    first_file = upload(*rows)
    run()

    again = upload(*rows)
    result = run()

    assert again.id == first_file.id
    assert StatementLine.objects.count() == 2
    assert (result.exceptions_opened, result.exceptions_closed) == (0, 0)
    assert exceptions() == [("amount_over", 9_680, 9_780)]
    assert Event.objects.filter(type="reconciliation.exception_opened").count() == 1


def test_ac_064_a_report_that_overlaps_adds_only_what_is_new(gateway: FakeGateway) -> None:
    known, new = charge_row(paid()), charge_row(paid())
    upload(known)

    file = upload(known, new)

    assert (file.lines_new, file.lines_known, file.lines_duplicate) == (1, 1, 0)


def test_ac_064_a_row_twice_in_one_file_is_for_review(gateway: FakeGateway) -> None:
    row = charge_row(paid())

    file = upload(row, row)
    run()

    assert (file.lines_new, file.lines_duplicate) == (1, 1)
    assert exceptions() == [("duplicate_line", None, 9_680)]


def test_ac_065_a_line_that_comes_late_closes_what_was_missing(
    gateway: FakeGateway, settings: Any
) -> None:
    settings.RECONCILIATION_DUE_DAYS = 3
    attempt = paid()
    assert run(DAY).facts_expected == 1
    assert run(DAY + timedelta(days=2)).exceptions_open == 0
    assert run(DAY + timedelta(days=3)).exceptions_open == 1

    upload(charge_row(attempt))
    result = run(DAY + timedelta(days=3))

    assert (result.exceptions_closed, result.exceptions_open) == (1, 0)
    exception = Discrepancy.objects.get()
    assert (exception.status, exception.resolved_by) == ("resolved", "clock")
    resolved = Event.objects.get(type="reconciliation.exception_resolved")
    assert (resolved.object_id, resolved.sequence) == (exception.id, 2)


def test_ac_065_a_line_that_comes_in_time_needs_nobody(gateway: FakeGateway, settings: Any) -> None:
    settings.RECONCILIATION_DUE_DAYS = 3
    attempt = paid()
    run(DAY)

    upload(charge_row(attempt, created_utc="2026-11-19 08:00:00"))
    run(DAY + timedelta(days=3))

    assert not Discrepancy.objects.exists()


def test_ac_066_a_day_ends_when_it_ends_for_the_gateway(
    gateway: FakeGateway, settings: Any
) -> None:
    settings.RECONCILIATION_TIME_ZONES = {GATEWAY: "Asia/Tokyo"}
    # Half past midnight of the 1st in Tokyo, still November in UTC.
    attempt = paid(now=datetime(2026, 11, 30, 15, 30, tzinfo=UTC))

    upload(charge_row(attempt, created_utc="2026-11-30 15:30:05"))
    before = run(DAY.replace(day=30))
    after = run(DAY.replace(month=12, day=1))

    assert (before.lines, after.lines, after.lines_matched) == (0, 1, 1)
    assert exceptions() == []


def test_ac_067_a_manual_payout_is_checked_against_the_balance(gateway: FakeGateway) -> None:
    upload(charge_row(paid()), payout_row("po_small", 5_000), payout_row("po_large", 5_000))

    run()

    small, large = Settlement.objects.order_by("-reference")
    assert (small.status, small.lines_net) == ("in_transit", None)
    assert large.status == "announced"
    rule = StatementLine.objects.get(object_reference="po_small").rule
    assert rule == "balance"


def test_ac_068_a_payout_that_fails_after_the_bank_showed_it_opens_again(
    gateway: FakeGateway,
) -> None:
    upload(charge_row(paid(), automatic_payout_id="po_1"), payout_row("po_1", 9_680))
    bank_statement("2026-11-18,96.80,EUR,B1,po_1")
    run()
    assert Settlement.objects.get().status == "received"

    upload(
        stripe_row(
            reference="txn_back", category="payout_reversal", source="po_1", gross=9_680,
            changes={"created_utc": "2026-11-20 10:00:00"},
        )
    )  # fmt: skip
    run(DAY + timedelta(days=2))

    assert Settlement.objects.get().status == "failed"
    assert exceptions() == [("payout_failed", None, 9_680)]
    assert posted("gateway_clearing", GATEWAY) == 9_680
    assert StatementLine.objects.get(reference="txn_back").entry_id != ""


def test_the_bank_received_something_else(gateway: FakeGateway) -> None:
    upload(charge_row(paid(), automatic_payout_id="po_1"), payout_row("po_1", 9_680))
    bank_statement("2026-11-18,96.00,EUR,B1,po_1")

    run()

    assert exceptions() == [("bank_mismatch", 9_680, 9_600)]
    assert posted("bank", "main_bank") == 0


def test_a_payout_that_the_bank_does_not_show_in_days_is_missing(gateway: FakeGateway) -> None:
    upload(charge_row(paid(), automatic_payout_id="po_1"), payout_row("po_1", 9_680))

    run(DAY + timedelta(days=4))
    assert exceptions() == []
    run(DAY + timedelta(days=5))

    assert exceptions() == [("bank_missing", 9_680, None)]


def test_a_fee_that_only_the_report_tells_is_booked_once(gateway: FakeGateway) -> None:
    gateway.fee = None
    attempt = paid()
    assert posted("gateway_fees", GATEWAY) == 0

    upload(charge_row(attempt, fee="3.20", net="96.80"))
    assert run().fees_booked == 1
    assert run().fees_booked == 0

    assert posted("gateway_fees", GATEWAY) == 320
    assert posted("gateway_clearing", GATEWAY) == 9_680
    assert exceptions() == []


def test_what_a_person_ignored_stays_closed(gateway: FakeGateway) -> None:
    upload(charge_row(paid(), gross="101.00", net="97.80"))
    run()
    exception = Discrepancy.objects.get()
    resolve_exception(
        scope=SCOPE, exception_id=exception.id, action="ignore", reason="known", origin=FINANCE,
        now=NOON,
    )  # fmt: skip

    result = run()

    assert (result.exceptions_opened, result.exceptions_open) == (0, 0)


def test_lines_of_another_gateway_match_nothing(gateway: FakeGateway) -> None:
    attempt = attempt_of(confirmed_intent(amount=10_000, now=NOON))

    upload(charge_row(attempt), source="stripe_spare")
    run(gateway="stripe_spare")

    assert exceptions(gateway="stripe_spare") == [("missing_in_ledger", None, 9_680)]
