"""By the clock: entries are sealed, balances kept at midnight, partitions made ahead."""

from datetime import datetime, timedelta

import pytest

from apps.common.ids import first_id
from apps.ledger.models import SnapshotCut
from apps.ledger.tasks import keep_ledger, seal_ledger
from apps.ledger.verification import verify_books
from tests.ledger.books import NOW, book_sale

pytestmark = pytest.mark.django_db


def test_the_sealer_takes_what_there_is() -> None:
    book_sale(1)
    book_sale(2)

    assert [seal_ledger(now=NOW) for _ in range(2)] == [2, 0]


def test_balances_are_kept_at_midnight_two_hours_later_and_once() -> None:
    book_sale(1)
    midnight = (NOW + timedelta(days=1)).replace(hour=0)

    def run(at: datetime) -> int:
        return keep_ledger(now=at)

    run(midnight + timedelta(minutes=119))
    assert SnapshotCut.objects.get().before_id == first_id("jrn", midnight - timedelta(days=1))

    kept = [run(midnight + timedelta(hours=2 + hour)) for hour in range(2)]
    assert kept == [2, 0]
    assert SnapshotCut.objects.order_by("-before_id")[0].before_id == first_id("jrn", midnight)
    assert list(verify_books()) == []
