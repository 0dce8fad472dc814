"""Raw SQL of the application's own role, which does not own the tables, cannot bend the books."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, ProgrammingError, transaction

from apps.common.ids import first_id, id_at
from apps.common.origin import Origin
from apps.ledger.partitions import add_partitions
from apps.ledger.policies import Rate
from apps.ledger.selectors import get_wallet
from apps.ledger.services import close_period, post_entry, seal_entries, take_snapshots
from apps.ledger.services.rates import keep_rates
from apps.ledger.verification import verify_books
from tests.ledger.books import (
    NOW,
    SCOPE,
    SELLER,
    book_sale,
    draft,
    execute,
    fill_wallet,
    posted,
)
from tests.ledger.intruder import BALANCED, insert, leg

pytestmark = pytest.mark.django_db

# Every guarded table of the ledger, with a column that nobody may change.
GUARDED = {
    "ledger_account": "code",
    "ledger_balance": "debit_posted",
    "ledger_balancesnapshot": "debit_posted",
    "ledger_entrykey": "source_id",
    "ledger_exchangerate": "value",
    "ledger_journalentry": "description",
    "ledger_journalentry_2031_01": "description",
    "ledger_journalentry_default": "description",
    "ledger_periodclose": "closed_through",
    "ledger_posting": "amount",
    "ledger_posting_2031_01": "amount",
    "ledger_posting_default": "amount",
    "ledger_seal": "hash",
    "ledger_snapshotcut": "taken_at",
}
MIDNIGHT = NOW.replace(hour=0)
MONTH = re.compile(r"_\d{4}_\d{2}$")


@pytest.fixture(autouse=True)
def application() -> None:
    """
    Book something in every table, then become a role that has the application's rights only.

    `pg_database_owner` is a role that each owner of a database may become, in every cluster. It
    owns nothing but the schema, which goes to the owner proper first.
    """
    book_sale(1000, at=NOW - timedelta(days=1))
    fill_wallet(500)
    january = NOW.replace(year=2031, month=1, day=1)
    execute(
        "CALL ledger_add_partition('2031_01', %s, %s)",
        [first_id("jrn", january), first_id("jrn", january.replace(month=2))],
    )
    keep_rates([Rate(base="EUR", quote="USD", value=Decimal("1.08"), source="ecb", as_of=NOW)])
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute(
        "DO $$ BEGIN EXECUTE format('ALTER SCHEMA %I OWNER TO %I', current_schema(),"
        " current_user); END $$"
    )
    call_command("grant_application", "pg_database_owner", verbosity=0)
    execute("SET LOCAL ROLE pg_database_owner")


def contents() -> list[Any]:
    """Return all rows of all guarded tables."""
    return [sorted(map(str, execute(f"SELECT * FROM {table}"))) for table in GUARDED]  # noqa: S608


def refusal(sql: str) -> Exception:
    """Run the SQL, which must be refused and change nothing; return the refusal."""
    before = contents()
    with pytest.raises((IntegrityError, ProgrammingError)) as caught, transaction.atomic():
        execute(sql)
    assert contents() == before
    return caught.value


def test_every_guarded_table_is_tried() -> None:
    guarded = execute(
        "SELECT DISTINCT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
        " WHERE relname LIKE 'ledger%' AND NOT tgisinternal"
    )

    assert {MONTH.sub("", name) for (name,) in guarded} == {MONTH.sub("", name) for name in GUARDED}


def test_ac_051_the_role_can_do_the_platforms_daily_work() -> None:
    post_entry(draft(("sales", "", -5), ("gateway_clearing", "stripe_main", 5)))

    assert seal_entries(now=NOW) is not None
    assert take_snapshots(before=MIDNIGHT, now=NOW) == 2
    close_period(
        scope=SCOPE, through=NOW.date() - timedelta(days=2), origin=Origin(actor="clock"), now=NOW
    )
    assert len(add_partitions(now=NOW.replace(year=2033))) == 4
    assert posted("sales") == 1005
    assert list(verify_books()) == []


@pytest.mark.parametrize("table", GUARDED)
@pytest.mark.parametrize(
    "sql",
    ["UPDATE {table} SET {column} = {column}", "DELETE FROM {table}"],
    ids=["update", "delete"],
)
def test_ac_051_rows_stay_as_they_are(sql: str, table: str) -> None:
    refused = refusal(sql.format(table=table, column=GUARDED[table]))

    refusals = ("is append-only", f"permission denied for table {table}")
    assert any(text in str(refused) for text in refusals)


@pytest.mark.parametrize("table", GUARDED)
@pytest.mark.parametrize(
    "sql",
    [
        "TRUNCATE {table} CASCADE",
        "ALTER TABLE {table} DISABLE TRIGGER ALL",
        "ALTER TABLE {table} DISABLE TRIGGER USER",
        "DROP TABLE {table} CASCADE",
        "CREATE RULE shield AS ON UPDATE TO {table} DO INSTEAD NOTHING",
    ],
    ids=["truncate", "disable all", "disable user", "drop", "rule"],
)
def test_ac_051_guards_stay_on(sql: str, table: str) -> None:
    refused = refusal(sql.format(table=table))

    assert str(refused).startswith(("permission denied for table", "must be owner of"))


def test_ac_051_no_guard_can_be_dropped() -> None:
    guards = execute(
        "SELECT tgname, tgrelid::regclass::text FROM pg_trigger JOIN pg_class ON"
        " pg_class.oid = tgrelid WHERE relname LIKE 'ledger%' AND NOT tgisinternal"
    )

    for guard, table in guards:
        assert "must be owner of" in str(refusal(f"DROP TRIGGER {guard} ON {table}"))
    assert len(guards) >= len(GUARDED)


@pytest.mark.parametrize(
    "sql",
    [
        "SET session_replication_role = replica",
        "ALTER FUNCTION refuse_change() RENAME TO refuse_nothing",
        "DROP FUNCTION ledger_guard_postings() CASCADE",
        "ALTER TABLE ledger_posting DROP CONSTRAINT ledger_posting_not_zero",
        "ALTER TABLE ledger_posting DETACH PARTITION ledger_posting_default",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NULL; END'",
    ],
)
def test_ac_051_no_way_leads_around_the_guards(sql: str) -> None:
    refused = str(refusal(sql))

    assert refused.startswith(("permission denied", "must be owner of"))


@pytest.mark.parametrize(("part", "year"), [("", 2026), ("_2031_01", 2031), ("_default", 2040)])
def test_ac_050_legs_that_do_not_balance_are_refused(part: str, year: int) -> None:
    then = id_at("jrn", NOW.replace(year=year, month=1))
    tables = {"entries": f"ledger_journalentry{part}", "postings": f"ledger_posting{part}"}
    wrong = (leg(1, "sales", -5), leg(2, "gateway_clearing", 6))
    before = contents()

    assert insert(*wrong, id=then, **tables) == "ledger_entry_balanced"

    assert contents() == before
    assert insert(*BALANCED, id=then, **tables) == ""


def test_a_trigger_of_the_intruders_own_writes_no_balance() -> None:
    """The guard of the balances lets triggers through; the right to write them does not."""
    execute("CREATE TEMPORARY TABLE lever (id int)")
    execute(
        "CREATE FUNCTION pg_temp.enrich() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN UPDATE ledger_balance SET credit_posted = credit_posted + 1; RETURN NEW; END'"
    )
    execute(
        "CREATE TRIGGER enrich BEFORE INSERT ON lever FOR EACH ROW"
        " EXECUTE FUNCTION pg_temp.enrich()"
    )

    refused = refusal("INSERT INTO lever VALUES (1)")

    assert str(refused).startswith("permission denied for table ledger_balance")


def test_a_temporary_table_with_the_name_of_a_real_one_does_not_lift_the_floor() -> None:
    execute("CREATE TEMPORARY TABLE ledger_account ON COMMIT DROP AS TABLE ledger_account")
    execute("UPDATE pg_temp.ledger_account SET floor = NULL")

    overdraft = (leg(1, "seller_payable", 501), leg(2, "gateway_clearing", -501))

    assert insert(*overdraft) == "ledger_account_floor"
    execute("DROP TABLE pg_temp.ledger_account")
    wallet = get_wallet(scope=SCOPE, seller_id=SELLER, currency="EUR")
    assert wallet.available == 500
