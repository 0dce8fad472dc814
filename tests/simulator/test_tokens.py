"""Each test token does what its name says."""

import pytest
import stripe

from simulator.stripe.tokens import CARDS_BY_TOKEN
from simulator.testing import RunningSimulator
from tests.simulator.payments import charge_of, make_customer, make_method, pay

DECLINES = [
    ("tok_chargeDeclined", "card_declined", "generic_decline", "01", "try_again_later"),
    (
        "tok_chargeDeclinedInsufficientFunds",
        "card_declined",
        "insufficient_funds",
        "51",
        "try_again_later",
    ),
    ("tok_chargeDeclinedStolenCard", "card_declined", "stolen_card", "43", "do_not_try_again"),
    ("tok_chargeDeclinedExpiredCard", "expired_card", None, "54", "do_not_try_again"),
    ("tok_chargeDeclinedProcessingError", "processing_error", None, "96", "try_again_later"),
    ("tok_declineAfterAttaching", "card_declined", "generic_decline", "01", "try_again_later"),
    ("tok_riskLevelHighest", "card_declined", "fraudulent", None, "do_not_try_again"),
]


@pytest.mark.parametrize(
    ("token", "brand", "last4"),
    [
        ("tok_visa", "visa", "4242"),
        ("tok_mastercard", "mastercard", "4444"),
        ("tok_amex", "amex", "8431"),
    ],
)
def test_good_cards_are_charged(
    simulator: RunningSimulator,
    client: stripe.StripeClient,
    token: str,
    brand: str,
    last4: str,
) -> None:
    intent = pay(client, method=make_method(client, token).id)

    card = charge_of(intent).payment_method_details
    assert intent.status == "succeeded"
    assert intent.amount_received == 1000
    assert card is not None
    assert card.card is not None
    assert (card.card.brand, card.card.last4) == (brand, last4)
    [booked] = simulator.charges("pi_ours")
    assert booked == {
        "id": charge_of(intent).id,
        "psp": "stripe",
        "reference": "pi_ours",
        "attempt": "att_ours",
        "amount": 1000,
        "currency": "eur",
        "status": "succeeded",
        "captured": True,
        "refunded": 0,
        "created": charge_of(intent).created,
    }


@pytest.mark.parametrize(("token", "code", "decline_code", "network_code", "advice"), DECLINES)
def test_declining_cards_say_why(
    simulator: RunningSimulator,
    client: stripe.StripeClient,
    token: str,
    code: str,
    decline_code: str | None,
    network_code: str | None,
    advice: str,
) -> None:
    method = make_method(client, token)

    with pytest.raises(stripe.CardError) as refusal:
        pay(client, method=method.id)

    error = refusal.value.error
    assert refusal.value.http_status == 402
    assert error is not None
    assert (error.code, error.to_dict().get("decline_code")) == (code, decline_code)
    assert error.to_dict().get("network_decline_code") == network_code
    assert error.to_dict()["advice_code"] == advice
    assert error.payment_intent is not None
    assert error.payment_intent.status == "requires_payment_method"
    assert error.payment_intent.amount_received == 0
    [booked] = simulator.charges("pi_ours")
    assert (booked["status"], booked["captured"]) == ("failed", False)


@pytest.mark.parametrize("token", [row[0] for row in DECLINES[:5]])
def test_a_declining_card_cannot_be_attached_either(
    client: stripe.StripeClient, token: str
) -> None:
    customer = make_customer(client)

    with pytest.raises(stripe.CardError):
        client.v1.payment_methods.attach(make_method(client, token).id, {"customer": customer.id})

    assert client.v1.customers.payment_methods.list(customer.id).data == []


def test_decline_after_attaching_lets_itself_be_attached(client: stripe.StripeClient) -> None:
    customer = make_customer(client)
    method = make_method(client, "tok_declineAfterAttaching")

    attached = client.v1.payment_methods.attach(method.id, {"customer": customer.id})

    assert attached.customer == customer.id
    with pytest.raises(stripe.CardError):
        pay(client, method=method.id, customer=customer.id)


@pytest.mark.parametrize(
    ("token", "cvc", "address"),
    [("tok_cvcCheckFail", "fail", None), ("tok_avsFail", "pass", "fail")],
)
def test_failed_checks_stand_on_the_charge(
    client: stripe.StripeClient, token: str, cvc: str, address: str | None
) -> None:
    intent = pay(client, method=make_method(client, token).id)

    details = charge_of(intent).payment_method_details
    assert details is not None
    assert details.card is not None
    checks = details.card.checks
    assert checks is not None
    assert checks.cvc_check == cvc
    assert checks.address_line1_check == address
    assert checks.address_postal_code_check == address


@pytest.mark.parametrize(
    ("token", "level", "score"),
    [("tok_visa", "normal", 12), ("tok_riskLevelElevated", "elevated", 68)],
)
def test_the_risk_stands_on_the_charge(
    client: stripe.StripeClient, token: str, level: str, score: int
) -> None:
    intent = pay(client, method=make_method(client, token).id)

    outcome = charge_of(intent).outcome
    assert outcome is not None
    assert (outcome.risk_level, outcome.risk_score, outcome.type) == (level, score, "authorized")


def test_the_highest_risk_is_blocked_before_the_bank_hears_of_it(
    client: stripe.StripeClient,
) -> None:
    with pytest.raises(stripe.CardError):
        pay(client, method="pm_card_riskLevelHighest")

    [charge] = client.v1.charges.list().data
    assert charge.outcome is not None
    assert charge.outcome.type == "blocked"
    assert charge.outcome.network_status == "not_sent_to_network"


@pytest.mark.parametrize(
    "token",
    [
        "tok_createDispute",
        "tok_createDisputeProductNotReceived",
        "tok_createDisputeInquiry",
        "tok_createIssuerFraudWarning",
    ],
)
def test_cards_that_are_disputed_later_pay_at_first(
    client: stripe.StripeClient, token: str
) -> None:
    assert pay(client, method=make_method(client, token).id).status == "succeeded"


def test_every_token_is_a_ready_made_payment_method_too(client: stripe.StripeClient) -> None:
    for token in CARDS_BY_TOKEN:
        ready = token.replace("tok_", "pm_card_")
        method = client.v1.payment_methods.retrieve(ready)
        assert method.id != ready
        assert method.type == "card"


def test_unknown_tokens_and_wrong_keys_are_refused(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        make_method(client, "tok_nobody")
    assert unknown.value.http_status == 404

    stranger = stripe.StripeClient("sk_test_stranger", base_addresses={"api": simulator.psp_url})
    with pytest.raises(stripe.AuthenticationError) as refusal:
        stranger.v1.balance.retrieve()
    assert refusal.value.http_status == 401


def test_a_method_without_a_customer_is_used_up_by_its_payment(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    method = make_method(client, "tok_visa")
    pay(client, method=method.id)

    with pytest.raises(stripe.InvalidRequestError):
        pay(client, method=method.id, intent="pi_second")

    assert simulator.charges("pi_second") == []
