"""The life of a payment at Stripe: captured, cancelled, authenticated, debited, found again."""

import httpx
import pytest
import stripe

from simulator.testing import RunningSimulator
from tests.simulator.payments import (
    charge_of,
    make_customer,
    make_debit_method,
    make_method,
    pay,
    pay_by_debit,
)

RETURN_URL = "https://shop.example/return?order=7"


def test_the_fee_is_2_9_percent_and_30_units_half_up(client: stripe.StripeClient) -> None:
    fees = {}
    for amount in (50, 1000, 1050, 1017, 9_999):
        movement = charge_of(pay(client, amount=amount)).balance_transaction
        assert isinstance(movement, stripe.BalanceTransaction)
        assert movement.net == amount - movement.fee
        assert movement.exchange_rate is None
        fees[amount] = movement.fee

    # 1050: 30.45 -> 30; 1017: 29.493 -> 29; 50: 1.45 -> 1; 9999: 289.97 -> 290
    assert fees == {50: 31, 1000: 59, 1050: 60, 1017: 59, 9_999: 320}


def test_a_hold_is_captured_in_part_once_and_the_rest_released(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    held = pay(client, capture_method="manual")
    assert (held.status, held.amount_capturable, held.amount_received) == (
        "requires_capture",
        1000,
        0,
    )
    assert charge_of(held).balance_transaction is None
    assert simulator.charges("pi_ours")[0]["status"] == "authorized"

    captured = client.v1.payment_intents.capture(
        held.id, {"amount_to_capture": 600, "expand": ["latest_charge"]}
    )

    assert (captured.status, captured.amount_capturable, captured.amount_received) == (
        "succeeded",
        0,
        600,
    )
    # Stripe counts what it releases as given back.
    assert charge_of(captured).amount_refunded == 400
    [booked] = simulator.charges("pi_ours")
    assert (booked["amount"], booked["captured"], booked["refunded"]) == (600, True, 0)
    with pytest.raises(stripe.InvalidRequestError) as twice:
        client.v1.payment_intents.capture(held.id)
    assert twice.value.code == "payment_intent_unexpected_state"


def test_more_than_is_held_cannot_be_captured(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    held = pay(client, capture_method="manual")

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payment_intents.capture(held.id, {"amount_to_capture": 1001})

    assert refusal.value.code == "amount_too_large"
    assert simulator.charges("pi_ours")[0]["status"] == "authorized"


def test_cancelling_a_hold_releases_it_for_good(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    held = pay(client, capture_method="manual")

    canceled = client.v1.payment_intents.cancel(held.id, {"cancellation_reason": "abandoned"})

    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    [booked] = simulator.charges("pi_ours")
    assert (booked["status"], booked["captured"]) == ("voided", False)
    for late in (client.v1.payment_intents.capture, client.v1.payment_intents.cancel):
        with pytest.raises(stripe.InvalidRequestError):
            late(held.id)


def test_a_hold_expires_after_a_week(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    held = pay(client, capture_method="manual")

    simulator.advance_clock(7 * 86_400 - 60)
    assert client.v1.payment_intents.retrieve(held.id).status == "requires_capture"
    simulator.advance_clock(61)

    expired = client.v1.payment_intents.retrieve(held.id)
    assert (expired.status, expired.cancellation_reason) == ("canceled", "automatic")
    assert simulator.charges("pi_ours")[0]["status"] == "voided"


def test_a_declined_intent_is_paid_with_another_card(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    with pytest.raises(stripe.CardError) as refusal:
        pay(client, method="pm_card_chargeDeclined")
    assert refusal.value.error is not None
    assert refusal.value.error.payment_intent is not None
    intent_id = refusal.value.error.payment_intent.id

    paid = client.v1.payment_intents.confirm(intent_id, {"payment_method": "pm_card_visa"})

    assert paid.status == "succeeded"
    assert [each["status"] for each in simulator.charges("pi_ours")] == ["failed", "succeeded"]


def test_create_update_confirm_in_three_steps(client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.create({"amount": 1000, "currency": "eur"})
    assert intent.status == "requires_payment_method"

    changed = client.v1.payment_intents.update(
        intent.id, {"amount": 700, "payment_method": "pm_card_visa"}
    )
    paid = client.v1.payment_intents.confirm(intent.id)

    assert changed.status == "requires_confirmation"
    assert (paid.status, paid.amount_received) == ("succeeded", 700)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.update(intent.id, {"amount": 900})


@pytest.mark.parametrize(
    ("outcome", "status", "charges"),
    [
        ("approve", "succeeded", ["succeeded"]),
        ("fail", "requires_payment_method", []),
        ("cancel", "requires_payment_method", []),
    ],
)
def test_the_payer_answers_the_challenge_on_the_banks_page(
    simulator: RunningSimulator,
    client: stripe.StripeClient,
    outcome: str,
    status: str,
    charges: list[str],
) -> None:
    asked = pay(client, method="pm_card_threeDSecure2Required", return_url=RETURN_URL)
    assert asked.status == "requires_action"
    assert asked.next_action is not None
    assert asked.next_action.redirect_to_url is not None
    assert asked.next_action.redirect_to_url.return_url == RETURN_URL
    url = asked.next_action.redirect_to_url.url
    assert url is not None
    assert simulator.charges("pi_ours") == []

    page = httpx.get(url)
    answers = [httpx.post(url, data={"outcome": outcome}) for _ in range(2)]

    assert 'value="approve"' in page.text
    expected = (
        f"{RETURN_URL}&payment_intent={asked.id}&payment_intent_client_secret={asked.client_secret}"
    )
    assert [(each.status_code, each.headers["Location"]) for each in answers] == [
        (303, expected),
        (303, expected),
    ]
    finished = client.v1.payment_intents.retrieve(asked.id, {"expand": ["latest_charge"]})
    assert finished.status == status
    assert [each["status"] for each in simulator.charges("pi_ours")] == charges
    if outcome == "approve":
        details = charge_of(finished).payment_method_details
        assert details is not None
        assert details.card is not None
        assert details.card.three_d_secure is not None
        assert details.card.three_d_secure.authentication_flow == "challenge"
        assert details.card.three_d_secure.result == "authenticated"
    else:
        assert finished.last_payment_error is not None
        assert finished.last_payment_error.code == "payment_intent_authentication_failure"


def test_a_frictionless_check_needs_nobody(client: stripe.StripeClient) -> None:
    intent = pay(client, method="pm_card_threeDSecureOptional", return_url=RETURN_URL)

    details = charge_of(intent).payment_method_details
    assert intent.status == "succeeded"
    assert details is not None
    assert details.card is not None
    assert details.card.three_d_secure is not None
    assert details.card.three_d_secure.authentication_flow == "frictionless"


def test_a_merchant_may_ask_for_the_challenge(client: stripe.StripeClient) -> None:
    intent = pay(
        client,
        method="pm_card_threeDSecureOptional",
        return_url=RETURN_URL,
        payment_method_options={"card": {"request_three_d_secure": "challenge"}},
    )

    assert intent.status == "requires_action"


@pytest.mark.parametrize(
    "method", ["pm_card_authenticationRequired", "pm_card_threeDSecure2Required"]
)
def test_nobody_can_be_asked_off_session(client: stripe.StripeClient, method: str) -> None:
    with pytest.raises(stripe.CardError) as refusal:
        pay(client, method=method, off_session=True)

    assert refusal.value.code == "authentication_required"


@pytest.mark.parametrize(
    ("token", "works_off_session"),
    [("tok_threeDSecure2Required", True), ("tok_authenticationRequired", False)],
)
def test_a_card_set_up_with_the_payer_present_may_be_charged_later(
    simulator: RunningSimulator,
    client: stripe.StripeClient,
    token: str,
    works_off_session: bool,
) -> None:
    customer = make_customer(client)
    method = make_method(client, token)
    setup = client.v1.setup_intents.create(
        {
            "customer": customer.id,
            "payment_method": method.id,
            "confirm": True,
            "return_url": RETURN_URL,
            "usage": "off_session",
        }
    )
    assert setup.status == "requires_action"
    assert setup.next_action is not None
    assert setup.next_action.redirect_to_url is not None
    httpx.post(str(setup.next_action.redirect_to_url.url), data={"outcome": "approve"})

    assert client.v1.setup_intents.retrieve(setup.id).status == "succeeded"
    assert client.v1.payment_methods.retrieve(method.id).customer == customer.id
    if works_off_session:
        paid = pay(client, method=method.id, customer=customer.id, off_session=True)
        assert paid.status == "succeeded"
    else:
        with pytest.raises(stripe.CardError):
            pay(client, method=method.id, customer=customer.id, off_session=True)
        assert [each["status"] for each in simulator.charges("pi_ours")] == ["failed"]


def test_a_setup_is_declined_or_cancelled(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError) as refusal:
        client.v1.setup_intents.create(
            {"payment_method": "pm_card_chargeDeclined", "confirm": True}
        )
    assert refusal.value.error is not None
    assert refusal.value.error.setup_intent is not None
    assert refusal.value.error.setup_intent.status == "requires_payment_method"

    setup = client.v1.setup_intents.create({})
    assert client.v1.setup_intents.cancel(setup.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.setup_intents.confirm(setup.id, {"payment_method": "pm_card_visa"})


@pytest.mark.parametrize(
    ("iban", "status", "booked"),
    [
        ("DE89370400440532013000", "succeeded", "succeeded"),
        ("DE62370400440532013001", "requires_payment_method", "failed"),
    ],
)
def test_a_debit_is_under_way_until_the_bank_speaks(
    simulator: RunningSimulator,
    client: stripe.StripeClient,
    iban: str,
    status: str,
    booked: str,
) -> None:
    started = pay_by_debit(client, iban)
    assert started.status == "processing"
    assert charge_of(started).status == "pending"
    assert simulator.charges("pi_ours")[0]["captured"] is False

    simulator.advance("pi_ours", "settle")
    simulator.advance("pi_ours", "settle")

    assert client.v1.payment_intents.retrieve(started.id).status == status
    assert [each["status"] for each in simulator.charges("pi_ours")] == [booked]


def test_a_debit_settles_by_itself(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    simulator.change_settings(debit_delay=60)
    started = pay_by_debit(client, "DE89370400440532013000")

    simulator.advance_clock(61)

    assert client.v1.payment_intents.retrieve(started.id).status == "succeeded"


def test_a_debit_needs_a_mandate_euros_and_a_true_iban(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as no_mandate:
        pay(client, method=make_debit_method(client).id)
    with pytest.raises(stripe.InvalidRequestError) as no_euros:
        pay(client, method=make_debit_method(client).id, currency="usd", mandate_data={})
    with pytest.raises(stripe.InvalidRequestError) as no_iban:
        make_debit_method(client, "DE89370400440532013001")

    assert no_mandate.value.code == "payment_intent_mandate_invalid"
    assert no_euros.value.param == "currency"
    assert no_iban.value.code == "invalid_bank_account_iban"


def test_a_payment_is_found_by_our_reference_once_the_search_has_seen_it(
    simulator: RunningSimulator, client: stripe.StripeClient
) -> None:
    paid = pay(client, attempt="att_1")
    pay(client, attempt="att_2")

    def find(query: str) -> list[str]:
        return [each.id for each in client.v1.payment_intents.search({"query": query}).data]

    assert find("metadata['attempt']:'att_1'") == [paid.id]
    assert find("metadata['attempt']:'att_1' AND metadata['intent']:'pi_ours'") == [paid.id]
    assert find("metadata['attempt']:'att_3'") == []
    simulator.change_settings(search_lag=60)
    assert find("metadata['attempt']:'att_1'") == []
    simulator.advance_clock(61)
    assert find("metadata['attempt']:'att_1'") == [paid.id]
    with pytest.raises(stripe.InvalidRequestError):
        find("status:'succeeded'")


def test_a_card_takes_no_whole_statement_descriptor(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        pay(client, statement_descriptor="ADAS BOOKS")

    assert refusal.value.param == "statement_descriptor"
    paid = pay(client, statement_descriptor_suffix="ORDER 7")
    assert charge_of(paid).calculated_statement_descriptor == "SIMULATOR* ORDER 7"


def test_methods_belong_to_one_customer(client: stripe.StripeClient) -> None:
    ada, bob = make_customer(client), make_customer(client)
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": ada.id})

    with pytest.raises(stripe.InvalidRequestError):
        pay(client, method=method.id)
    with pytest.raises(stripe.InvalidRequestError):
        pay(client, method=method.id, customer=bob.id)
    assert pay(client, method=method.id, customer=ada.id).status == "succeeded"
    assert pay(client, method=method.id, customer=ada.id).status == "succeeded"

    client.v1.payment_methods.detach(method.id)
    with pytest.raises(stripe.InvalidRequestError):
        pay(client, method=method.id, customer=ada.id)


def test_a_deleted_customer_is_gone(client: stripe.StripeClient) -> None:
    ada = client.v1.customers.create({"name": "Ada", "payment_method": "pm_card_visa"})
    assert client.v1.customers.update(ada.id, {"name": "Ada L."}).name == "Ada L."

    assert client.v1.customers.delete(ada.id).deleted is True

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.customers.retrieve(ada.id)
    assert refusal.value.code == "resource_missing"
