"""Whatever is booked in whatever order, the books stay true and match a ledger kept in a dict."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from apps.ledger import recipes
from apps.ledger.drafts import EntryDraft
from apps.ledger.errors import BalanceInsufficient, EntryAlreadyReversed
from apps.ledger.selectors import list_trial_balance
from apps.ledger.services import post_entries, post_entry, reverse_entry, seal_entries
from apps.ledger.verification import verify_books
from tests.ledger.books import NOW, SCOPE, SELLER, fact, pending, posted

AMOUNTS = st.integers(1, 10**9)
CURRENCIES = st.sampled_from(["EUR", "USD", "JPY", "KWD"])
Name = tuple[str, str, str, str]


class Books(RuleBasedStateMachine):
    """The ledger beside a model of it: sums per account and layer, in plain Python."""

    entries = Bundle("entries")

    def __init__(self) -> None:
        super().__init__()
        self.point = transaction.savepoint()
        self.sums: dict[Name, int] = {}
        self.reversed: set[str] = set()
        self.clock = NOW

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.point)

    def _tick(self) -> timedelta:
        self.clock += timedelta(seconds=1)
        return self.clock - NOW

    def _count(self, draft: EntryDraft, sign: int = 1) -> None:
        for leg in draft.legs:
            name = (leg.account, leg.owner, leg.currency, leg.layer.value)
            self.sums[name] = self.sums.get(name, 0) + sign * leg.amount

    def _book(self, draft: EntryDraft) -> tuple[str, EntryDraft]:
        entry_id = post_entry(draft)
        self._count(draft)
        return entry_id, draft

    @rule(target=entries, amount=AMOUNTS, currency=CURRENCIES)
    def authorise(self, amount: int, currency: str) -> tuple[str, EntryDraft]:
        self._tick()
        return self._book(recipes.authorised(fact(amount, currency, at=self.clock)))

    @rule(target=entries, amount=AMOUNTS, currency=CURRENCIES, data=st.data())
    def capture(self, amount: int, currency: str, data: st.DataObject) -> tuple[str, EntryDraft]:
        self._tick()
        fee = data.draw(st.integers(0, amount))
        share = data.draw(st.integers(0, amount))
        platform_fee = data.draw(st.integers(0, amount - share))
        return self._book(
            recipes.captured(
                fact(amount, currency, at=self.clock),
                fee=fee,
                release=data.draw(st.integers(0, amount)),
                shares=(recipes.Share(SELLER, share),),
                platform_fee=platform_fee,
            )
        )

    @rule(target=entries, amount=AMOUNTS, currency=CURRENCIES)
    def transfer(self, amount: int, currency: str) -> tuple[str, EntryDraft]:
        self._tick()
        return self._book(
            recipes.transferred(fact(amount, currency, at=self.clock), seller_id=SELLER)
        )

    @rule(target=entries, amount=AMOUNTS, currency=CURRENCIES)
    def refund(self, amount: int, currency: str) -> tuple[str, EntryDraft]:
        self._tick()
        shares = (recipes.Share(SELLER, amount // 2),)
        return self._book(recipes.refunded(fact(amount, currency, at=self.clock), shares=shares))

    @rule(amount=AMOUNTS, currency=CURRENCIES)
    def hold_for_payout(self, amount: int, currency: str) -> None:
        self._tick()
        draft = recipes.payout_held(fact(amount, currency, at=self.clock), seller_id=SELLER)
        wallet = ("seller_payable", SELLER, currency)
        available = -self.sums.get((*wallet, "posted"), 0) - max(
            self.sums.get((*wallet, "pending"), 0), 0
        )
        if amount <= available:
            self._book(draft)
            return
        with pytest.raises(BalanceInsufficient), transaction.atomic():
            post_entry(draft)

    @rule(target=entries, amounts=st.lists(AMOUNTS, min_size=1, max_size=5), currency=CURRENCIES)
    def book_batch(self, amounts: list[int], currency: str) -> object:
        self._tick()
        drafts = [recipes.captured(fact(amount, currency, at=self.clock)) for amount in amounts]
        ids = post_entries(drafts)
        for draft in drafts:
            self._count(draft)
        return multiple(*zip(ids, drafts, strict=True))

    @rule(entry=entries)
    def hear_again(self, entry: tuple[str, EntryDraft]) -> None:
        entry_id, draft = entry
        assert post_entry(draft) == entry_id

    @rule(entry=entries)
    def reverse(self, entry: tuple[str, EntryDraft]) -> None:
        self._tick()
        entry_id, draft = entry
        if entry_id in self.reversed:
            with pytest.raises(EntryAlreadyReversed):
                reverse_entry(scope=SCOPE, entry_id=entry_id, now=self.clock)
            return
        reverse_entry(scope=SCOPE, entry_id=entry_id, now=self.clock)
        self.reversed.add(entry_id)
        self._count(draft, sign=-1)

    @rule()
    def seal(self) -> None:
        seal_entries(now=self.clock)

    @invariant()
    def balances_match_the_model(self) -> None:
        for code, owner, currency, layer in self.sums:
            read = posted if layer == "posted" else pending
            total = self.sums[code, owner, currency, layer]
            assert abs(read(code, owner, currency)) == abs(total)

    @invariant()
    def the_trial_balance_is_zero(self) -> None:
        totals: dict[str, int] = {}
        for line in list_trial_balance(scope=SCOPE):
            totals[line.currency] = totals.get(line.currency, 0) + line.debit - line.credit
        assert not any(totals.values())

    @invariant()
    def the_books_are_true(self) -> None:
        assert list(verify_books(window=3)) == []


class TestBooks(TestCase):
    def test_any_sequence_of_facts_leaves_true_books(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        run_state_machine_as_test(
            Books,
            settings=settings(
                max_examples=25,
                stateful_step_count=15,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
