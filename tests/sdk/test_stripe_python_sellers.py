"""Stripe's own Python SDK, unmodified: split payments, transfers, payouts, balances."""

import uuid

import pytest
import stripe
from django.utils import timezone

from apps.api.models import Merchant
from apps.common.origin import Scope
from apps.payouts.models import Seller
from tests.factories.payouts import seller_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def seller(merchant: Merchant) -> Seller:
    return seller_of(Scope(merchant.id, livemode=False), now=timezone.now())


def test_split_payment_and_its_movements(client: stripe.StripeClient, seller: Seller) -> None:
    paid = client.v1.payment_intents.create(
        {
            "amount": 1000,
            "currency": "eur",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "application_fee_amount": 100,
            "transfer_data": {"destination": seller.id},
            "expand": ["latest_charge.balance_transaction"],
        }
    )

    assert isinstance(paid.latest_charge, stripe.Charge)
    movement = paid.latest_charge.balance_transaction
    assert isinstance(movement, stripe.BalanceTransaction)
    assert (movement.amount, movement.fee, movement.net) == (1000, 59, 941)
    (share,) = client.v1.transfers.list({"destination": seller.id}).data
    assert (share.amount, share.source_transaction) == (900, paid.latest_charge.id)
    (pending,) = client.v1.balance.retrieve().pending
    assert (pending.amount, pending.currency) == (41, "eur")


def test_transfer_reversal_and_payout(client: stripe.StripeClient, seller: Seller) -> None:
    transfer = client.v1.transfers.create(
        {"amount": 1000, "currency": "eur", "destination": seller.id}
    )
    reversal = client.v1.transfers.reversals.create(transfer.id, {"amount": 400})
    payout = client.v1.payouts.create(
        {"amount": 500, "currency": "eur"}, {"stripe_account": seller.id}
    )

    canceled = client.v1.payouts.cancel(payout.id)
    noted = client.v1.transfers.update(transfer.id, {"metadata": {"order": "7"}})
    told = client.v1.payouts.update(payout.id, {"metadata": {"week": "1"}})

    assert noted.metadata["order"] == "7"
    assert told.metadata is not None
    assert told.metadata["week"] == "1"
    assert client.v1.payouts.retrieve(payout.id).status == "canceled"
    assert [each.id for each in client.v1.payouts.list().data] == [payout.id]
    assert client.v1.transfers.reversals.retrieve(transfer.id, reversal.id).amount == 400
    (listed,) = client.v1.transfers.reversals.list(transfer.id).data
    assert listed.id == reversal.id
    assert (reversal.amount, reversal.transfer) == (400, transfer.id)
    assert client.v1.transfers.retrieve(transfer.id).amount_reversed == 400
    assert (payout.status, canceled.status) == ("pending", "canceled")
    kinds = [each.type for each in client.v1.balance_transactions.list().auto_paging_iter()]
    assert kinds == ["transfer_refund", "transfer"]


def test_refusals_have_their_class(client: stripe.StripeClient, seller: Seller) -> None:
    with pytest.raises(stripe.InvalidRequestError) as empty:
        client.v1.payouts.create({"amount": 500, "currency": "eur", "destination": seller.id})
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.transfers.create(
            {"amount": 500, "currency": "eur", "destination": f"acct_{uuid.uuid4().hex}"}
        )

    assert (empty.value.code, empty.value.http_status) == ("balance_insufficient", 400)
    assert (missing.value.param, missing.value.http_status) == ("destination", 404)
