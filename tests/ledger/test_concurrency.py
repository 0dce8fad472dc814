"""Many writers at once: balances stay true, floors hold, facts are booked once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import TypeVar

import pytest
from django.db import connection, transaction

from apps.common.errors import DomainError
from apps.common.origin import Origin
from apps.ledger import recipes
from apps.ledger.errors import BalanceInsufficient
from apps.ledger.models import Balance, JournalEntry
from apps.ledger.selectors import list_trial_balance
from apps.ledger.services import close_period, post_entries, post_entry, seal_entries
from apps.ledger.verification import verify_books
from tests.ledger.books import (
    GATEWAY,
    NOW,
    SCOPE,
    SELLER,
    book_sale,
    execute,
    fact,
    fill_wallet,
    pending,
    posted,
)
from tests.races import race

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

T = TypeVar("T")
WRITERS = 50


def at_once(steps: Sequence[Callable[[], T]]) -> list[T | DomainError]:
    """Run every step in a thread and connection of its own; a refusal is a result."""

    def run(step: Callable[[], T]) -> T | DomainError:
        try:
            return step()
        except DomainError as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=len(steps)) as pool:
        return list(pool.map(run, steps))


def test_ac_054_fifty_writers_on_hot_accounts_keep_cached_balances_equal_to_the_sums() -> None:
    def write() -> None:
        for _ in range(4):
            post_entry(recipes.captured(fact(1000), fee=59, release=1000))
        with transaction.atomic():
            post_entries([recipes.refunded(fact(100)), recipes.fee_charged(fact(7))])

    at_once([write] * WRITERS)

    assert JournalEntry.objects.count() == WRITERS * 6
    assert posted("sales") == WRITERS * 4000
    assert posted("refunds") == WRITERS * 100
    assert posted("gateway_clearing", GATEWAY) == WRITERS * (4 * 941 - 107)
    assert pending("gateway_clearing", GATEWAY) == WRITERS * -4000
    assert Balance.objects.filter(account__code="sales").count() > 1
    lines = list_trial_balance(scope=SCOPE)
    assert sum(line.debit for line in lines) == sum(line.credit for line in lines)
    assert list(verify_books()) == []


def test_ac_054_fifty_debits_of_a_wallet_stop_at_its_floor() -> None:
    fill_wallet(1000)

    def take() -> str:
        return post_entry(recipes.transfer_reversed(fact(100), seller_id=SELLER))

    outcomes = at_once([take] * WRITERS)

    assert sum(isinstance(outcome, str) for outcome in outcomes) == 10
    assert sum(isinstance(outcome, BalanceInsufficient) for outcome in outcomes) == 40
    assert posted("seller_payable", SELLER) == 0
    assert JournalEntry.objects.count() == 11
    assert list(verify_books()) == []


def test_ac_054_two_debits_that_saw_the_same_wallet_do_not_both_pass() -> None:
    fill_wallet(100)
    wallet = Balance.objects.get(account__code="seller_payable")

    def take() -> str:
        return post_entry(recipes.transfer_reversed(fact(80), seller_id=SELLER))

    outcomes = race_on_balance(wallet, take)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["BalanceInsufficient", "str"]
    assert posted("seller_payable", SELLER) == 20


def race_on_balance(wallet: Balance, step: Callable[[], str]) -> list[str | Exception]:
    return race(wallet, step, step)


def test_ac_052_the_same_fact_from_fifty_writers_is_booked_once() -> None:
    sale = fact(1000)

    ids = at_once([lambda: post_entry(recipes.captured(sale))] * WRITERS)

    assert len(set(ids)) == 1
    assert JournalEntry.objects.count() == 1
    assert posted("sales") == 1000


def test_batches_over_the_same_accounts_in_any_order_do_not_deadlock() -> None:
    fill_wallet(10_000)
    sellers = [f"seller_{number}" for number in range(8)]

    def write(order: list[str]) -> Callable[[], list[str]]:
        return lambda: post_entries(
            [recipes.transferred(fact(10), seller_id=seller) for seller in order]
        )

    outcomes = at_once([write(sellers), write(sellers[::-1])] * 10)

    assert all(isinstance(outcome, list) for outcome in outcomes)
    assert [posted("seller_payable", seller) for seller in sellers[2:]] == [200] * 6


def test_ac_058_a_writer_under_way_finishes_before_its_period_is_closed() -> None:
    book_sale(1)
    october = date(2026, 10, 31)
    seen: list[int] = []

    def write(pool: ThreadPoolExecutor) -> None:
        with transaction.atomic():
            book_sale(100, value_on=october)
            closing = pool.submit(run_close)
            wait_for_lock()
            seen.append(int(closing.done()))
        closing.result()

    def run_close() -> None:
        try:
            close_period(scope=SCOPE, through=october, origin=Origin(actor="clock"), now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        write(pool)

    late = JournalEntry.objects.get(pk=book_sale(10, value_on=october))
    assert seen == [0]
    assert JournalEntry.objects.filter(value_on=october).count() == 1
    assert (late.value_on, late.value_on_requested) == (date(2026, 11, 1), october)


def wait_for_lock() -> None:
    """Wait until another connection waits for a lock of ours."""
    for _ in range(1000):
        execute("SELECT pg_stat_clear_snapshot()")
        waiting = execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )[0][0]
        if waiting:
            return
        execute("SELECT pg_sleep(0.005)")
    raise AssertionError("nobody came to wait")


def test_writers_and_the_sealer_do_not_wait_for_each_other() -> None:
    book_sale(1)
    with transaction.atomic():
        unfinished = book_sale(2)
        with ThreadPoolExecutor(max_workers=1) as pool:
            seal = pool.submit(seal_in_thread).result(timeout=30)

    assert seal is not None
    assert unfinished not in seal
    later = seal_entries(now=NOW)
    assert later is not None
    assert later.entry_ids == [unfinished]


def seal_in_thread() -> list[str] | None:
    try:
        seal = seal_entries(now=NOW)
        return seal.entry_ids if seal else None
    finally:
        connection.close()
