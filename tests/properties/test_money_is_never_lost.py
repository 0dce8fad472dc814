"""
Whatever happens in whatever order: the books balance, and they say what the gateway's books say.

The gateway of the test keeps its own books; they are the witness.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from apps.common.errors import DomainError
from apps.common.ids import new_id
from apps.common.origin import Origin, Scope
from apps.gateways import registry
from apps.gateways.base import (
    PaymentResult,
    PaymentState,
    PayoutState,
    RefundResult,
    RefundState,
)
from apps.ledger import chart, recipes
from apps.ledger.policies import Rate, convert
from apps.ledger.recipes import Fact
from apps.ledger.selectors import balance_of, list_trial_balance
from apps.ledger.services import post_entries, post_entry
from apps.outbox.history import find_differences
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.payments.services.intents import (
    Confirmation,
    cancel_intent,
    capture_intent,
    create_intent,
)
from apps.payments.services.refunds import record_refund, request_refund, run_refund
from apps.payouts.models import Payout, Seller, Transfer
from apps.payouts.services.payouts import (
    PayoutWish,
    cancel_payout,
    create_payout,
    record_payout,
    sweep_payouts,
)
from apps.payouts.services.sellers import create_seller
from apps.payouts.services.shares import release_shares, take_back_share
from apps.payouts.services.transfers import create_transfer, reverse_transfer
from tests.fake_gateway import FakeGateway, use_gateways

TESTER = Origin(actor="api:test")
GATEWAY = "stripe_main"
GATEWAY_FEE = 7

amounts = st.integers(min_value=50, max_value=5000)
parts = st.integers(min_value=1, max_value=5000)

_SUMS = """
SELECT account.id FROM ledger_account account
  JOIN (SELECT account_id, sum(debit_posted - credit_posted) AS posted,
               sum(debit_pending - credit_pending) AS pending
          FROM ledger_balance GROUP BY account_id) cached ON cached.account_id = account.id
  JOIN (SELECT account_id, coalesce(sum(amount) FILTER (WHERE layer = 'posted'), 0) AS posted,
               coalesce(sum(amount) FILTER (WHERE layer = 'pending'), 0) AS pending
          FROM ledger_posting GROUP BY account_id) summed ON summed.account_id = account.id
 WHERE account.merchant_id = %s
   AND (cached.posted, cached.pending) IS DISTINCT FROM (summed.posted, summed.pending)
"""


class Money(RuleBasedStateMachine):
    """Payments, sellers, disputes and exchanges of one merchant, who is new in each run."""

    gateway: FakeGateway

    held = Bundle("held")
    paid = Bundle("paid")
    refunds = Bundle("refunds")
    transfers = Bundle("transfers")
    payouts = Bundle("payouts")

    def __init__(self) -> None:
        super().__init__()
        # Sweeps see everybody's rows, so each run leaves none behind. To the guard against network
        # calls this transaction counts as the test's own.
        self._run = transaction.atomic()
        self._run._from_testcase = True  # type: ignore[attr-defined]
        self._run.__enter__()
        self.scope = Scope(new_id("mer"), livemode=False)
        self.now = timezone.now()
        self.disputed = 0
        self.sellers = [
            self._seller(),
            self._seller(reserve_basis_points=1234, reserve_days=1),
            self._seller(may_go_negative=True),
        ]
        for seller in range(len(self.sellers)):
            # Something to pay out from the first step on.
            self._transfer(seller, 5000)
        self.gateway.rate = None
        self.gateway.payments.clear()
        self.gateway.refunds.clear()
        self.gateway.payouts.clear()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._run.__exit__(None, None, None)

    def _seller(self, **fields: Any) -> Seller:
        return create_seller(
            scope=self.scope,
            fields={"default_currency": "EUR", "payout_destination": "ba_1", **fields},
            schedule={"interval": "manual"},
            origin=TESTER,
            now=self.now,
        )

    def _pay(self, amount: int, seller: int | None, fee: int, **fields: Any) -> PaymentIntent:
        if seller is not None:
            fields["transfer_destination"] = self.sellers[seller].id
            fields["application_fee_amount"] = min(fee, amount)
        return create_intent(
            scope=self.scope,
            fields={"amount": amount, "currency": "EUR", **fields},
            confirmation=Confirmation(payment_method="pm_card_visa"),
            origin=TESTER,
            now=self.now,
        )

    @rule(
        target=paid,
        amount=amounts,
        seller=st.none() | st.integers(0, 2),
        fee=st.integers(0, 5000),
    )
    def pay(self, amount: int, seller: int | None, fee: int) -> str:
        return self._pay(amount, seller, fee).id

    @rule(target=held, amount=amounts, seller=st.none() | st.integers(0, 2), fee=parts)
    def authorise(self, amount: int, seller: int | None, fee: int) -> str:
        return self._pay(amount, seller, fee, capture_method="manual").id

    @rule(target=paid, intent_id=held, amount=parts)
    def capture(self, intent_id: str, amount: int) -> Any:
        try:
            capture_intent(
                scope=self.scope, intent_id=intent_id, amount=amount, origin=TESTER, now=self.now
            )
        except DomainError:
            return multiple()
        return intent_id

    @rule(intent_id=held)
    def cancel(self, intent_id: str) -> None:
        self._refusable(
            lambda: cancel_intent(
                scope=self.scope,
                intent_id=intent_id,
                reason="abandoned",
                origin=TESTER,
                now=self.now,
            )
        )

    @rule(target=refunds, intent_id=paid, amount=parts)
    def refund(self, intent_id: str, amount: int) -> Any:
        try:
            asked = request_refund(
                scope=self.scope, intent_id=intent_id, amount=amount, origin=TESTER, now=self.now
            )
        except DomainError:
            return multiple()
        return run_refund(refund_id=asked.id, origin=TESTER, now=self.now).id

    @rule(refund_id=refunds)
    def fail_refund_late(self, refund_id: str) -> None:
        reference = f"re_fake_{refund_id}"
        told = replace(self.gateway.refunds[reference], state=RefundState.FAILED)
        self.gateway.refunds[reference] = told
        record_refund(refund_id=refund_id, outcome=told, origin=TESTER, now=self.now)

    @rule(intent_id=paid, is_won=st.booleans())
    def dispute(self, intent_id: str, is_won: bool) -> None:
        """Dispute all that is left; what is lost is borne like a refund (AC-49d)."""
        intent = PaymentIntent.objects.get(pk=intent_id)
        left = intent.amount_refundable
        attempt = PaymentAttempt.objects.get(intent_id=intent_id, kept=True)
        if left <= 0 or attempt.gateway_reference in self._exchanged():
            # Disputes of exchanged money are told by the gateway: tests/ledger/test_exchange.py.
            return
        fact = self._fact(new_id("dp"), left)
        if is_won:
            post_entries([recipes.dispute_withdrawn(fact), recipes.dispute_reinstated(fact)])
            return
        taken = take_back_share(
            charge_id=attempt.charge_id,
            source=fact.id,
            amount=left,
            payment_left=left,
            origin=TESTER,
            now=self.now,
        )
        lost = recipes.dispute_lost(fact, booked=left, shares=taken.shares, platform_fee=taken.fee)
        post_entries([recipes.dispute_withdrawn(fact), lost])
        self.disputed += left

    @rule(target=transfers, seller=st.integers(0, 2), amount=amounts)
    def transfer(self, seller: int, amount: int) -> str:
        return self._transfer(seller, amount)

    def _transfer(self, seller: int, amount: int) -> str:
        return create_transfer(
            scope=self.scope,
            seller_id=self.sellers[seller].id,
            amount=amount,
            currency="EUR",
            origin=TESTER,
            now=self.now,
        ).id

    @rule(transfer_id=transfers, amount=parts)
    def reverse(self, transfer_id: str, amount: int) -> None:
        self._refusable(
            lambda: reverse_transfer(
                scope=self.scope,
                transfer_id=transfer_id,
                amount=amount,
                origin=TESTER,
                now=self.now,
            )
        )

    @rule(target=payouts, seller=st.integers(0, 2), amount=parts)
    def pay_out(self, seller: int, amount: int) -> Any:
        payout_id = self.pay_out_of(seller, amount)
        return multiple() if payout_id is None else payout_id

    def pay_out_of(self, seller: int, amount: int) -> str | None:
        try:
            return create_payout(
                scope=self.scope,
                seller_id=self.sellers[seller].id,
                wish=PayoutWish(amount=amount, currency="EUR"),
                origin=TESTER,
                now=self.now,
            ).id
        except DomainError:
            return None

    @rule(payout_id=payouts)
    def cancel_payout(self, payout_id: str) -> None:
        self._refusable(
            lambda: cancel_payout(
                scope=self.scope, payout_id=payout_id, origin=TESTER, now=self.now
            )
        )

    @rule(state=st.sampled_from([PayoutState.IN_TRANSIT, PayoutState.PAID]))
    def send_payouts(self, state: PayoutState) -> None:
        self.gateway.payout_state = state
        sweep_payouts(now=self.now)

    @rule(seller=st.integers(0, 2), amount=st.integers(1, 1000))
    def pay_out_in_vain(self, seller: int, amount: int) -> None:
        """The gateway says "paid", and the bank sends the money back all the same (AC-68)."""
        payout_id = self.pay_out_of(seller, amount)
        if payout_id is not None:
            self.send_payouts(PayoutState.PAID)
            self.hear_of_payout(payout_id, PayoutState.FAILED)

    @rule(payout_id=payouts, state=st.sampled_from([PayoutState.PAID, PayoutState.FAILED]))
    def hear_of_payout(self, payout_id: str, state: PayoutState) -> None:
        reference = f"po_fake_{payout_id}"
        known = self.gateway.payouts.get(reference)
        if known is None or known.state == PayoutState.FAILED:
            return
        told = replace(known, state=state)
        self.gateway.payouts[reference] = told
        record_payout(payout_id=payout_id, outcome=told, origin=TESTER, now=self.now)

    @rule(days=st.integers(1, 3))
    def let_time_pass(self, days: int) -> None:
        self.now += timedelta(days=days)
        release_shares(now=self.now)
        release_shares(now=self.now)

    @rule(rate=st.none() | st.decimals("0.5", "2", places=4))
    def open_an_account_in_dollars(self, rate: Decimal | None) -> None:
        """From now on the gateway exchanges, at this rate; or does not tell, or not any more."""
        self.gateway.rate = rate

    @rule(
        amount=amounts,
        then=st.decimals("0.5", "2", places=4),
        later=st.decimals("0.5", "2", places=4),
    )
    def sell_abroad_and_refund(self, amount: int, then: Decimal, later: Decimal) -> None:
        """A sale in dollars, all of it given back at another rate."""
        fact = Fact(
            scope=self.scope,
            id=new_id("att"),
            amount=amount,
            currency="USD",
            gateway=GATEWAY,
            at=self.now,
        )
        booked = convert(amount, self._rate(then), now=self.now)
        today = convert(amount, self._rate(later), now=self.now)
        post_entry(recipes.captured_abroad(fact, booked=booked))
        back = replace(fact, id=new_id("re"))
        post_entry(recipes.refunded_abroad(back, booked=booked.amount, today=today))

    def _rate(self, value: Decimal) -> Rate:
        return Rate(base="USD", quote="EUR", value=value, source="test", as_of=self.now)

    def _fact(self, source_id: str, amount: int) -> Fact:
        return Fact(
            scope=self.scope,
            id=source_id,
            amount=amount,
            currency="EUR",
            gateway=GATEWAY,
            at=self.now,
        )

    def _refusable(self, step: Any) -> None:
        with suppress(DomainError):
            step()

    @invariant()
    def trial_balance_is_zero(self) -> None:
        sums: dict[str, int] = {}
        for line in list_trial_balance(scope=self.scope):
            sums[line.currency] = sums.get(line.currency, 0) + line.debit - line.credit
        assert set(sums.values()) <= {0}

    @invariant()
    def cached_balances_are_the_sums(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            cursor.execute(_SUMS, [self.scope.merchant_id])
            assert cursor.fetchall() == []

    @invariant()
    def books_say_what_the_gateway_says(self) -> None:
        exchanged = self._exchanged()
        captured = [p for p in self.gateway.captures if p.reference not in exchanged]
        refunded = [r for r in self._refunded() if r.payment_reference not in exchanged]
        paid_out = [p for p in self.gateway.payouts.values() if p.state == PayoutState.PAID]
        expected = (
            sum(payment.amount_captured - GATEWAY_FEE for payment in captured)
            - sum(refund.amount for refund in refunded)
            - sum(payout.amount for payout in paid_out)
            - self.disputed
        )
        assert self._posted(chart.GATEWAY_CLEARING, GATEWAY) == expected

    @invariant()
    def what_was_exchanged_and_kept_is_on_the_bridge(self) -> None:
        exchanged = self._exchanged()
        kept = sum(payment.amount_captured for payment in exchanged.values())
        kept -= sum(r.amount for r in self._refunded() if r.payment_reference in exchanged)
        dollars = balance_of(scope=self.scope, code=chart.FX_CLEARING, currency="USD").posted
        assert self._posted(chart.FX_CLEARING, "") == kept
        assert kept > 0 or dollars == 0

    @invariant()
    def held_money_is_what_is_authorised(self) -> None:
        held = [p for p in self.gateway.payments.values() if p.state == PaymentState.AUTHORIZED]
        pending = balance_of(
            scope=self.scope, code=chart.GATEWAY_CLEARING, currency="EUR", owner=GATEWAY
        ).pending
        assert pending == sum(payment.amount for payment in held)

    @invariant()
    def wallets_are_what_transfers_and_payouts_left(self) -> None:
        for seller in self.sellers:
            rows = Transfer.objects.filter(seller=seller)
            left = sum(row.amount - row.amount_reversed for row in rows)
            gone = sum(
                payout.amount
                for payout in Payout.objects.filter(
                    seller=seller, status__in=["in_transit", "paid"]
                )
            )
            owned = -sum(
                self._raw(code, seller.id)
                for code in (chart.SELLER_PENDING, chart.SELLER_PAYABLE, chart.SELLER_RESERVE)
            )
            assert owned == left - gone

    @invariant()
    def rows_are_the_fold_of_their_events(self) -> None:
        assert list(find_differences()) == []

    def _exchanged(self) -> dict[str, PaymentResult]:
        return {p.reference: p for p in self.gateway.captures if p.settlement is not None}

    def _refunded(self) -> list[RefundResult]:
        return [r for r in self.gateway.refunds.values() if r.state == RefundState.SUCCEEDED]

    def _posted(self, code: str, owner: str) -> int:
        return balance_of(scope=self.scope, code=code, currency="EUR", owner=owner).posted

    def _raw(self, code: str, owner: str) -> int:
        """Return debits less credits of a wallet's account."""
        return -self._posted(code, owner)


@pytest.fixture
def witness(settings: Any) -> Iterator[FakeGateway]:
    settings.PAYOUT_CANCEL_WINDOW_SECONDS = 0
    fake = FakeGateway(fee=GATEWAY_FEE)
    with use_gateways(settings, fake):
        yield fake


@pytest.mark.django_db
def test_no_order_of_events_loses_or_makes_a_unit(witness: FakeGateway) -> None:
    assert registry.gateway_names() == [GATEWAY]
    Money.gateway = witness

    run_state_machine_as_test(
        Money,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
