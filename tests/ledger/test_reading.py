"""Balances now and then, wallets, the trial balance; snapshots change nothing but the work."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from apps.backoffice.kit.display import money
from apps.common.origin import Scope
from apps.ledger import recipes
from apps.ledger.drawings import draw_balance
from apps.ledger.errors import BookedTooLate
from apps.ledger.models import Account, BalanceSnapshot, JournalEntry
from apps.ledger.selectors import (
    AccountBalance,
    TrialLine,
    Wallet,
    balance_of,
    find_account,
    get_authorised,
    get_balance_as_of,
    get_wallet,
    list_trial_balance,
)
from apps.ledger.services import post_entry, rebuild_balances, take_snapshots
from tests.ledger.books import (
    GATEWAY,
    NOW,
    SCOPE,
    SELLER,
    book_sale,
    execute,
    fact,
    fill_wallet,
    posted,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def sales_account() -> Account:
    account = find_account(scope=SCOPE, code="sales", currency="EUR")
    assert account is not None
    return account


def test_an_account_without_postings_has_a_balance_of_zero() -> None:
    assert balance_of(scope=SCOPE, code="sales", currency="EUR") == AccountBalance(
        posted=0, pending=0
    )


def test_ac_056_a_wallet_tells_pending_available_and_reserved_apart() -> None:
    sale = fact(1000)
    post_entry(recipes.captured(sale, shares=(recipes.Share(SELLER, 900),), platform_fee=100))
    available = fact(600, id=sale.id)
    post_entry(recipes.share_available(available, seller_id=SELLER, source_type="payment_attempt"))
    post_entry(recipes.reserve_held(fact(100), seller_id=SELLER, source_type="reserve"))
    post_entry(recipes.payout_held(fact(200), seller_id=SELLER))

    wallet = get_wallet(scope=SCOPE, seller_id=SELLER, currency="EUR")

    assert wallet == Wallet(pending=300, available=300, reserved=100)
    assert get_wallet(scope=SCOPE, seller_id="seller_2", currency="EUR") == Wallet(
        pending=0, available=0, reserved=0
    )


def test_ac_056_authorised_is_what_is_neither_captured_nor_voided() -> None:
    held, voided = fact(1000), fact(500)
    for entry in (
        recipes.authorised(held),
        recipes.authorised(voided),
        recipes.authorised(fact(70)),
        recipes.captured(fact(600, id=held.id), release=1000),
        recipes.voided(voided),
    ):
        post_entry(entry)

    assert get_authorised(scope=SCOPE, gateway=GATEWAY, currency="EUR") == 70


def test_ac_055_a_balance_of_the_past_counts_what_was_booked_by_then() -> None:
    for days, amount in enumerate((100, 20, 3)):
        book_sale(amount, at=NOW + days * DAY)

    def sales_at(moment: datetime) -> int:
        return get_balance_as_of(sales_account(), moment).posted

    assert sales_at(NOW) == 0
    assert sales_at(NOW + timedelta(milliseconds=1)) == 100
    assert sales_at(NOW + DAY) == 100
    assert sales_at(NOW + 1.5 * DAY) == 120
    assert sales_at(NOW + 9 * DAY) == 123


def test_ac_055_a_snapshot_does_not_change_what_the_past_was() -> None:
    for days in range(6):
        book_sale(10**days, at=NOW + days * DAY)
    moments = [NOW + days * DAY / 2 for days in range(14)]
    before = [get_balance_as_of(sales_account(), moment) for moment in moments]

    for hours in (36, 78):
        taken = take_snapshots(before=NOW + timedelta(hours=hours), now=NOW + 9 * DAY)
        assert taken == 2

    assert BalanceSnapshot.objects.filter(account=sales_account()).count() == 2
    assert [get_balance_as_of(sales_account(), moment) for moment in moments] == before
    assert take_snapshots(before=NOW + timedelta(hours=78), now=NOW + 9 * DAY) == 0


def test_a_snapshot_too_near_to_now_is_refused() -> None:
    with pytest.raises(BookedTooLate):
        take_snapshots(before=NOW, now=NOW + timedelta(minutes=59))

    assert not BalanceSnapshot.objects.exists()


def test_nothing_is_booked_behind_a_snapshot() -> None:
    book_sale(100)
    take_snapshots(before=NOW + DAY, now=NOW + 2 * DAY)

    with pytest.raises(BookedTooLate), transaction.atomic():
        book_sale(5, at=NOW + DAY - timedelta(milliseconds=1))
    book_sale(7, at=NOW + DAY)

    assert posted("sales") == 107
    assert JournalEntry.objects.count() == 2


def test_the_trial_balance_has_equal_columns_now_and_then() -> None:
    post_entry(recipes.captured(fact(1000), fee=59))
    post_entry(recipes.refunded(fact(300, at=NOW + DAY)))
    expected = [
        TrialLine(code="gateway_clearing", owner=GATEWAY, currency="EUR", debit=941, credit=300),
        TrialLine(code="gateway_fees", owner=GATEWAY, currency="EUR", debit=59, credit=0),
        TrialLine(code="refunds", owner="", currency="EUR", debit=300, credit=0),
        TrialLine(code="sales", owner="", currency="EUR", debit=0, credit=1000),
    ]

    assert list_trial_balance(scope=SCOPE) == expected
    assert list_trial_balance(scope=SCOPE, as_of=NOW + 2 * DAY) == expected
    take_snapshots(before=NOW + DAY / 2, now=NOW + 9 * DAY)
    assert list_trial_balance(scope=SCOPE, as_of=NOW + 2 * DAY) == expected
    then = list_trial_balance(scope=SCOPE, as_of=NOW + DAY)
    assert [(line.debit, line.credit) for line in then] == [(941, 0), (59, 0), (0, 0), (0, 1000)]


def test_books_of_merchants_and_modes_do_not_mix() -> None:
    book_sale(1000)
    for scope in (Scope("acct_ada", livemode=True), Scope("acct_bob", livemode=False)):
        book_sale(5, scope=scope)

        assert balance_of(scope=scope, code="sales", currency="EUR").posted == 5
        assert [line.credit for line in list_trial_balance(scope=scope)] == [0, 5]
    assert posted("sales") == 1000


def test_ac_059_rebuilding_from_the_postings_gives_identical_balances() -> None:
    post_entry(recipes.authorised(fact(700)))
    post_entry(recipes.captured(fact(1000), fee=59))
    fill_wallet(500)
    sums = (
        "SELECT account_id, sum(debit_posted), sum(credit_posted), sum(debit_pending),"
        " sum(credit_pending) FROM ledger_balance GROUP BY account_id ORDER BY account_id"
    )
    before = execute(sums)
    execute("SET CONSTRAINTS ALL IMMEDIATE")

    assert rebuild_balances() == 5

    assert execute(sums) == before
    fill_wallet(1)
    assert posted("seller_payable", SELLER) == 501


def test_reading_a_balance_touches_one_row_however_long_the_books() -> None:
    """Read the plan: by index, without looking at any posting."""
    book_sale(1000)
    execute("SET LOCAL enable_seqscan = off")

    plan = "\n".join(
        line
        for (line,) in execute(
            "EXPLAIN SELECT sum(debit_posted - credit_posted) FROM ledger_balance"
            " WHERE account_id = %s",
            [sales_account().id],
        )
    )

    assert "ledger_balance_pkey" in plan
    assert "ledger_posting" not in plan


def test_the_time_of_a_balance_may_be_in_any_zone() -> None:
    book_sale(100, at=datetime(2026, 11, 20, 23, 30, tzinfo=UTC))

    account = sales_account()
    paris = datetime.fromisoformat("2026-11-21T00:45:00+01:00")
    assert get_balance_as_of(account, paris).posted == 100
    assert get_balance_as_of(account, paris - timedelta(minutes=20)).posted == 0


def test_an_account_s_balance_is_drawn_at_the_end_of_each_day() -> None:
    midnight = datetime(2026, 3, 10, tzinfo=UTC)
    for days, amount in ((-3, 100), (-1, 20), (0, 3)):
        book_sale(amount, at=midnight + days * DAY + timedelta(hours=1))

    bars = draw_balance(sales_account(), now=midnight + timedelta(hours=9)).bars

    assert [bar.height for bar in bars] == [0] * 10 + [100, 100, 120, 123]
    assert [(bar.label, bar.is_open) for bar in bars[-2:]] == [("09 Mar", False), ("10 Mar", True)]
    assert bars[-1].text == money(123, "EUR")
