"""Two merchants on one gateway account: each sees its own lines, and has its part of a payout."""

import pytest

from apps.common.origin import Scope
from apps.ledger.models import Posting
from apps.ledger.verification import verify_books
from apps.payments.models import PaymentAttempt
from apps.payments.services.refunds import request_refund, run_refund
from apps.reconciliation.models import (
    BankLine,
    Discrepancy,
    Settlement,
    StatementFile,
    StatementLine,
    StatementRefusal,
)
from apps.reconciliation.services import resolve_exception
from apps.reconciliation.states import StatementFormat
from apps.reconciliation.tasks import fetch_reports, reconcile_yesterday
from tests.factories.payments import SCOPE, TESTER
from tests.fake_gateway import FakeGateway
from tests.reconciliation.statements import (
    DAY,
    FINANCE,
    GATEWAY,
    NOON,
    Row,
    charge_row,
    csv_of,
    paid,
    payout_row,
    refund_row,
    run,
    stripe_row,
    upload,
)
from tests.reconciliation.test_tasks import TOMORROW

pytestmark = pytest.mark.django_db

ADA, ZOE = SCOPE, Scope("mer_zoe", livemode=False)
IN_PAYOUT = {"automatic_payout_id": "po_1"}
BANK = "main_bank"


def exceptions(scope: Scope) -> list[tuple[str, int | None, int | None]]:
    rows = Discrepancy.objects.filter(merchant_id=scope.merchant_id, status="open")
    return [(row.kind, row.ledger_amount, row.statement_amount) for row in rows.order_by("kind")]


def posted(scope: Scope, code: str, owner: str) -> int:
    legs = Posting.objects.filter(
        account__merchant_id=scope.merchant_id,
        account__code=code,
        account__owner=owner,
        layer="posted",
    )
    return sum(legs.values_list("amount", flat=True))


def references(scope: Scope) -> list[str]:
    lines = StatementLine.objects.filter(merchant_id=scope.merchant_id)
    return sorted(lines.values_list("reference", flat=True))


def payout(scope: Scope) -> tuple[str, int, int, int | None]:
    row = Settlement.objects.get(merchant_id=scope.merchant_id)
    return (str(row.status), row.amount, row.others_amount, row.bank_amount)


def take_for_both(*rows: Row) -> None:
    for scope in (ADA, ZOE):
        upload(*rows, scope=scope)


def bank_statement(amount: str) -> None:
    """Take the bank's statement in, once: there is one bank account."""
    text = f"booking_date,amount,currency,reference,description\n{DAY},{amount},EUR,B1,po_1\n"
    upload(content=text.encode(), format=StatementFormat.BANK_CSV, source=BANK)


def compare_both() -> None:
    for scope in (ADA, ZOE):
        run(scope=scope)


@pytest.fixture
def both(gateway: FakeGateway) -> tuple[PaymentAttempt, PaymentAttempt]:
    """Return a payment of each; Ada keeps the account."""
    return paid(), paid(5_000, scope=ZOE)


def test_each_merchant_sees_its_own_lines_and_the_keeper_those_of_nobody(
    both: tuple[PaymentAttempt, PaymentAttempt],
) -> None:
    ada, zoe = both
    stranger = stripe_row(reference="txn_x", category="charge", source="ch_x", gross=700, fee=50)
    take_for_both(charge_row(ada), charge_row(zoe), stranger, charge_row(zoe, gross="n/a"))
    compare_both()

    assert references(ADA) == sorted([f"txn_{ada.id}", "txn_x"])
    assert references(ZOE) == [f"txn_{zoe.id}"]
    files = StatementFile.objects.order_by("merchant_id")
    assert [(file.lines_new, file.lines_elsewhere, file.lines_refused) for file in files] == [
        (2, 1, 1),
        (1, 2, 0),
    ]
    refusal = StatementRefusal.objects.get()
    assert refusal.file.merchant_id == ADA.merchant_id
    assert exceptions(ADA) == [("missing_in_ledger", None, 650)]
    assert exceptions(ZOE) == []


def test_a_line_that_only_the_payment_tells_apart_is_that_merchants(
    both: tuple[PaymentAttempt, PaymentAttempt],
) -> None:
    ada, zoe = both
    by_hand = stripe_row(
        reference="txn_dashboard", category="refund", source="re_dashboard", gross=-1_000,
        changes={"payment_intent_id": zoe.gateway_reference},
    )  # fmt: skip
    without_ours = charge_row(zoe) | {"payment_metadata[attempt]": ""}
    take_for_both(charge_row(ada), without_ours, by_hand)
    compare_both()

    assert references(ZOE) == sorted([f"txn_{zoe.id}", "txn_dashboard"])
    assert exceptions(ADA) == []
    assert exceptions(ZOE) == [("missing_in_ledger", None, -1_000)]


def test_a_joint_payout_is_divided_by_whose_lines_are_in_it(
    both: tuple[PaymentAttempt, PaymentAttempt],
) -> None:
    ada, zoe = both
    # 100.00 and 50.00, of each of which 3.20 is kept.
    total = 9_680 + 4_680
    take_for_both(
        charge_row(ada, **IN_PAYOUT), charge_row(zoe, **IN_PAYOUT), payout_row("po_1", total)
    )
    bank_statement("143.60")
    compare_both()
    again = [run(scope=scope) for scope in (ADA, ZOE)]

    assert [(each.lines, each.lines_matched, each.exceptions_opened) for each in again] == [
        (2, 2, 0),
        (2, 2, 0),
    ]
    assert payout(ADA) == ("received", 9_680, 4_680, 9_680)
    assert payout(ZOE) == ("received", 4_680, 9_680, 4_680)
    for scope, net in ((ADA, 9_680), (ZOE, 4_680)):
        assert posted(scope, "gateway_clearing", GATEWAY) == 0
        assert posted(scope, "settlements_in_transit", GATEWAY) == 0
        assert posted(scope, "bank", BANK) == net
        assert exceptions(scope) == []
    assert list(verify_books()) == []


def test_what_is_wrong_about_a_joint_payout_is_its_leaders_and_the_others_follow(
    both: tuple[PaymentAttempt, PaymentAttempt],
) -> None:
    ada, zoe = both
    take_for_both(
        charge_row(ada, **IN_PAYOUT),
        charge_row(zoe, **IN_PAYOUT),
        payout_row("po_1", 9_680 + 4_680 + 100),
    )
    bank_statement("144.00")
    compare_both()
    assert exceptions(ADA) == [("payout_mismatch", 9_680, 9_780)]
    assert payout(ZOE)[0] == "announced"
    assert exceptions(ZOE) == []

    correct(Discrepancy.objects.get(kind="payout_mismatch"))
    compare_both()
    assert payout(ZOE)[0] == "in_transit"
    assert exceptions(ADA) == [("bank_mismatch", 9_780, 9_720)]
    correct(Discrepancy.objects.get(kind="bank_mismatch"))
    compare_both()

    assert payout(ADA) == ("received", 9_780, 4_680, 9_720)
    assert payout(ZOE) == ("received", 4_680, 9_780, 4_680)
    assert posted(ADA, "bank", BANK) + posted(ZOE, "bank", BANK) == 14_400
    assert posted(ZOE, "gateway_clearing", GATEWAY) == 0
    assert not Discrepancy.objects.filter(merchant_id=ZOE.merchant_id).exists()


def correct(row: Discrepancy) -> None:
    resolve_exception(
        scope=row.scope, exception_id=row.id, action="correct", reason="As announced.",
        origin=FINANCE, now=NOON,
    )  # fmt: skip


def test_a_payout_with_nothing_of_the_keepers_in_it_is_the_other_ones(
    both: tuple[PaymentAttempt, PaymentAttempt],
) -> None:
    ada, zoe = both
    rows = [charge_row(ada), charge_row(zoe, **IN_PAYOUT), payout_row("po_1", 4_680)]
    # Ada's run comes before anybody has taken in Zoe's lines.
    upload(*rows, scope=ADA)
    run(scope=ADA)
    assert payout(ADA)[0] == "announced"
    upload(*rows, scope=ZOE)
    bank_statement("46.80")
    compare_both()

    assert not Settlement.objects.filter(merchant_id=ADA.merchant_id).exists()
    assert payout(ZOE) == ("received", 4_680, 0, 4_680)
    assert BankLine.objects.get().settlement_id is not None
    assert exceptions(ADA) == []


def test_refunds_of_one_that_the_others_money_paid_for_are_its_debt(
    both: tuple[PaymentAttempt, PaymentAttempt],
) -> None:
    ada, zoe = both
    asked = request_refund(
        scope=ZOE, intent_id=zoe.intent_id, amount=2_000, origin=TESTER, now=NOON
    )
    refund = run_refund(refund_id=asked.id, origin=TESTER, now=NOON)
    take_for_both(
        charge_row(ada, **IN_PAYOUT), charge_row(zoe), refund_row(refund, **IN_PAYOUT),
        payout_row("po_1", 9_680 - 2_000),
    )  # fmt: skip
    bank_statement("76.80")
    compare_both()

    assert payout(ADA) == ("received", 9_680, -2_000, 9_680)
    assert payout(ZOE) == ("received", -2_000, 9_680, -2_000)
    assert posted(ZOE, "gateway_clearing", GATEWAY) == 4_680
    assert (posted(ADA, "bank", BANK), posted(ZOE, "bank", BANK)) == (9_680, -2_000)


def test_ac_068_a_joint_payout_that_came_back_is_taken_back_from_each(
    both: tuple[PaymentAttempt, PaymentAttempt],
) -> None:
    ada, zoe = both
    total = 9_680 + 4_680
    take_for_both(
        charge_row(ada, **IN_PAYOUT), charge_row(zoe, **IN_PAYOUT), payout_row("po_1", total)
    )
    compare_both()
    compare_both()
    assert (payout(ADA)[0], payout(ZOE)[0]) == ("in_transit", "in_transit")

    again = {"automatic_payout_id": "po_2", "created_utc": f"{DAY} 19:00:00"}
    take_for_both(
        stripe_row(
            reference="txn_back", category="payout_reversal", source="po_1", gross=total,
            changes=again,
        ),
        payout_row("po_2", total, created_utc=f"{DAY} 20:00:00"),
    )  # fmt: skip
    compare_both()
    compare_both()

    assert exceptions(ADA) == [("payout_failed", None, 9_680)]
    assert exceptions(ZOE) == []
    parts = Settlement.objects.order_by("merchant_id", "reference")
    assert [(str(row.status), row.amount) for row in parts] == [
        ("failed", 9_680),
        ("in_transit", 9_680),
        ("failed", 4_680),
        ("in_transit", 4_680),
    ]
    for scope, net in ((ADA, 9_680), (ZOE, 4_680)):
        assert posted(scope, "gateway_clearing", GATEWAY) == 0
        assert posted(scope, "settlements_in_transit", GATEWAY) == net


def test_ac_067_a_manual_payout_is_the_keepers_when_everybodys_report_is_there(
    both: tuple[PaymentAttempt, PaymentAttempt],
) -> None:
    ada, zoe = both
    rows = [charge_row(ada), charge_row(zoe), payout_row("po_1", 12_000)]
    upload(*rows, scope=ADA)
    run(scope=ADA)
    assert payout(ADA)[0] == "announced"

    upload(*rows, scope=ZOE)
    compare_both()

    # More than was Ada's alone, and no more than both had.
    assert payout(ADA) == ("in_transit", 12_000, 0, None)
    assert not Settlement.objects.filter(merchant_id=ZOE.merchant_id).exists()


def test_the_night_fetches_the_report_for_each_of_them(
    gateway: FakeGateway, both: tuple[PaymentAttempt, PaymentAttempt]
) -> None:
    ada, zoe = both
    gateway.reports[DAY] = csv_of(
        [
            charge_row(ada, **IN_PAYOUT),
            charge_row(zoe, **IN_PAYOUT),
            payout_row("po_1", 9_680 + 4_680),
        ]
    )

    assert fetch_reports(now=TOMORROW) == 2
    assert reconcile_yesterday(now=TOMORROW) == 2

    assert (payout(ADA)[0], payout(ZOE)[0]) == ("in_transit", "in_transit")
    assert (exceptions(ADA), exceptions(ZOE)) == ([], [])
