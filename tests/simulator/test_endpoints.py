"""The endpoints: their parameters are Stripe's, their pages, balance and payouts work."""

from typing import Any

import pytest
import stripe
from stripe import params as sdk

from simulator.stripe import endpoints
from simulator.testing import RunningSimulator
from tests.simulator.payments import make_customer, pay


@pytest.mark.parametrize(
    ("accepted", "typed"),
    [
        (endpoints.METHOD_CREATE, sdk.PaymentMethodCreateParams),
        (endpoints.METHOD_LIST, sdk.PaymentMethodListParams),
        (endpoints.CUSTOMER_CREATE, sdk.CustomerCreateParams),
        (endpoints.CUSTOMER_UPDATE, sdk.CustomerUpdateParams),
        (endpoints.CUSTOMER_METHOD_LIST, sdk.CustomerPaymentMethodListParams),
        (endpoints.INTENT_CREATE, sdk.PaymentIntentCreateParams),
        (endpoints.INTENT_UPDATE, sdk.PaymentIntentUpdateParams),
        (endpoints.INTENT_CONFIRM, sdk.PaymentIntentConfirmParams),
        (endpoints.INTENT_CAPTURE, sdk.PaymentIntentCaptureParams),
        (endpoints.INTENT_CANCEL, sdk.PaymentIntentCancelParams),
        (endpoints.INTENT_LIST, sdk.PaymentIntentListParams),
        (endpoints.SETUP_CREATE, sdk.SetupIntentCreateParams),
        (endpoints.SETUP_CONFIRM, sdk.SetupIntentConfirmParams),
        (endpoints.REFUND_CREATE, sdk.RefundCreateParams),
        (endpoints.REFUND_UPDATE, sdk.RefundUpdateParams),
        (endpoints.REFUND_LIST, sdk.RefundListParams),
        (endpoints.CHARGE_LIST, sdk.ChargeListParams),
        (endpoints.MOVEMENT_LIST, sdk.BalanceTransactionListParams),
        (endpoints.PAYOUT_CREATE, sdk.PayoutCreateParams),
        (endpoints.DISPUTE_LIST, sdk.DisputeListParams),
        (endpoints.DISPUTE_UPDATE, sdk.DisputeUpdateParams),
        (endpoints.EVENT_LIST, sdk.EventListParams),
    ],
)
def test_nothing_is_accepted_that_stripe_would_refuse(accepted: frozenset[str], typed: Any) -> None:
    assert accepted - typed.__annotations__.keys() == set()


def refusal_of(client: stripe.StripeClient, **params: Any) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.raw_request("post", "/v1/payment_intents", **params)
    return refusal.value


def test_parameters_are_checked_by_name_and_type(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    good = {"amount": 1000, "currency": "eur"}
    refusals = [
        refusal_of(client, **good, colour="red"),
        refusal_of(client, currency="eur"),
        refusal_of(client, amount="10.50", currency="eur"),
        refusal_of(client, amount=49, currency="eur"),
        refusal_of(client, amount=100_000_000, currency="eur"),
        refusal_of(client, amount=1000, currency="euro"),
        refusal_of(client, **good, confirm="maybe"),
        refusal_of(client, **good, metadata={"k" * 41: "v"}),
        refusal_of(client, **good, expand=["colour"]),
    ]

    assert [(each.code, each.param) for each in refusals] == [
        ("parameter_unknown", "colour"),
        ("parameter_missing", "amount"),
        ("parameter_invalid_integer", "amount"),
        ("amount_too_small", "amount"),
        ("amount_too_large", "amount"),
        (None, "currency"),
        (None, "confirm"),
        (None, f"metadata[{'k' * 41}]"),
        (None, "expand"),
    ]
    assert simulator.charges() == []


def test_unknown_addresses_are_404(client: stripe.StripeClient) -> None:
    for path in ("/v1/unicorns", "/v1/payment_intents/pi_1/fly", "/v1/payment_intents//confirm"):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            client.raw_request("post", path)
        assert refusal.value.http_status == 404


def test_objects_expand_two_levels_deep(client: stripe.StripeClient) -> None:
    customer = make_customer(client)
    paid = pay(client, customer=customer.id)

    [listed] = client.v1.payment_intents.list(
        {"expand": ["data.latest_charge.balance_transaction", "data.customer"]}
    ).data

    assert isinstance(listed.customer, stripe.Customer)
    assert isinstance(listed.latest_charge, stripe.Charge)
    movement = listed.latest_charge.balance_transaction
    assert isinstance(movement, stripe.BalanceTransaction)
    assert client.v1.balance_transactions.retrieve(movement.id).source == listed.latest_charge.id
    assert client.v1.charges.retrieve(listed.latest_charge.id).payment_intent == paid.id


def test_pages_follow_each_other_newest_first(client: stripe.StripeClient) -> None:
    ids = [pay(client).id for _ in range(5)]
    newest_first = ids[::-1]

    first = client.v1.payment_intents.list({"limit": 2})
    second = client.v1.payment_intents.list({"limit": 2, "starting_after": first.data[-1].id})
    back = client.v1.payment_intents.list({"limit": 2, "ending_before": second.data[0].id})

    assert [each.id for each in first.data] == newest_first[:2]
    assert [each.id for each in second.data] == newest_first[2:4]
    assert [each.id for each in back.data] == newest_first[:2]
    assert (first.has_more, second.has_more, back.has_more) == (True, True, False)
    everything = client.v1.payment_intents.list({"limit": 2}).auto_paging_iter()
    assert [each.id for each in everything] == newest_first
    assert client.v1.payment_intents.list({"created": {"gt": 2**32}}).data == []


def test_the_balance_becomes_available_and_is_paid_out(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    pay(client)
    pending = client.v1.balance.retrieve()
    assert (pending.available[0].amount, pending.pending[0].amount) == (0, 941)
    with pytest.raises(stripe.InvalidRequestError) as too_early:
        client.v1.payouts.create({"amount": 941, "currency": "eur"})
    assert too_early.value.code == "balance_insufficient"

    simulator.advance_clock(2 * 86_400)
    payout = client.v1.payouts.create({"amount": 941, "currency": "eur"})
    simulator.advance_clock(4)

    assert payout.status == "pending"
    assert client.v1.payouts.retrieve(payout.id).status == "paid"
    assert client.v1.balance.retrieve().available[0].amount == 0
    kinds = [each.type for each in client.v1.balance_transactions.list().data]
    assert kinds == ["payout", "charge"]
    assert len(client.v1.balance_transactions.list({"type": "charge"}).data) == 1


@pytest.mark.parametrize(
    ("destination", "first", "last"),
    [
        ("ba_seller", "paid", "paid"),
        ("ba_closed", "failed", "failed"),
        ("ba_returned", "paid", "failed"),
    ],
)
def test_a_payout_ends_as_its_bank_account_says(
    simulator: RunningSimulator,
    client: stripe.StripeClient,
    destination: str,
    first: str,
    last: str,
) -> None:
    pay(client)
    simulator.advance_clock(2 * 86_400)
    payout = client.v1.payouts.create(
        {"amount": 900, "currency": "eur", "destination": destination}
    )

    simulator.advance_clock(4)
    then = client.v1.payouts.retrieve(payout.id)
    simulator.advance_clock(4)
    now = client.v1.payouts.retrieve(payout.id)

    assert (then.status, now.status) == (first, last)
    assert now.failure_code == ("account_closed" if last == "failed" else None)
    assert [each.id for each in client.v1.payouts.list({"status": last}).data] == [payout.id]
