"""Whoever changes the books behind the guards' back is found, and the row is named."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.ledger import recipes
from apps.ledger.models import JournalEntry, Seal, UnsealedEntry
from apps.ledger.services import post_entry, seal_entries, take_snapshots
from apps.ledger.verification import Finding, verify_books
from tests.ledger.books import NOW, SELLER, book_sale, execute, fact, fill_wallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry_ids() -> list[str]:
    """Return five booked entries: the first four sealed two by two."""
    ids = []
    for amount in (100, 200, 300, 400, 500):
        sale = fact(amount, at=NOW + timedelta(seconds=amount))
        ids.append(post_entry(recipes.captured(sale, fee=5, release=amount)))
        if len(ids) in (2, 4):
            seal_entries(now=NOW)
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    return ids


@contextmanager
def guards_off(*tables: str) -> Iterator[None]:
    """Act as somebody who owns the tables: switch the guards off, and on again."""
    for table in tables:
        execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield
    for table in tables:
        execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def findings(window: int = 2) -> list[Finding]:
    return list(verify_books(window=window))


def checks(found: list[Finding], row: str) -> list[str]:
    return [finding.check for finding in found if finding.row == row]


@pytest.mark.usefixtures("entry_ids")
def test_true_books_have_no_findings() -> None:
    fill_wallet(500)
    post_entry(recipes.payout_held(fact(100), seller_id=SELLER))
    post_entry(recipes.authorised(fact(70, currency="JPY")))

    for window in (1, 2, 1000):
        assert findings(window) == []


def test_empty_books_are_true() -> None:
    assert findings() == []


def test_ac_050_a_changed_amount_is_found_by_every_check_that_covers_it(
    entry_ids: list[str],
) -> None:
    with guards_off("ledger_posting"):
        execute(
            "UPDATE ledger_posting SET amount = amount + 1 WHERE entry_id = %s AND leg = 1",
            [entry_ids[2]],
        )

    found = findings()

    assert checks(found, entry_ids[2]) == ["balance", "digests"]
    assert [finding.check for finding in found] == ["balance", "digests", "cached balances"]


def test_a_balanced_change_is_found_by_the_digest(entry_ids: list[str]) -> None:
    with guards_off("ledger_posting"):
        execute("UPDATE ledger_posting SET amount = amount * 2 WHERE entry_id = %s", [entry_ids[4]])

    assert checks(findings(), entry_ids[4]) == ["digests"]


def test_a_change_with_its_digest_forged_is_found_by_the_seal(entry_ids: list[str]) -> None:
    with guards_off("ledger_journalentry"):
        execute(
            "UPDATE ledger_journalentry SET kind = 'refunded', digest = ledger_digest("
            " merchant_id, livemode, 'refunded', source_type, source_id, reverses, metadata,"
            " (SELECT jsonb_agg(jsonb_build_object('account', account.code, 'owner', owner,"
            "   'currency', posting.currency, 'layer', layer, 'amount', amount,"
            "   'forced', forced) ORDER BY leg)"
            "    FROM ledger_posting posting JOIN ledger_account account"
            "      ON account.id = account_id WHERE entry_id = ledger_journalentry.id))"
            " WHERE id = %s",
            [entry_ids[1]],
        )

    found = findings()

    assert Finding("seals", entry_ids[1], "changed since seal 1") in found
    assert "digests" not in [finding.check for finding in found]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_journalentry SET value_on = value_on - 1",
        "UPDATE ledger_journalentry SET booked_at = booked_at - interval '1s'",
        "UPDATE ledger_journalentry SET description = 'x'",
    ],
)
def test_a_changed_day_time_or_wording_is_found_by_the_seal(
    entry_ids: list[str], change: str
) -> None:
    with guards_off("ledger_journalentry"):
        execute(change + " WHERE id = %s", [entry_ids[3]])

    assert findings() == [Finding("seals", entry_ids[3], "changed since seal 2")]


def test_a_deleted_entry_is_named_by_its_seal_and_its_key(entry_ids: list[str]) -> None:
    with guards_off("ledger_journalentry", "ledger_posting"):
        execute("DELETE FROM ledger_posting WHERE entry_id = %s", [entry_ids[0]])
        execute("DELETE FROM ledger_journalentry WHERE id = %s", [entry_ids[0]])

    found = findings()

    assert Finding("seals", entry_ids[0], "is in seal 1 and gone from the books") in found
    assert checks(found, entry_ids[0]) == ["keys", "seals"]
    assert "cached balances" in [finding.check for finding in found]


def test_a_deleted_leg_is_named(entry_ids: list[str]) -> None:
    with guards_off("ledger_posting"):
        execute("DELETE FROM ledger_posting WHERE entry_id = %s AND leg = 2", [entry_ids[2]])

    assert checks(findings(), entry_ids[2]) == ["balance", "legs", "digests"]


def test_legs_without_an_entry_are_named(entry_ids: list[str]) -> None:
    with guards_off("ledger_posting"):
        execute(
            "INSERT INTO ledger_posting SELECT 'jrn_ghost', leg, account_id, layer, amount,"
            " currency, forced FROM ledger_posting WHERE entry_id = %s",
            [entry_ids[0]],
        )

    assert checks(findings(), "jrn_ghost") == ["legs"]


def test_a_leg_on_a_foreign_account_is_named(entry_ids: list[str]) -> None:
    with guards_off("ledger_account"):
        execute("UPDATE ledger_account SET merchant_id = 'acct_bob' WHERE code = 'sales'")

    assert checks(findings(), entry_ids[0]) == ["accounts"]


def test_a_renamed_account_changes_what_every_entry_on_it_says(entry_ids: list[str]) -> None:
    with guards_off("ledger_account"):
        execute("UPDATE ledger_account SET code = 'suspense' WHERE code = 'sales'")

    assert checks(findings(), entry_ids[0]) == ["digests"]


def test_a_lost_key_is_named(entry_ids: list[str]) -> None:
    with guards_off("ledger_entrykey"):
        execute("DELETE FROM ledger_entrykey WHERE entry_id = %s", [entry_ids[3]])

    assert findings() == [
        Finding("keys", entry_ids[3], "has no key: its fact could be booked again")
    ]


@pytest.mark.usefixtures("entry_ids")
def test_ac_054_a_forged_balance_is_named_with_both_sums() -> None:
    account_id = execute("SELECT id FROM ledger_account WHERE code = 'gateway_fees'")[0][0]
    with guards_off("ledger_balance"):
        execute("UPDATE ledger_balance SET debit_posted = 26 WHERE account_id = %s", [account_id])

    assert findings() == [
        Finding(
            "cached balances",
            f"account {account_id}",
            "cached debit/credit posted 26/0, pending 0/0; summed 25/0, 0/0",
        )
    ]


@pytest.mark.usefixtures("entry_ids")
def test_a_forged_snapshot_is_named() -> None:
    day = NOW.replace(day=21)
    take_snapshots(before=day, now=day.replace(day=22))
    assert findings() == []
    account_id = execute("SELECT id FROM ledger_account WHERE code = 'gateway_fees'")[0][0]
    with guards_off("ledger_balancesnapshot"):
        execute(
            "UPDATE ledger_balancesnapshot SET debit_posted = 9 WHERE account_id = %s",
            [account_id],
        )

    assert [(found.check, found.row) for found in findings()] == [
        ("snapshots", f"account {account_id}")
    ]


@pytest.mark.usefixtures("entry_ids")
@pytest.mark.parametrize(
    ("sql", "row", "detail"),
    [
        ("DELETE FROM ledger_seal WHERE number = 1", "seal 1", "is missing"),
        (
            "UPDATE ledger_seal SET root = sha256('') WHERE number = 1",
            "seal 1",
            "its root is not that of its leaves",
        ),
        (
            "UPDATE ledger_seal SET previous_hash = sha256('') WHERE number = 2",
            "seal 2",
            "does not follow the seal before",
        ),
        (
            "UPDATE ledger_seal SET hash = sha256('') WHERE number = 2",
            "seal 2",
            "its hash is not that of its content",
        ),
    ],
)
def test_a_broken_chain_of_seals_is_named(sql: str, row: str, detail: str) -> None:
    with guards_off("ledger_seal"):
        execute(sql)

    assert findings()[0] == Finding("seals", row, detail)


@pytest.mark.parametrize(
    ("sql", "check", "row"),
    [
        ("UPDATE ledger_posting SET layer = 'pending' WHERE entry_id = {id}", "digests", "{id}"),
        ("UPDATE ledger_posting SET forced = true WHERE entry_id = {id}", "digests", "{id}"),
        ("UPDATE ledger_posting SET currency = 'USD' WHERE entry_id = {id}", "accounts", "{id}"),
        ("DELETE FROM ledger_posting WHERE entry_id = {id}", "legs", "{id}"),
        ("UPDATE ledger_journalentry SET source_id = 'x' WHERE id = {id}", "digests", "{id}"),
        ("UPDATE ledger_journalentry SET metadata = '[]' WHERE id = {id}", "digests", "{id}"),
        ("UPDATE ledger_entrykey SET kind = 'x' WHERE entry_id = {id}", "keys", "{id}"),
        ("DELETE FROM ledger_balance WHERE account_id = {account}", "cached balances", "{account}"),
        ("DELETE FROM ledger_seal WHERE number = 2", "sealed once", "{id}"),
    ],
)
def test_ac_054_whatever_row_is_changed_the_check_names_it(
    entry_ids: list[str], sql: str, check: str, row: str
) -> None:
    account = execute("SELECT id FROM ledger_account WHERE code = 'sales'")[0][0]

    with guards_off(
        "ledger_posting", "ledger_journalentry", "ledger_entrykey", "ledger_balance", "ledger_seal"
    ):
        execute(sql.format(id=f"'{entry_ids[2]}'", account=account))

    named = row.format(id=entry_ids[2], account=f"account {account}")
    assert (check, named) in [(finding.check, finding.row) for finding in findings()]


def test_an_entry_kept_from_the_sealer_is_named(entry_ids: list[str]) -> None:
    execute("DELETE FROM ledger_unsealedentry")

    assert findings() == [
        Finding("sealed once", entry_ids[4], "is neither sealed nor waiting for a seal")
    ]


def test_a_guard_that_is_switched_off_is_named() -> None:
    execute("ALTER TABLE ledger_posting_default DISABLE TRIGGER ledger_guard")

    assert findings() == [
        Finding("guards", "ledger_posting_default", "has no working trigger ledger_guard")
    ]


def test_seals_take_each_entry_once_in_batches(entry_ids: list[str]) -> None:
    seals = list(Seal.objects.order_by("number"))
    assert [seal.entry_ids for seal in seals] == [sorted(entry_ids[:2]), sorted(entry_ids[2:4])]
    assert bytes(seals[1].previous_hash) == bytes(seals[0].hash)
    assert list(UnsealedEntry.objects.values_list("entry_id", flat=True)) == entry_ids[4:]

    book_sale(1)
    sealed = [seal_entries(now=NOW, limit=1) for _ in range(3)]

    assert [len(seal.entry_ids) if seal else 0 for seal in sealed] == [1, 1, 0]
    assert not UnsealedEntry.objects.exists()
    assert sum(len(seal.entry_ids) for seal in Seal.objects.all()) == JournalEntry.objects.count()
    assert findings() == []


@pytest.mark.usefixtures("entry_ids")
def test_the_command_says_so_when_the_books_are_true(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("ledger_verify")

    assert capsys.readouterr().out == "The books are true.\n"


def test_the_command_names_the_row_and_fails(
    entry_ids: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with guards_off("ledger_posting"):
        execute("UPDATE ledger_posting SET amount = amount * 2 WHERE entry_id = %s", [entry_ids[4]])

    with pytest.raises(CommandError, match="2 checks failed"):
        call_command("ledger_verify")

    assert f"digests: {entry_ids[4]}: its content is not what was booked" in capsys.readouterr().err


@pytest.mark.usefixtures("entry_ids")
def test_a_digest_does_not_depend_on_the_session() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TimeZone = 'Asia/Tokyo'")
        cursor.execute("SET LOCAL DateStyle = 'SQL, DMY'")

    assert findings() == []
