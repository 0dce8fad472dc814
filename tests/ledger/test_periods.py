"""A closed period stays closed; what comes late counts for the next day."""

from datetime import date, timedelta

import pytest

from apps.common.origin import Origin, Scope
from apps.ledger.errors import PeriodClosed
from apps.ledger.models import JournalEntry, PeriodClose
from apps.ledger.services import close_period
from tests.ledger.books import NOW, SCOPE, book_sale, posted

pytestmark = pytest.mark.django_db

OCTOBER = date(2026, 10, 31)
ORIGIN = Origin(actor="staff:finance@example.com")


def close(through: date, scope: Scope = SCOPE) -> PeriodClose:
    return close_period(scope=scope, through=through, origin=ORIGIN, now=NOW)


def value_days(entry_id: str) -> tuple[date, date | None]:
    entry = JournalEntry.objects.get(pk=entry_id)
    return entry.value_on, entry.value_on_requested


def test_ac_058_a_late_entry_goes_to_the_next_open_day_and_keeps_the_day_asked_for() -> None:
    closed = close(OCTOBER)

    late = book_sale(100, value_on=date(2026, 10, 30))
    last_day = book_sale(10, value_on=OCTOBER)
    in_time = book_sale(1, value_on=date(2026, 11, 1))

    assert (closed.closed_through, closed.actor) == (OCTOBER, "staff:finance@example.com")
    assert value_days(late) == (date(2026, 11, 1), date(2026, 10, 30))
    assert value_days(last_day) == (date(2026, 11, 1), OCTOBER)
    assert value_days(in_time) == (date(2026, 11, 1), None)
    assert posted("sales") == 111


def test_ac_058_periods_close_per_merchant_and_mode() -> None:
    close(OCTOBER, Scope("acct_bob", livemode=False))
    close(OCTOBER, Scope("acct_ada", livemode=True))

    entry_id = book_sale(100, value_on=date(2026, 10, 30))

    assert value_days(entry_id) == (date(2026, 10, 30), None)


def test_closing_twice_changes_nothing_and_closing_back_is_refused() -> None:
    first = close(OCTOBER)

    assert close(OCTOBER) == first
    with pytest.raises(PeriodClosed) as refusal:
        close(OCTOBER - timedelta(days=1))
    assert refusal.value.context["closed_through"] == OCTOBER
    assert PeriodClose.objects.count() == 1


def test_a_day_that_has_not_ended_cannot_be_closed() -> None:
    with pytest.raises(PeriodClosed):
        close(NOW.date())

    assert not PeriodClose.objects.exists()
