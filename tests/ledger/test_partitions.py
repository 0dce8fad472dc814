"""Entries and postings go to the partition of their month, or to the default one."""

from datetime import UTC, datetime

import pytest
from django.core.management import call_command

from apps.ledger.models import JournalEntry, Posting
from apps.ledger.partitions import add_partitions
from apps.ledger.services import post_entries
from apps.ledger.verification import verify_books
from tests.ledger.books import book_sale, draft, execute, posted

pytestmark = pytest.mark.django_db

DECEMBER = datetime(2033, 12, 5, tzinfo=UTC)


def partition_of(table: str, column: str, entry_id: str) -> str:
    rows = execute(
        f"SELECT DISTINCT tableoid::regclass::text FROM {table} WHERE {column} = %s",  # noqa: S608
        [entry_id],
    )
    return str(rows[0][0])


def test_partitions_are_made_ahead_across_the_year_and_once() -> None:
    assert add_partitions(now=DECEMBER, months_ahead=2) == ["2033_12", "2034_01", "2034_02"]
    assert add_partitions(now=DECEMBER, months_ahead=2) == []


def test_an_entry_and_its_legs_lie_in_the_partition_of_their_month() -> None:
    add_partitions(now=DECEMBER, months_ahead=1)
    last_moment = datetime(2033, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)

    for moment, month in [
        (datetime(2033, 12, 1, tzinfo=UTC), "2033_12"),
        (last_moment, "2033_12"),
        (datetime(2034, 1, 1, tzinfo=UTC), "2034_01"),
        (datetime(2034, 2, 1, tzinfo=UTC), "default"),
    ]:
        entry_id = book_sale(10, at=moment)
        assert partition_of("ledger_journalentry", "id", entry_id) == f"ledger_journalentry_{month}"
        assert partition_of("ledger_posting", "entry_id", entry_id) == f"ledger_posting_{month}"
    assert posted("sales") == 40
    assert list(verify_books()) == []


def test_a_month_that_began_in_the_default_partition_stays_there() -> None:
    entry_id = book_sale(10, at=DECEMBER)

    assert add_partitions(now=DECEMBER, months_ahead=0) == []
    assert partition_of("ledger_posting", "entry_id", entry_id) == "ledger_posting_default"


def test_a_batch_may_span_months() -> None:
    add_partitions(now=DECEMBER, months_ahead=1)
    legs = (("sales", "", -5), ("bank", "main", 5))

    moments = (DECEMBER, DECEMBER.replace(year=2034, month=1))
    post_entries([draft(*legs, booked_at=moment) for moment in moments])

    assert JournalEntry.objects.count() == 2
    assert Posting.objects.count() == 4


def test_the_command_says_what_it_made(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("ledger_partitions")

    assert capsys.readouterr().out == "Created: none, all there.\n"
