"""The laws hold for raw SQL of the application's own role, not only for the services."""

import json
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from apps.common.ids import first_id, id_at
from apps.ledger.models import JournalEntry, Posting
from tests.ledger.books import GATEWAY, NOW, book_sale, draft, execute, posted
from tests.ledger.intruder import BALANCED, insert, leg

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def accounts() -> None:
    book_sale(1000)
    # The new balances' foreign keys wait for the commit, and TRUNCATE would stumble over them.
    execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_ac_050_raw_sql_may_insert_what_balances() -> None:
    assert insert(*BALANCED) == ""
    assert posted("sales") == 1005


@pytest.mark.parametrize(
    ("legs", "law"),
    [
        ((leg(1, "sales", -5), leg(2, "gateway_clearing", 6)), "ledger_entry_balanced"),
        (
            (leg(1, "sales", -5), leg(2, "gateway_clearing", 5, layer="pending")),
            "ledger_entry_balanced",
        ),
        ((leg(1, "sales", 5),), "ledger_entry_balanced"),
        ((leg(1, "sales", -5), leg(3, "gateway_clearing", 5)), "ledger_entry_complete"),
        ((leg(0, "sales", -5), leg(1, "gateway_clearing", 5)), "ledger_entry_complete"),
        (
            (leg(1, "sales", -5, currency="USD"), leg(2, "gateway_clearing", 5, currency="USD")),
            "ledger_posting_account",
        ),
        ((leg(1, "sales", 0), leg(2, "gateway_clearing", 0)), "ledger_posting_not_zero"),
        ((), "ledger_entry_complete"),
    ],
    ids=["unbalanced", "layers", "one leg", "gap", "zero", "currency", "nothing", "no legs"],
)
def test_ac_050_raw_sql_that_breaks_the_books_is_refused(
    legs: tuple[dict[str, Any], ...], law: str
) -> None:
    assert insert(*legs) == law
    assert posted("sales") == 1000
    assert JournalEntry.objects.count() == 1
    assert Posting.objects.count() == 2


def test_an_entry_takes_accounts_of_its_own_merchant_only() -> None:
    assert insert(*BALANCED, merchant="acct_bob") == "ledger_posting_account"


def test_legs_need_an_entry_and_an_entry_its_key() -> None:
    assert insert(*BALANCED, entry=False) == "ledger_posting_account"
    assert insert(*BALANCED, claim=False) == "ledger_entry_claimed"


def test_legs_cannot_be_added_to_a_booked_entry() -> None:
    entry_id = JournalEntry.objects.get().id

    assert insert(*BALANCED, id=entry_id, entry=False, claim=False).endswith("_pkey")
    more = (leg(3, "sales", -5), leg(4, "gateway_clearing", 5))
    assert insert(*more, id=entry_id, entry=False, claim=False) == "ledger_entry_complete"
    assert posted("sales") == 1000


def test_a_partition_that_is_named_directly_has_the_same_guards() -> None:
    execute(
        "CALL ledger_add_partition('2031_01', %s, %s)",
        [
            first_id("jrn", NOW.replace(year=2031, month=1, day=1)),
            first_id("jrn", NOW.replace(year=2031, month=2, day=1)),
        ],
    )
    then = id_at("jrn", NOW.replace(year=2031, month=1))
    tables = {"entries": "ledger_journalentry_2031_01", "postings": "ledger_posting_2031_01"}

    wrong = (leg(1, "sales", -5), leg(2, "gateway_clearing", 6))
    assert insert(*wrong, id=then, **tables) == "ledger_entry_balanced"
    assert insert(*BALANCED, id=then, claim=False, **tables) == "ledger_entry_claimed"
    assert insert(*BALANCED, id=then, **tables) == ""


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger_posting SET amount = amount * 2",
        "DELETE FROM ledger_posting",
        "TRUNCATE ledger_posting",
        "UPDATE ledger_journalentry SET description = 'x'",
        "DELETE FROM ledger_journalentry",
        "TRUNCATE ledger_journalentry",
        "UPDATE ledger_posting_default SET amount = 1",
        "DELETE FROM ledger_journalentry_default",
        "TRUNCATE ledger_posting_default",
        "UPDATE ledger_entrykey SET source_id = 'x'",
        "DELETE FROM ledger_entrykey",
        "DELETE FROM ledger_seal",
        "DELETE FROM ledger_periodclose",
        "UPDATE ledger_balance SET debit_posted = 0",
        "DELETE FROM ledger_balance",
        "INSERT INTO ledger_balance SELECT account_id, 40, 1, 1, 0, 0, 1 FROM ledger_balance",
        "TRUNCATE ledger_balance",
        "UPDATE ledger_account SET code = 'bank'",
        "UPDATE ledger_account SET merchant_id = 'acct_bob'",
        "DELETE FROM ledger_account",
    ],
)
def test_ac_051_booked_rows_cannot_be_changed_or_taken_away(sql: str) -> None:
    with pytest.raises(IntegrityError, match="is append-only"), transaction.atomic():
        execute(sql)

    assert posted("sales") == 1000
    assert Posting.objects.count() == 2


def test_the_books_are_lost_without_the_guard() -> None:
    """Show that it is the guard which refuses: with it switched off the same SQL passes."""
    wrong = (leg(1, "sales", -5), leg(2, "gateway_clearing", 6))
    assert insert(*wrong) == "ledger_entry_balanced"

    execute("ALTER TABLE ledger_posting DISABLE TRIGGER ledger_guard")

    assert insert(*wrong) == ""


def test_ledger_post_entry_refuses_what_a_draft_would_not_let_through() -> None:
    row = draft(("sales", "", -5), ("gateway_clearing", GATEWAY, 5)).row()
    row["legs"][0]["amount"] = -6

    with pytest.raises(IntegrityError, match="does not balance: -1 EUR"), transaction.atomic():
        execute("SELECT ledger_post_entry(%s::jsonb)", [json.dumps(row)])

    assert JournalEntry.objects.count() == 1
