"""A split payment loses no unit: capture, partial refunds, failed refunds, in any order."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.common.errors import ResourceMissing
from apps.gateways.base import DisputeState, RefundResult, RefundState
from apps.ledger.selectors import balance_of
from apps.outbox.models import Event
from apps.payments.errors import FeeExceedsAmount, FeeWithoutSeller
from apps.payments.models import PaymentIntent
from apps.payments.services.intents import capture_intent, update_intent
from apps.payments.services.refunds import record_refund, request_refund, run_refund
from apps.payments.services.transfers import transfer_from_charge
from apps.payouts.errors import (
    ReversalExceedsTransfer,
    TransferCurrencyMismatch,
    TransferExceedsSource,
    WalletTooEmpty,
)
from apps.payouts.models import Seller, Transfer
from apps.payouts.services.shares import release_shares
from apps.payouts.services.transfers import reverse_transfer
from tests.disputes.stories import tell
from tests.factories.payments import SCOPE, TESTER, confirmed_intent, created_intent
from tests.factories.payouts import asked_payout, paid_seller, seller_of, wallet_of
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db


def booked(code: str, owner: str = "") -> int:
    return balance_of(scope=SCOPE, code=code, currency="EUR", owner=owner).posted


def split_intent(seller: Seller, amount: int = 1000, fee: int | None = 100) -> PaymentIntent:
    return confirmed_intent(
        amount=amount, transfer_destination=seller.id, application_fee_amount=fee
    )


def refund(intent: PaymentIntent, amount: int | None = None) -> str:
    asked = request_refund(
        scope=SCOPE, intent_id=intent.id, amount=amount, origin=TESTER, now=timezone.now()
    )
    return run_refund(refund_id=asked.id, origin=TESTER, now=timezone.now()).id


def total(seller: Seller) -> int:
    wallet = wallet_of(seller)
    return wallet.pending + wallet.available + wallet.reserved


def test_capture_divides_between_seller_and_fee(gateway: FakeGateway) -> None:
    seller = seller_of()

    intent = split_intent(seller)

    share = Transfer.objects.get()
    assert (share.amount, share.fee_amount, share.status) == (900, 100, "pending")
    assert share.source_transaction == intent.latest_charge_id
    assert wallet_of(seller).pending == 900
    assert (booked("platform_fees"), booked("sales")) == (100, 0)
    assert Event.objects.get(object_id=share.id).type == "transfer.created"


def test_without_a_fee_all_is_the_sellers(gateway: FakeGateway) -> None:
    seller = seller_of()

    split_intent(seller, fee=None)

    assert (wallet_of(seller).pending, booked("platform_fees")) == (1000, 0)


def test_fee_of_everything_leaves_no_share(gateway: FakeGateway) -> None:
    seller = seller_of()

    split_intent(seller, fee=1000)

    assert not Transfer.objects.exists()
    assert booked("platform_fees") == 1000


def test_partial_capture_divides_what_was_taken(gateway: FakeGateway) -> None:
    seller = seller_of()
    intent = confirmed_intent(
        amount=1000,
        transfer_destination=seller.id,
        application_fee_amount=100,
        capture_method="manual",
    )
    assert wallet_of(seller).pending == 0

    capture_intent(scope=SCOPE, intent_id=intent.id, amount=60, origin=TESTER, now=timezone.now())

    assert (booked("platform_fees"), total(seller)) == (60, 0)


def test_share_becomes_available_after_the_sellers_delay(gateway: FakeGateway) -> None:
    seller = seller_of(delay_days=2, reserve_basis_points=1000, reserve_days=30)
    split_intent(seller)
    now = timezone.now()

    release_shares(now=now)
    waiting = wallet_of(seller)
    release_shares(now=now + timedelta(days=2, minutes=1))
    released = wallet_of(seller)
    release_shares(now=now + timedelta(days=31))
    held = wallet_of(seller)
    release_shares(now=now + timedelta(days=33))

    assert (waiting.pending, waiting.available) == (900, 0)
    assert (released.pending, released.available, released.reserved) == (0, 810, 90)
    assert held.reserved == 90
    assert (wallet_of(seller).available, wallet_of(seller).reserved) == (900, 0)
    assert Transfer.objects.get().status == "available"


def test_ac_049d_refund_takes_share_and_fee_back_in_proportion(gateway: FakeGateway) -> None:
    seller = seller_of()
    intent = split_intent(seller)

    refund_id = refund(intent, 333)

    share = Transfer.objects.get()
    assert (share.amount_reversed, share.fee_returned) == (300, 33)
    assert (total(seller), booked("platform_fees"), booked("refunds")) == (600, 67, 0)
    assert share.reversals.get().source == refund_id


def test_ac_049d_many_small_refunds_end_exactly_at_nothing(gateway: FakeGateway) -> None:
    seller = seller_of()
    intent = split_intent(seller, amount=50, fee=17)

    for _ in range(25):
        refund(intent, 2)

    share = Transfer.objects.get()
    assert (share.amount_reversed, share.fee_returned) == (33, 17)
    assert (total(seller), booked("platform_fees"), booked("refunds")) == (0, 0, 0)


def test_fee_kept_by_policy_is_borne_by_the_seller(gateway: FakeGateway, settings: Any) -> None:
    settings.REFUND_RETURNS_PLATFORM_FEE = False
    seller = seller_of()
    intent = split_intent(seller)

    refund(intent)

    assert (total(seller), booked("platform_fees"), booked("refunds")) == (-100, 100, 0)


def test_refund_after_the_payout_leaves_a_claim_on_the_seller(gateway: FakeGateway) -> None:
    seller = seller_of(delay_days=0)
    intent = split_intent(seller)
    release_shares(now=timezone.now())
    asked_payout(seller, 900)

    refund(intent)

    assert wallet_of(seller).available == -900
    share = Transfer.objects.get()
    assert (share.status, share.amount_reversed) == ("reversed", 900)


def test_ac_049b_refund_that_fails_late_gives_share_and_fee_again(gateway: FakeGateway) -> None:
    seller = seller_of()
    refund_id = refund(split_intent(seller), 500)
    failed = RefundResult(
        state=RefundState.FAILED, reference="re_x", amount=500, currency="EUR", failure_code="lost"
    )

    record_refund(refund_id=refund_id, outcome=failed, origin=TESTER, now=timezone.now())
    record_refund(refund_id=refund_id, outcome=failed, origin=TESTER, now=timezone.now())

    share = Transfer.objects.get()
    assert (share.amount_reversed, share.fee_returned) == (0, 0)
    assert (total(seller), booked("platform_fees")) == (900, 100)


def test_fee_without_a_seller_is_refused(gateway: FakeGateway) -> None:
    with pytest.raises(FeeWithoutSeller):
        created_intent(application_fee_amount=10)

    assert not PaymentIntent.objects.exists()


def test_fee_above_the_amount_is_refused_also_when_the_amount_shrinks(
    gateway: FakeGateway,
) -> None:
    seller = seller_of()
    with pytest.raises(FeeExceedsAmount):
        created_intent(transfer_destination=seller.id, application_fee_amount=1001)
    intent = created_intent(transfer_destination=seller.id, application_fee_amount=1000)

    with pytest.raises(FeeExceedsAmount) as refusal:
        update_intent(
            scope=SCOPE,
            intent_id=intent.id,
            changes={"amount": 999},
            origin=TESTER,
            now=timezone.now(),
        )

    assert refusal.value.context == {"fee": 1000, "amount": 999}
    assert PaymentIntent.objects.get().amount == 1000


def test_postgresql_refuses_a_fee_above_the_amount(gateway: FakeGateway) -> None:
    intent = created_intent(transfer_destination=seller_of().id, application_fee_amount=10)

    with pytest.raises(IntegrityError, match="intent_fee_is_part_of_a_split"), transaction.atomic():
        PaymentIntent.objects.filter(pk=intent.id).update(application_fee_amount=1001)


def test_unknown_seller_is_refused(gateway: FakeGateway) -> None:
    with pytest.raises(ResourceMissing):
        created_intent(transfer_destination="acct_unknown")


def transfer(intent: PaymentIntent, seller: Seller, amount: int, currency: str = "EUR") -> Transfer:
    return transfer_from_charge(
        scope=SCOPE,
        charge_id=intent.latest_charge_id,
        seller_id=seller.id,
        amount=amount,
        currency=currency,
        origin=TESTER,
        now=timezone.now(),
    )


def test_transfers_from_a_charge_stay_within_it(gateway: FakeGateway) -> None:
    seller, intent = seller_of(), confirmed_intent(amount=1000)
    transfer(intent, seller, 700)

    with pytest.raises(TransferExceedsSource) as refusal:
        transfer(intent, seller, 301)

    assert refusal.value.context == {"requested": 301, "left": 300}
    assert transfer(intent, seller, 300).amount == 300
    assert wallet_of(seller).available == 1000


def test_transfer_leaves_room_for_what_was_refunded(gateway: FakeGateway) -> None:
    seller, intent = seller_of(), confirmed_intent(amount=1000)
    refund(intent, 400)

    with pytest.raises(TransferExceedsSource):
        transfer(PaymentIntent.objects.get(), seller, 601)


def test_split_charge_has_nothing_left_to_transfer(gateway: FakeGateway) -> None:
    seller = seller_of()

    with pytest.raises(TransferExceedsSource):
        transfer(split_intent(seller), seller, 1)


def test_transfer_is_in_the_currency_of_its_charge(gateway: FakeGateway) -> None:
    with pytest.raises(TransferCurrencyMismatch):
        transfer(confirmed_intent(), seller_of(), 1, "USD")


def reverse(transfer_id: str, amount: int | None = None) -> Any:
    return reverse_transfer(
        scope=SCOPE, transfer_id=transfer_id, amount=amount, origin=TESTER, now=timezone.now()
    )


def test_transfer_is_taken_back_in_parts_and_no_further(gateway: FakeGateway) -> None:
    seller = paid_seller(1000)
    moved = Transfer.objects.get()

    reverse(moved.id, 400)
    with pytest.raises(ReversalExceedsTransfer) as refusal:
        reverse(moved.id, 601)
    reverse(moved.id)

    assert refusal.value.context == {"requested": 601, "reversible": 600}
    assert (total(seller), booked("seller_shares")) == (0, 0)
    assert Transfer.objects.get().status == "reversed"


def test_transfer_already_paid_out_cannot_be_taken_back(gateway: FakeGateway) -> None:
    seller = paid_seller(1000)
    asked_payout(seller, 700)

    with pytest.raises(WalletTooEmpty) as refusal:
        reverse(Transfer.objects.get().id, 301)

    assert refusal.value.context == {"requested": 301, "available": 300}
    assert Transfer.objects.get().amount_reversed == 0


def test_seller_who_may_go_negative_can_be_taken_back_from_all_the_same(
    gateway: FakeGateway,
) -> None:
    seller = paid_seller(1000, may_go_negative=True)
    asked_payout(seller, 700)

    reverse(Transfer.objects.get().id)

    assert wallet_of(seller).available == -700


def disputed_split(gateway: FakeGateway) -> tuple[Seller, str]:
    """Return a seller with a share of 900 of a payment that is disputed, and the dispute."""
    seller = seller_of()
    split_intent(seller)
    opened = gateway.open_dispute(gateway.captures[-1], now=timezone.now())
    tell(opened)
    return seller, opened.reference


def test_ac_049d_a_lost_dispute_takes_share_and_fee_back_and_is_no_loss_of_ours(
    gateway: FakeGateway,
) -> None:
    seller, dispute = disputed_split(gateway)

    tell(gateway.move_dispute(dispute, state=DisputeState.LOST), times=2)

    assert (total(seller), booked("platform_fees"), booked("dispute_losses")) == (0, 0, 0)
    share = Transfer.objects.get()
    assert (share.amount_reversed, share.fee_returned) == (900, 100)


def test_ac_049d_a_loss_that_is_taken_back_and_comes_again_is_borne_once(
    gateway: FakeGateway,
) -> None:
    seller, dispute = disputed_split(gateway)
    tell(gateway.move_dispute(dispute, state=DisputeState.LOST))

    tell(gateway.win_dispute(dispute))

    assert (total(seller), booked("platform_fees"), booked("dispute_losses")) == (900, 100, 0)
    share = Transfer.objects.get()
    assert (share.amount_reversed, share.fee_returned) == (0, 0)

    gateway.move_funds(dispute, -1000)
    tell(gateway.move_dispute(dispute, state=DisputeState.LOST))

    assert (total(seller), booked("platform_fees"), booked("dispute_losses")) == (0, 0, 0)
    share.refresh_from_db()
    assert (share.amount_reversed, share.fee_returned) == (900, 100)
