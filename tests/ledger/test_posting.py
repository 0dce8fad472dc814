"""A fact is booked once, on accounts of its own merchant, and taken back once."""

from datetime import date, timedelta

import pytest
from django.db import transaction

from apps.common.errors import ResourceMissing
from apps.common.origin import Scope
from apps.ledger import recipes
from apps.ledger.errors import (
    AccountClosed,
    AccountNotEmpty,
    AccountUnsuitable,
    BalanceInsufficient,
    EntryAlreadyReversed,
    EntryConflict,
)
from apps.ledger.models import Account, Balance, EntryKey, JournalEntry, Posting
from apps.ledger.selectors import find_account
from apps.ledger.services import (
    close_account,
    post_entries,
    post_entry,
    reverse_entry,
    set_account_floor,
)
from tests.ledger.books import (
    GATEWAY,
    NOW,
    SCOPE,
    SELLER,
    book_sale,
    draft,
    fact,
    fill_wallet,
    pending,
    posted,
)

pytestmark = pytest.mark.django_db


def test_an_entry_is_booked_with_its_legs_and_balances() -> None:
    sale = fact(1000, value_on=date(2026, 11, 19), metadata={"order": "7"})

    entry_id = post_entry(recipes.captured(sale, fee=59, release=1000))

    entry = JournalEntry.objects.get(pk=entry_id)
    assert entry.kind == "captured"
    assert (entry.source_type, entry.source_id) == ("payment_attempt", sale.id)
    assert (entry.merchant_id, entry.livemode) == ("acct_ada", False)
    assert (entry.booked_at, entry.value_on, entry.value_on_requested) == (
        NOW,
        date(2026, 11, 19),
        None,
    )
    assert entry.metadata == {"order": "7"}
    legs = Posting.objects.filter(entry=entry).order_by("leg")
    assert [(leg.leg, leg.account.code, leg.layer, leg.amount) for leg in legs] == [
        (1, "gateway_clearing", "posted", 941),
        (2, "gateway_fees", "posted", 59),
        (3, "sales", "posted", -1000),
        (4, "gateway_clearing", "pending", -1000),
        (5, "sales", "pending", 1000),
    ]
    assert posted("gateway_clearing", GATEWAY) == 941
    assert posted("gateway_fees", GATEWAY) == 59
    assert posted("sales") == 1000
    assert pending("sales") == -1000


def test_an_account_is_opened_from_the_chart_by_its_first_posting() -> None:
    book_sale()

    account = find_account(scope=SCOPE, code="gateway_clearing", currency="eur", owner=GATEWAY)
    assert account is not None
    assert (account.kind, account.normal_side, account.shards, account.floor) == (
        "asset",
        "debit",
        16,
        None,
    )
    assert Account.objects.count() == 2


def test_ac_052_the_same_fact_is_booked_once_even_on_another_day() -> None:
    sale = fact(1000)
    later = fact(1000, id=sale.id, at=NOW + timedelta(days=1))

    first = post_entry(recipes.captured(sale))
    second = post_entry(recipes.captured(later))

    assert first == second
    assert JournalEntry.objects.count() == 1
    assert posted("sales") == 1000


def test_ac_052_the_same_fact_with_other_content_is_refused() -> None:
    sale = fact(1000)
    post_entry(recipes.captured(sale))

    with pytest.raises(EntryConflict), transaction.atomic():
        post_entry(recipes.captured(fact(999, id=sale.id)))

    assert JournalEntry.objects.count() == 1
    assert posted("sales") == 1000


def test_another_kind_of_the_same_source_is_another_fact() -> None:
    held = fact(1000)

    assert post_entry(recipes.authorised(held)) != post_entry(recipes.voided(held))
    assert pending("gateway_clearing", GATEWAY) == 0


def test_a_batch_books_in_order_and_knows_what_is_booked() -> None:
    known = recipes.captured(fact(100))
    known_id = post_entry(known)
    new = [recipes.captured(fact(amount)) for amount in (200, 300)]

    ids = post_entries([new[1], known, new[0], new[1]])

    assert ids[1] == known_id
    assert ids[3] == ids[0]
    amounts = [
        Posting.objects.get(entry_id=entry_id, account__code="gateway_clearing").amount
        for entry_id in ids
    ]
    assert amounts == [300, 100, 200, 300]
    assert posted("sales") == 600


def test_a_batch_is_booked_whole_or_not_at_all() -> None:
    fill_wallet(100)
    before = JournalEntry.objects.count()

    with pytest.raises(BalanceInsufficient), transaction.atomic():
        post_entries(
            [recipes.captured(fact(50)), recipes.transfer_reversed(fact(101), seller_id=SELLER)]
        )

    assert JournalEntry.objects.count() == before
    assert EntryKey.objects.count() == before


def test_a_batch_has_a_limit_and_may_be_empty() -> None:
    entry = recipes.captured(fact())

    assert post_entries([]) == []
    with pytest.raises(ValueError, match="at most 1000"):
        post_entries([entry] * 1001)


def test_ac_053_a_reversal_is_a_new_entry_that_brings_every_balance_back() -> None:
    entry_id = post_entry(recipes.captured(fact(1000), fee=59, release=1000))

    reversal_id = reverse_entry(scope=SCOPE, entry_id=entry_id, now=NOW)

    reversal = JournalEntry.objects.get(pk=reversal_id)
    assert reversal.reverses == entry_id
    assert [balance.debit_posted - balance.credit_posted for balance in Balance.objects.all()] == [
        0,
        0,
        0,
    ]
    assert pending("sales") == 0


def test_ac_053_a_second_reversal_is_refused_and_books_nothing() -> None:
    entry_id = book_sale(1000)
    first = reverse_entry(scope=SCOPE, entry_id=entry_id, now=NOW)

    with pytest.raises(EntryAlreadyReversed) as refusal:
        reverse_entry(scope=SCOPE, entry_id=entry_id, now=NOW)

    assert refusal.value.context == {"entry": entry_id, "reversed_by": first}
    assert JournalEntry.objects.count() == 2


def test_ac_053_the_database_refuses_the_second_reversal_too() -> None:
    entry_id = book_sale(1000)
    reverse_entry(scope=SCOPE, entry_id=entry_id, now=NOW)

    with pytest.raises(EntryAlreadyReversed), transaction.atomic():
        post_entry(
            draft(("sales", "", 1000), ("gateway_clearing", GATEWAY, -1000), reverses=entry_id)
        )

    assert JournalEntry.objects.count() == 2


def test_a_reversal_asked_for_by_a_source_may_be_heard_twice() -> None:
    entry_id = book_sale(1000)

    ids = {
        reverse_entry(
            scope=SCOPE, entry_id=entry_id, now=NOW, source_type="approval", source_id="appr_1"
        )
        for _ in range(2)
    }

    assert len(ids) == 1


def test_an_entry_of_another_merchant_cannot_be_reversed() -> None:
    entry_id = book_sale(1000)

    for stranger in (Scope("acct_bob", livemode=False), Scope("acct_ada", livemode=True)):
        with pytest.raises(ResourceMissing):
            reverse_entry(scope=stranger, entry_id=entry_id, now=NOW)
    assert JournalEntry.objects.count() == 1


def test_ac_054_a_wallet_does_not_fall_below_its_floor() -> None:
    fill_wallet(100)

    with pytest.raises(BalanceInsufficient) as refusal, transaction.atomic():
        post_entry(recipes.transfer_reversed(fact(101), seller_id=SELLER))

    assert "would have -1 EUR, its floor is 0" in refusal.value.message
    assert posted("seller_payable", SELLER) == 100
    post_entry(recipes.transfer_reversed(fact(100), seller_id=SELLER))
    assert posted("seller_payable", SELLER) == 0


def test_ac_054_a_dispute_takes_a_wallet_below_zero_and_money_may_still_come_in() -> None:
    fill_wallet(100)
    shares = (recipes.Share(SELLER, 300),)

    post_entry(recipes.dispute_lost(fact(300), booked=300, shares=shares))
    fill_wallet(50)

    assert posted("seller_payable", SELLER) == -150
    with pytest.raises(BalanceInsufficient), transaction.atomic():
        post_entry(recipes.transfer_reversed(fact(1), seller_id=SELLER))


def test_ac_054_an_account_may_be_allowed_to_go_negative() -> None:
    fill_wallet(100)
    account = find_account(scope=SCOPE, code="seller_payable", currency="EUR", owner=SELLER)
    assert account is not None
    set_account_floor(account_id=account.id, floor=-50)

    post_entry(recipes.transfer_reversed(fact(150), seller_id=SELLER))
    with pytest.raises(BalanceInsufficient), transaction.atomic():
        post_entry(recipes.transfer_reversed(fact(1), seller_id=SELLER))
    set_account_floor(account_id=account.id, floor=None)
    post_entry(recipes.transfer_reversed(fact(1), seller_id=SELLER))

    assert posted("seller_payable", SELLER) == -51


def test_ac_056_money_held_for_a_payout_is_not_available_for_another() -> None:
    fill_wallet(100)
    payout = fact(70)
    post_entry(recipes.payout_held(payout, seller_id=SELLER))

    with pytest.raises(BalanceInsufficient), transaction.atomic():
        post_entry(recipes.payout_held(fact(31), seller_id=SELLER))

    post_entry(recipes.payout_sent(payout, seller_id=SELLER))
    assert posted("seller_payable", SELLER) == 30
    assert pending("seller_payable", SELLER) == 0
    assert posted("payouts_in_transit", SELLER) == 70


def test_a_payout_that_was_held_is_sent_even_when_a_dispute_came_in_between() -> None:
    fill_wallet(100)
    payout = fact(100)
    post_entry(recipes.payout_held(payout, seller_id=SELLER))
    shares = (recipes.Share(SELLER, 40),)
    post_entry(recipes.dispute_lost(fact(40), booked=40, shares=shares))

    post_entry(recipes.payout_sent(payout, seller_id=SELLER))

    assert posted("seller_payable", SELLER) == -40


def test_an_account_outside_the_chart_is_refused() -> None:
    with pytest.raises(AccountUnsuitable) as refusal, transaction.atomic():
        post_entry(draft(("sales", "", -5), ("pocket_money", "", 5)))

    assert "the chart has no account pocket_money" in refusal.value.message
    assert not Account.objects.exists()
    assert not EntryKey.objects.exists()


def test_an_empty_account_can_be_closed_and_takes_no_more_postings() -> None:
    entry_id = book_sale(1000)
    account = find_account(scope=SCOPE, code="sales", currency="EUR")
    assert account is not None
    with pytest.raises(AccountNotEmpty) as refusal:
        close_account(account_id=account.id, now=NOW)
    assert refusal.value.context == {"account": account.id, "posted": 1000, "pending": 0}

    reverse_entry(scope=SCOPE, entry_id=entry_id, now=NOW)
    assert close_account(account_id=account.id, now=NOW).closed_at == NOW
    assert close_account(account_id=account.id, now=NOW + timedelta(days=1)).closed_at == NOW

    with pytest.raises(AccountClosed), transaction.atomic():
        book_sale(1)
    assert posted("sales") == 0
