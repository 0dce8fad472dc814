"""Finance in the back-office: what is planted is fixed by dialogs, until the books agree."""

import uuid
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from apps.api.models import Merchant
from apps.backoffice.models import Approval, StaffAction
from apps.backoffice.services import setup_roles
from apps.ledger import chart
from apps.ledger.models import PeriodClose
from apps.ledger.selectors import balance_of, list_trial_balance
from apps.reconciliation.admin import filters
from apps.reconciliation.admin.drawings import draw_matched, draw_payout, list_ages
from apps.reconciliation.errors import MonthNotReady
from apps.reconciliation.models import (
    Discrepancy,
    ReconciliationRun,
    Settlement,
    StatementFile,
)
from apps.reconciliation.selectors import list_payout_parts, sum_booked
from apps.reconciliation.services import close_month, resolve_exception
from tests.backoffice.conftest import Enter, enter  # noqa: F401 - the fixture
from tests.factories.backoffice import staff
from tests.factories.payments import SCOPE
from tests.fake_gateway import FakeGateway
from tests.reconciliation.statements import (
    DAY,
    FINANCE,
    GATEWAY,
    NOON,
    charge_row,
    csv_of,
    paid,
    payout_row,
    run,
    stripe_row,
    upload,
)

pytestmark = pytest.mark.django_db

# A few weeks after the day that is compared.
LAST_MONTH, END_OF_LAST_MONTH = date(2026, 10, 5), date(2026, 10, 31)
LATER = datetime(2026, 12, 3, 12, tzinfo=UTC)


@pytest.fixture
def finance(gateway: FakeGateway, enter: Enter) -> Client:  # noqa: F811
    setup_roles()
    Merchant.objects.create(id=SCOPE.merchant_id, name="Ada's books", created_at=NOON)
    return enter(staff(email="lee@shop.example", role="finance_lead"))


def send(client: Client, model: str, dialog: str, row: Any = None, **answers: Any) -> Any:
    """Open a dialog and send it, as the browser does."""
    name = f"admin:reconciliation_{model}_{'dialog' if row else 'list_dialog'}"
    url = reverse(name, args=[row.pk, dialog] if row else [dialog])
    return client.post(url, {"nonce": str(uuid.uuid4()), **answers}, follow=True)


def plant() -> None:
    """Compare a day with a stranger, a wrong amount, a wrong fee and a row that came twice."""
    right, more, fee = paid(), paid(), paid()
    row = charge_row(right)
    stranger = stripe_row(reference="txn_x", category="charge", source="ch_x", gross=1000, fee=59)
    upload(
        row,
        row,
        charge_row(more, gross="101.00", net="97.80"),
        charge_row(fee, fee="3.21", net="96.79"),
        stranger,
    )
    run()


def clearing() -> int:
    return balance_of(
        scope=SCOPE, code=chart.GATEWAY_CLEARING, currency="EUR", owner=GATEWAY
    ).posted


def test_planted_differences_are_fixed_on_the_screens_and_the_books_agree(
    finance: Client,
) -> None:
    plant()
    kinds = ["amount_over", "duplicate_line", "fee_mismatch", "missing_in_ledger"]
    assert sorted(Discrepancy.objects.values_list("kind", flat=True)) == kinds

    for row in Discrepancy.objects.exclude(kind="duplicate_line"):
        page = send(finance, "discrepancy", "correct", row, reason="As the gateway has it.")
        assert "is resolved." in page.content.decode()
    page = send(
        finance, "discrepancy", "ignore", Discrepancy.objects.get(kind="duplicate_line"),
        reason="It moved nothing.",
    )  # fmt: skip
    assert "is ignored." in page.content.decode()

    again = run()
    assert (again.exceptions_opened, again.exceptions_open, again.difference) == (0, 0, {})
    assert clearing() == 9_680 + 9_780 + 9_679 + 941
    assert sum(line.debit - line.credit for line in list_trial_balance(scope=SCOPE)) == 0


def test_a_correction_shows_its_journal_before_it_is_booked(finance: Client) -> None:
    plant()
    row = Discrepancy.objects.get(kind="amount_over")
    before = clearing()

    page = finance.get(
        reverse("admin:reconciliation_discrepancy_dialog", args=[row.pk, "correct"])
    ).content.decode()

    assert f"Debit gateway clearing of {GATEWAY}" in page
    assert "Credit suspense" in page
    assert "1.00\xa0EUR" in page
    assert clearing() == before


def test_ac_069_a_correction_above_the_limit_waits_for_a_second_person(finance: Client) -> None:
    upload(stripe_row(reference="txn_x", category="charge", source="ch_x", gross=50_000, fee=0))
    run()
    row = Discrepancy.objects.get()

    page = send(finance, "discrepancy", "write-off", row, reason="Nobody knows it.")

    assert "a second person has to approve it" in page.content.decode()
    assert Discrepancy.objects.get().status == "open"
    assert Approval.objects.get().subject_id == row.id
    assert clearing() == 0


def test_an_exception_is_assigned_and_several_are_ignored_at_once(finance: Client) -> None:
    plant()
    first, second = Discrepancy.objects.order_by("pk")[:2]

    send(finance, "discrepancy", "assign", first)
    page = send(
        finance, "discrepancy", "ignore-several",
        cases=f"{first.id}\n{second.id}", reason="Timing only.",
    )  # fmt: skip

    assert "2 exceptions are ignored." in page.content.decode()
    ended = Discrepancy.objects.filter(status="ignored").order_by("pk")
    assert [row.id for row in ended] == [first.id, second.id]
    assert str(ended[0].assignee) == "lee@shop.example"


def test_a_broken_file_says_which_rows_it_was_refused_for(finance: Client) -> None:
    good, bad = charge_row(paid()), charge_row(paid(), gross="n/a")

    page = send(
        finance, "statementfile", "upload-statement",
        merchant=SCOPE.merchant_id, format="stripe", source=GATEWAY,
        file=SimpleUploadedFile("november.csv", csv_of([good, bad])),
    ).content.decode()  # fmt: skip

    assert "1 lines are new, 0 were known, 0 came twice, 1 could not be read" in page
    file = StatementFile.objects.get()
    assert (file.lines_new, file.lines_refused) == (1, 1)
    assert file.refusals.get().number == 3
    shown = finance.get(reverse("admin:reconciliation_statementfile_change", args=[file.pk]))
    assert file.sha256 in shown.content.decode()
    assert "is no amount" in shown.content.decode()


def test_a_statement_is_fetched_as_it_came_and_that_is_written_down(finance: Client) -> None:
    rows = csv_of([stripe_row(reference="t", category="charge", source="ch_x", gross=700)])
    file = upload(content=rows, name="november.csv")

    answer = send(finance, "statementfile", "download-statement", file)

    assert b"".join(answer.streaming_content) == rows
    assert 'filename="november.csv"' in answer["Content-Disposition"]
    deed = StaffAction.objects.latest("pk")
    assert (deed.action, deed.succeeded) == ("statementfile.download-statement", True)


def test_a_report_of_an_account_that_is_not_ours_is_refused(finance: Client) -> None:
    page = send(
        finance, "statementfile", "upload-statement",
        merchant=SCOPE.merchant_id, format="stripe", source="stripe_other",
        file=SimpleUploadedFile("november.csv", csv_of([])),
    )  # fmt: skip

    assert page.status_code == 422
    assert f"is of one of: {GATEWAY}." in page.content.decode()
    assert not StatementFile.objects.exists()


def test_ac_069_a_payouts_page_shows_ledger_gateway_and_bank_side_by_side(
    finance: Client,
) -> None:
    attempt = paid()
    upload(charge_row(attempt, automatic_payout_id="po_1234567"), payout_row("po_1234567", 9_680))
    run()

    page = finance.get(
        reverse("admin:reconciliation_settlement_change", args=[Settlement.objects.get().pk])
    ).content.decode()

    assert page.count("To the cent") == 3
    assert "Not known" in page
    assert "What the entries of its lines moved" in page


def test_a_correction_counts_on_the_page_of_its_payout(gateway: FakeGateway) -> None:
    named = {"automatic_payout_id": "po_1234567"}
    stranger = stripe_row(
        reference="txn_x", category="charge", source="ch_x", gross=1000, fee=59, changes=named
    )
    upload(charge_row(paid(), gross="101.00", net="97.80", **named), stranger)
    upload(payout_row("po_1234567", 9_780 + 941))
    run()
    settlement = Settlement.objects.get()
    before = list_payout_parts(settlement)

    for row in Discrepancy.objects.all():
        resolve_exception(
            scope=SCOPE, exception_id=row.id, action="correct", reason="So it is.",
            origin=FINANCE, now=NOON,
        )  # fmt: skip

    (after,) = list_payout_parts(settlement)
    assert sum_booked(SCOPE, [settlement.pk]) == {settlement.pk: after.booked}
    assert [(part.net, part.booked) for part in before] == [(10_721, 9_680)]
    assert (after.lines, after.net, after.booked, after.difference) == (2, 10_721, 10_721, 0)


def test_a_month_is_closed_once_nothing_of_it_is_open(finance: Client) -> None:
    stranger = stripe_row(
        reference="txn_x", category="charge", source="ch_x", gross=1000,
        changes={"created_utc": f"{LAST_MONTH} 12:00:00"},
    )  # fmt: skip
    upload(stranger)
    for day in (LAST_MONTH, END_OF_LAST_MONTH):
        run(day=day)
    month = {"merchant": SCOPE.merchant_id, "month": f"{LAST_MONTH:%Y-%m}"}

    refused = send(finance, "reconciliationrun", "close-month", **month)
    send(finance, "discrepancy", "ignore", Discrepancy.objects.get(), reason="Not ours.")
    closed = send(finance, "reconciliationrun", "close-month", **month)

    reason = "2026-10 cannot be closed: 1 exceptions of its days are open."
    assert reason in refused.content.decode()
    assert "The books are closed up to 2026-10-31." in closed.content.decode()
    assert PeriodClose.objects.get().closed_through == END_OF_LAST_MONTH


def test_a_month_with_a_day_that_nobody_compared_stays_open(gateway: FakeGateway) -> None:
    upload(charge_row(paid()))

    with pytest.raises(MonthNotReady) as refusal:
        close_month(scope=SCOPE, month=DAY, origin=FINANCE, now=LATER)

    assert refusal.value.context["reason"] == f"nobody compared {GATEWAY} on {DAY}"
    assert not PeriodClose.objects.exists()


def test_several_are_handed_to_one_person_and_corrected_at_once(finance: Client) -> None:
    plant()
    clerk = staff(email="kim@shop.example", role="finance")
    wanted = Discrepancy.objects.filter(kind__in=["amount_over", "fee_mismatch"])
    picks = "\n".join(wanted.values_list("pk", flat=True))

    page = send(finance, "discrepancy", "bulk-assign", cases=picks, person=clerk.pk)
    assert "Assigned to kim@shop.example: 2." in page.content.decode()
    assert {str(row.assignee) for row in wanted} == {"kim@shop.example"}
    before = clearing()
    page = send(
        finance, "discrepancy", "correct-several", cases=picks, reason="As the gateway has it."
    )

    assert "2 exceptions are corrected" in page.content.decode()
    assert set(wanted.values_list("status", flat=True)) == {"resolved"}
    assert clearing() == before + 100 - 1


def test_what_has_ended_is_handed_to_nobody_and_neither_is_the_rest(finance: Client) -> None:
    plant()
    clerk = staff(email="kim@shop.example", role="finance")
    first, second = Discrepancy.objects.order_by("pk")[:2]
    send(finance, "discrepancy", "ignore", second, reason="Timing only.")

    page = send(
        finance, "discrepancy", "bulk-assign", cases=f"{first.id} {second.id}", person=clerk.pk
    )

    assert page.status_code == 422
    assert f"{second.id} is ignored" in page.content.decode()
    assert not Discrepancy.objects.filter(assignee=clerk).exists()


def ages(days_later: int) -> list[str]:
    """Return the counts above the queue so many days later, without their colours."""
    (row,) = list_ages(DAY + timedelta(days=days_later)).rows
    return [strip_tags(str(count)) for count in row]


def test_ages_of_what_is_open_stand_above_the_list(finance: Client) -> None:
    plant()

    assert [ages(days) for days in (0, 2, 7, 8, 31)] == [
        ["4", "0", "0", "0", "0"],
        ["0", "4", "0", "0", "0"],
        ["0", "0", "4", "0", "0"],
        ["0", "0", "0", "4", "0"],
        ["0", "0", "0", "0", "4"],
    ]
    shown = finance.get(reverse("admin:reconciliation_discrepancy_changelist"))
    assert "Age of what is open" in shown.content.decode()


def test_exceptions_are_found_by_age_and_by_how_much_the_sides_differ(
    finance: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant()
    url = reverse("admin:reconciliation_discrepancy_changelist")
    over = Discrepancy.objects.get(kind="amount_over")

    def ids(days_later: int = 0, **query: str) -> list[str]:
        then = SimpleNamespace(now=lambda: NOON + timedelta(days=days_later))
        monkeypatch.setattr(filters, "timezone", then)
        return [row.pk for row in finance.get(url, query).context["cl"].result_list]

    assert [len(ids(days, age="4")) for days in (3, 4, 7, 8)] == [0, 4, 4, 0]
    assert [len(ids(days, age="0")) for days in (0, 1, 2)] == [4, 4, 0]
    assert [len(ids(days, age="31")) for days in (30, 31, 400)] == [0, 4, 4]
    assert len(ids(400, age="nonsense")) == 4
    assert ids(amount_from="1.00", amount_to="1.00") == [over.pk]
    assert ids(amount_from="1000") == []
    (row,) = list_ages(DAY + timedelta(days=4)).rows
    assert f'href="{url}?status__exact=open&amp;age=4"' in row[2]


def test_a_day_whose_report_was_missing_is_found_and_compared_again(finance: Client) -> None:
    upload(charge_row(paid()))
    late = run()
    ReconciliationRun.objects.filter(pk=late.pk).update(report="waiting")
    run()
    url = reverse("admin:reconciliation_reconciliationrun_changelist")

    found = finance.get(url, {"report__exact": "waiting"})
    page = send(finance, "reconciliationrun", "run-again", late)

    assert [row.pk for row in found.context["cl"].result_list] == [late.pk]
    assert "Not there yet" in found.content.decode()
    assert "1 of 1 lines agree; 0 exceptions opened, 0 closed, 0 open." in page.content.decode()
    again = ReconciliationRun.objects.latest("pk")
    assert (again.day, again.gateway, again.actor) == (DAY, GATEWAY, "staff:lee@shop.example")


def test_the_share_of_lines_that_agree_is_that_of_the_last_run(finance: Client) -> None:
    plant()
    for row in Discrepancy.objects.filter(kind="amount_over"):
        send(finance, "discrepancy", "correct", row, reason="As the gateway has it.")
    run()

    (bar,) = draw_matched().bars

    # Five lines of the day: the stranger, the one that came twice, and a wrong amount and fee.
    assert (bar.label, bar.text) == ("2026-11-18", "20.0 %: 1 of 5")
    shown = finance.get(reverse("admin:reconciliation_reconciliationrun_changelist"))
    assert "Lines that agree, per day" in shown.content.decode()


def test_a_payouts_page_draws_the_way_from_gross_to_net(finance: Client) -> None:
    at = {"automatic_payout_id": "po_1"}
    refund = stripe_row(reference="txn_r", category="refund", source="re_1", gross=-500, changes=at)
    upload(charge_row(paid(), **at), refund, payout_row("po_1", 9_180))
    run()
    row = Settlement.objects.get()

    drawn = draw_payout(row, list_payout_parts(row))

    assert [(step.label, step.amount) for step in drawn.steps] == [
        ("Charges", 10_000),
        ("Refunds", -500),
        ("Fees", -320),
    ]
    assert (drawn.total.label, drawn.total.amount) == ("Net", 9_180)
    # 118 units high; what is taken away hangs where the sum stood before.
    spans = [(shape["y"], shape["height"]) for shape in drawn.shapes]
    assert spans == [(0, 118), (0, 5), (5, 4), (9, 109)]
    shown = finance.get(reverse("admin:reconciliation_settlement_change", args=[row.pk]))
    assert "From gross to net" in shown.content.decode()
