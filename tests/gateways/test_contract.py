"""
The contract: what every adapter must do, over real HTTP against the simulator's own books.

A new adapter joins by its rig in `rigs.py`.
"""

import contextlib
import io
import itertools
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from django.utils import timezone

from apps.common.ids import new_id
from apps.gateways.base import (
    DeclineClass,
    EventKind,
    Gateway,
    InvalidSignature,
    PaymentRequest,
    PaymentResult,
    PaymentState,
    RefundRequest,
    RefundResult,
    RefundState,
    SetupRequest,
    SetupResult,
    SetupState,
    Timeouts,
)
from apps.gateways.errors import GatewayNotSent, GatewayRejected, GatewayUnknown
from apps.reconciliation.statements import AdyenReport, StripeReport, read_report
from simulator.testing import RunningSimulator
from tests.gateways.memory_journal import PatientGateway
from tests.gateways.rigs import PARCEL, RIGS, Rig
from tests.gateways.webhook_receiver import Delivery, receive_webhooks

TIMEOUTS = Timeouts(connect=0.5, read=1.0, total=1.5)

DAY_SECONDS = 24 * 60 * 60
OPEN_REPORT: dict[str, type[StripeReport | AdyenReport]] = {
    "stripe": StripeReport,
    "adyen": AdyenReport,
}

# Of 1050 minor units: 2.9 % are 30.45, half up 30, and 30 more.
FEE_OF_1050 = 60


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    with RunningSimulator() as simulator:
        yield simulator


@pytest.fixture
def sim(running: RunningSimulator) -> RunningSimulator:
    """Return the simulator with empty books and no faults."""
    running.reset()
    return running


@pytest.fixture(params=RIGS, ids=lambda rig: rig.psp)
def rig(request: pytest.FixtureRequest) -> Rig:
    found: Rig = request.param
    return found


@pytest.fixture
def gateway(rig: Rig, sim: RunningSimulator) -> Iterator[Gateway]:
    built = rig.build(sim.psp_url, TIMEOUTS)
    if not rig.tells_later:
        yield built
        built.close()
        return
    with receive_webhooks(lambda each: _listen(built, each)) as receiver:
        sim.send_webhooks_to(receiver.url, rig.webhook_secret, psp=rig.psp)
        yield cast("Gateway", PatientGateway(built, sim))
    built.close()


def _listen(gateway: Gateway, delivery: Delivery) -> None:
    with contextlib.suppress(InvalidSignature):
        gateway.parse_webhook(body=delivery.body, headers=delivery.headers, now=timezone.now())


def request_for(token: str, **changes: Any) -> PaymentRequest:
    fields: dict[str, Any] = {
        "attempt_id": new_id("att"),
        "intent_id": new_id("pi"),
        "amount": 1050,
        "currency": "EUR",
        "token": token,
        "return_url": "https://shop.example/return",
    }
    return PaymentRequest(**fields | changes)


def refund_for(payment: PaymentResult, amount: int) -> RefundRequest:
    return RefundRequest(
        refund_id=new_id("re"),
        reference=payment.reference,
        charge_reference=payment.charge_reference,
        amount=amount,
        currency=payment.currency,
    )


def booked(sim: RunningSimulator, request: PaymentRequest) -> list[tuple[str, int, int]]:
    """Return status, amount and refunded of each charge in the simulator's books."""
    return [
        (charge["status"], charge["amount"], charge["refunded"])
        for charge in sim.charges(request.intent_id)
    ]


# --- taking money -----------------------------------------------------------------------------


def test_a_payment_is_taken_and_told_in_our_words(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    request = request_for(rig.card)

    result = gateway.create_payment(request)

    assert (result.state, result.amount, result.currency, result.amount_captured) == (
        PaymentState.CAPTURED,
        1050,
        "EUR",
        1050,
    )
    assert (result.attempt_id, result.intent_id) == (request.attempt_id, request.intent_id)
    assert result.fee == (FEE_OF_1050 if rig.tells_fees else None)
    assert result.charge_reference
    assert result.method is not None
    assert (result.method.type, result.method.brand, result.method.last4) == (
        "card",
        "visa",
        "4242",
    )
    (charge,) = sim.charges(request.intent_id)
    assert (charge["attempt"], charge["amount"], charge["status"], charge["captured"]) == (
        request.attempt_id,
        1050,
        "succeeded",
        True,
    )


def test_where_the_goods_go_is_told(gateway: Gateway, rig: Rig, sim: RunningSimulator) -> None:
    request = request_for(rig.card, shipping=PARCEL)

    paid = gateway.create_payment(request)

    assert (paid.state, paid.amount) == (PaymentState.CAPTURED, 1050)
    assert len(booked(sim, request)) == 1


def test_a_one_time_token_is_charged_in_one_call(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    request = request_for(rig.one_time_card)

    result = gateway.create_payment(request)

    assert result.state is PaymentState.CAPTURED
    assert result.method_token not in {"", rig.one_time_card}
    assert len(sim.calls(reference=request.attempt_id)) == 1


def test_a_currency_without_minor_units_keeps_its_amount(gateway: Gateway, rig: Rig) -> None:
    result = gateway.create_payment(request_for(rig.card, amount=1050, currency="JPY"))

    assert (result.amount, result.currency, result.amount_captured) == (1050, "JPY", 1050)


def test_the_same_attempt_twice_charges_once(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    request = request_for(rig.card)

    first = gateway.create_payment(request)
    second = gateway.create_payment(request)

    assert first == second
    assert booked(sim, request) == [("succeeded", 1050, 0)]


def test_the_same_attempt_many_times_at_once_charges_once(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    request = request_for(rig.card)

    def attempt(_: int) -> str:
        try:
            return gateway.create_payment(request).state
        except GatewayUnknown:
            return "in use"

    with ThreadPoolExecutor(8) as pool:
        outcomes = set(pool.map(attempt, range(8)))

    assert PaymentState.CAPTURED in outcomes
    assert outcomes <= {PaymentState.CAPTURED, "in use"}
    assert booked(sim, request) == [("succeeded", 1050, 0)]


def test_a_key_used_for_another_amount_charges_nothing_more(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    request = request_for(rig.card)
    gateway.create_payment(request)
    other = request_for(
        rig.card, attempt_id=request.attempt_id, intent_id=request.intent_id, amount=2000
    )

    with pytest.raises(GatewayUnknown):
        gateway.create_payment(other)

    assert booked(sim, request) == [("succeeded", 1050, 0)]


# --- holding, capturing, voiding --------------------------------------------------------------


def test_money_is_held_then_captured(gateway: Gateway, rig: Rig, sim: RunningSimulator) -> None:
    request = request_for(rig.card, capture=False)
    held = gateway.create_payment(request)

    assert (held.state, held.amount, held.amount_captured) == (PaymentState.AUTHORIZED, 1050, 0)
    assert held.fee is None
    assert held.authorization_expires_at is not None
    assert held.authorization_expires_at > timezone.now()
    assert held.authorization_expires_at <= timezone.now() + timedelta(days=7)

    taken = gateway.capture_payment(held.reference, amount=1050, currency="EUR", key="cap_1")

    assert (taken.state, taken.amount_captured) == (PaymentState.CAPTURED, 1050)
    assert booked(sim, request) == [("succeeded", 1050, 0)]


def test_part_of_what_is_held_is_captured_and_the_rest_released(gateway: Gateway, rig: Rig) -> None:
    held = gateway.create_payment(request_for(rig.card, capture=False))

    taken = gateway.capture_payment(held.reference, amount=400, currency="EUR", key="cap_2")

    assert (taken.state, taken.amount_captured) == (PaymentState.CAPTURED, 400)
    with pytest.raises(GatewayRejected):
        gateway.capture_payment(held.reference, amount=100, currency="EUR", key="cap_3")


def test_capturing_more_than_is_held_is_rejected(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    request = request_for(rig.card, capture=False)
    held = gateway.create_payment(request)

    with pytest.raises(GatewayRejected):
        gateway.capture_payment(held.reference, amount=1051, currency="EUR", key="cap_4")

    assert gateway.retrieve_payment(held.reference).state is PaymentState.AUTHORIZED
    assert booked(sim, request) == [("authorized", 1050, 0)]


def test_the_same_capture_twice_takes_once(gateway: Gateway, rig: Rig) -> None:
    held = gateway.create_payment(request_for(rig.card, capture=False))

    for _ in range(2):
        taken = gateway.capture_payment(held.reference, amount=400, currency="EUR", key="cap_5")
        assert (taken.state, taken.amount_captured) == (PaymentState.CAPTURED, 400)


def test_a_void_releases_what_is_held(gateway: Gateway, rig: Rig, sim: RunningSimulator) -> None:
    request = request_for(rig.card, capture=False)
    held = gateway.create_payment(request)

    assert gateway.void_payment(held.reference, key="void_1").state is PaymentState.VOIDED
    assert booked(sim, request) == [("voided", 1050, 0)]
    with pytest.raises(GatewayRejected):
        gateway.capture_payment(held.reference, amount=1050, currency="EUR", key="cap_6")


def test_a_hold_that_ran_out_is_voided(gateway: Gateway, rig: Rig, sim: RunningSimulator) -> None:
    request = request_for(rig.card, capture=False)
    held = gateway.create_payment(request)

    sim.advance(request.intent_id, "expire")

    assert gateway.retrieve_payment(held.reference).state is PaymentState.VOIDED
    assert booked(sim, request) == [("voided", 1050, 0)]


def test_what_is_captured_cannot_be_voided(gateway: Gateway, rig: Rig) -> None:
    taken = gateway.create_payment(request_for(rig.card))

    with pytest.raises(GatewayRejected):
        gateway.void_payment(taken.reference, key="void_2")

    assert gateway.retrieve_payment(taken.reference).state is PaymentState.CAPTURED


# --- refunds ----------------------------------------------------------------------------------


def test_a_payment_is_refunded_in_parts_until_nothing_is_left(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    request = request_for(rig.card)
    taken = gateway.create_payment(request)
    first, second = refund_for(taken, 300), refund_for(taken, 750)

    result = gateway.create_refund(first)

    assert result == RefundResult(
        state=RefundState.SUCCEEDED,
        reference=result.reference,
        amount=300,
        currency="EUR",
        refund_id=first.refund_id,
        payment_reference=taken.reference,
        bank_reference=result.bank_reference,
        bank_reference_type="acquirer_reference_number",
    )
    assert re.fullmatch(r"7\d{22}", result.bank_reference)
    assert gateway.retrieve_payment(taken.reference).amount_refunded == 300
    assert gateway.create_refund(second).state is RefundState.SUCCEEDED
    with pytest.raises(GatewayRejected):
        gateway.create_refund(refund_for(taken, 1))
    assert booked(sim, request) == [("succeeded", 1050, 1050)]


def test_the_same_refund_twice_gives_back_once(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    request = request_for(rig.card)
    refund = refund_for(gateway.create_payment(request), 300)

    assert gateway.create_refund(refund) == gateway.create_refund(refund)
    assert booked(sim, request) == [("succeeded", 1050, 300)]


def test_a_refund_is_found_by_our_reference_and_by_its_own(gateway: Gateway, rig: Rig) -> None:
    taken = gateway.create_payment(request_for(rig.card))
    refund = refund_for(taken, 300)
    made = gateway.create_refund(refund)

    assert gateway.retrieve_refund(made.reference) == made
    assert gateway.find_refund(refund.refund_id, payment_reference=taken.reference) == made
    assert gateway.find_refund(new_id("re"), payment_reference=taken.reference) is None


def test_a_refund_may_fail_days_later(gateway: Gateway, rig: Rig, sim: RunningSimulator) -> None:
    request = request_for(rig.card)
    made = gateway.create_refund(refund_for(gateway.create_payment(request), 300))

    sim.advance(request.intent_id, "fail_refund")

    failed = gateway.retrieve_refund(made.reference)
    assert (made.state, failed.state) == (RefundState.SUCCEEDED, RefundState.FAILED)
    assert failed.failure_code
    assert booked(sim, request) == [("succeeded", 1050, 0)]


# --- looking up -------------------------------------------------------------------------------


def test_a_payment_is_found_by_our_reference_and_by_its_own(gateway: Gateway, rig: Rig) -> None:
    request = request_for(rig.card)
    taken = gateway.create_payment(request)

    assert gateway.retrieve_payment(taken.reference) == taken
    assert gateway.find_payment(request.attempt_id) == taken
    assert gateway.find_payment(new_id("att")) is None


def test_an_unknown_reference_is_rejected(gateway: Gateway) -> None:
    with pytest.raises(GatewayRejected):
        gateway.retrieve_payment("pi_doesnotexist")
    unknown = RefundRequest(
        refund_id=new_id("re"),
        reference="pi_doesnotexist",
        charge_reference="ch_doesnotexist",
        amount=100,
        currency="EUR",
    )
    with pytest.raises(GatewayRejected):
        gateway.create_refund(unknown)


# --- declines ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("psp", "token"), [(each.psp, token) for each in RIGS for token in each.declines]
)
def test_a_decline_is_a_result_of_its_class(
    gateway: Gateway, rig: Rig, sim: RunningSimulator, psp: str, token: str
) -> None:
    if psp != rig.psp:
        pytest.skip("a token of another gateway")
    request = request_for(token)
    code, error_class = rig.declines[token]

    result = gateway.create_payment(request)

    assert result.state is PaymentState.DECLINED
    assert (result.amount, result.currency, result.amount_captured) == (1050, "EUR", 0)
    assert result.attempt_id == request.attempt_id
    assert result.reference
    assert result.decline is not None
    assert (result.decline.code, result.decline.error_class) == (code, error_class)
    assert result.decline.message
    assert {status for status, _, _ in booked(sim, request)} <= {"failed"}


@pytest.mark.parametrize(
    ("psp", "check"), [(each.psp, check) for each in RIGS for check in each.failing_checks]
)
def test_failed_checks_of_the_card_are_told(
    gateway: Gateway, rig: Rig, psp: str, check: str
) -> None:
    if psp != rig.psp:
        pytest.skip("a token of another gateway")

    result = gateway.create_payment(request_for(rig.failing_checks[check]))

    assert result.method is not None
    assert getattr(result.method, check) == "fail"


# --- 3-D Secure -------------------------------------------------------------------------------


def test_a_challenge_sends_the_payer_to_a_page(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    request = request_for(rig.challenged_card)

    result = gateway.create_payment(request)

    assert result.state is PaymentState.REQUIRES_ACTION
    assert result.action_url.startswith("http")
    assert result.amount_captured == 0
    assert not {"succeeded", "authorized"} & {status for status, _, _ in booked(sim, request)}


def test_a_challenged_payment_can_be_voided(gateway: Gateway, rig: Rig) -> None:
    waiting = gateway.create_payment(request_for(rig.challenged_card))

    assert gateway.void_payment(waiting.reference, key="void_3").state is PaymentState.VOIDED


def test_an_approved_challenge_takes_the_money_and_tells_how(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    request = request_for(rig.challenged_card)
    waiting = gateway.create_payment(request)

    sim.advance(request.intent_id, "approve")

    result = gateway.retrieve_payment(waiting.reference)
    assert (result.state, result.amount_captured) == (PaymentState.CAPTURED, 1050)
    assert result.method is not None
    assert result.method.three_d_secure == "authenticated"
    assert booked(sim, request) == [("succeeded", 1050, 0)]


def test_a_failed_challenge_is_a_decline_that_asks_for_authentication(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    request = request_for(rig.challenged_card)
    waiting = gateway.create_payment(request)

    sim.advance(request.intent_id, "fail_authentication")

    result = gateway.retrieve_payment(waiting.reference)
    assert (result.state, result.amount_captured) == (PaymentState.DECLINED, 0)
    assert result.decline is not None
    assert result.decline.error_class is DeclineClass.AUTHENTICATION_REQUIRED


def answer_the_bank(waiting: PaymentResult | SetupResult, outcome: str) -> dict[str, str]:
    """Press a button of the bank's page; return what the browser takes back to the shop."""
    answer = httpx.post(waiting.action_url, data={"outcome": outcome}, trust_env=False)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


@pytest.mark.parametrize(
    ("outcome", "state", "taken"),
    [
        ("approve", PaymentState.CAPTURED, 1050),
        ("fail", PaymentState.DECLINED, 0),
        ("cancel", PaymentState.DECLINED, 0),
    ],
)
def test_what_the_payer_brings_back_finishes_the_payment(
    gateway: Gateway, sim: RunningSimulator, rig: Rig, outcome: str, state: str, taken: int
) -> None:
    request = request_for(rig.challenged_card)
    waiting = gateway.create_payment(request)
    brought = answer_the_bank(waiting, outcome)

    first = gateway.finish_payment(waiting.reference, answer=brought)
    again = gateway.finish_payment(waiting.reference, answer=brought)

    assert (first.state, first.amount_captured, first.attempt_id) == (
        state,
        taken,
        request.attempt_id,
    )
    assert again.state == state
    assert sum(charge["captured"] for charge in sim.charges(request.intent_id)) == (taken > 0)


@pytest.mark.parametrize("brought", [{}, {"redirectResult": "forged"}, {"outcome": "approve"}])
def test_what_the_payer_claims_is_not_believed(
    gateway: Gateway, rig: Rig, brought: dict[str, str]
) -> None:
    waiting = gateway.create_payment(request_for(rig.challenged_card))

    result = gateway.finish_payment(waiting.reference, answer=brought)

    assert (result.state, result.amount_captured) == (PaymentState.REQUIRES_ACTION, 0)


def setup_of(gateway: Gateway, card: str) -> SetupRequest:
    stored = gateway.store_method(type="card", token=card, billing_details={}, key=new_id("pm"))
    return SetupRequest(
        reference=f"{new_id('seti')}_1",
        token=stored.token,
        return_url="https://shop.example/return",
    )


def test_a_card_is_set_up_for_later_and_charged_without_its_payer(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    request = setup_of(gateway, rig.one_time_card)

    first = gateway.set_up_method(request)
    again = gateway.set_up_method(request)
    paid = gateway.create_payment(request_for(request.token, off_session=True, return_url=""))

    assert first == again
    assert (first.state, paid.state) == (SetupState.SUCCEEDED, PaymentState.CAPTURED)
    assert sim.charges(request.reference.rpartition("_")[0]) == []


@pytest.mark.parametrize(
    ("outcome", "state"), [("approve", SetupState.SUCCEEDED), ("fail", SetupState.FAILED)]
)
def test_a_bank_may_want_to_see_the_payer_first(
    gateway: Gateway, rig: Rig, outcome: str, state: SetupState
) -> None:
    waiting = gateway.set_up_method(setup_of(gateway, rig.challenged_card))
    assert waiting.state is SetupState.REQUIRES_ACTION
    brought = answer_the_bank(waiting, outcome)

    done = gateway.finish_setup(waiting.reference, answer=brought)

    assert done.state == state
    assert (done.decline is not None) == (state == SetupState.FAILED)


def test_a_card_that_the_bank_refuses_is_not_set_up(gateway: Gateway, rig: Rig) -> None:
    result = gateway.set_up_method(setup_of(gateway, "tok_chargeDeclinedStolenCard"))

    assert result.state is SetupState.FAILED
    assert result.decline is not None
    assert result.decline.error_class is DeclineClass.TERMINAL


def test_an_authentication_without_a_challenge_is_told(gateway: Gateway, rig: Rig) -> None:
    result = gateway.create_payment(
        request_for(rig.frictionless_card, request_three_d_secure="any")
    )

    assert result.state is PaymentState.CAPTURED
    assert result.method is not None
    assert result.method.three_d_secure in {"authenticated", "attempt_acknowledged"}


def test_without_the_payer_a_challenge_is_a_decline(gateway: Gateway, rig: Rig) -> None:
    result = gateway.create_payment(
        request_for(rig.off_session_challenged_card, off_session=True, return_url="")
    )

    assert result.state is PaymentState.DECLINED
    assert result.decline is not None
    assert result.decline.error_class is DeclineClass.AUTHENTICATION_REQUIRED


# --- payment methods --------------------------------------------------------------------------


def test_a_card_is_kept_attached_charged_and_detached(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    stored = gateway.store_method(
        type="card", token=rig.one_time_card, billing_details={"name": "Ada"}, key=new_id("pm")
    )
    customer = gateway.create_customer(
        customer_id=new_id("cus"), email="ada@shop.example", name="Ada", key=new_id("cus")
    )

    attached = gateway.attach_method(stored.token, customer_reference=customer, key=new_id("pm"))
    request = request_for(stored.token, customer_reference=customer)

    assert attached == stored
    assert (stored.details.brand, stored.details.last4) == ("visa", "4242")
    assert gateway.create_payment(request).state is PaymentState.CAPTURED
    gateway.detach_method(stored.token, key=new_id("pm"))
    assert booked(sim, request) == [("succeeded", 1050, 0)]


def test_a_token_nobody_knows_is_rejected(gateway: Gateway) -> None:
    with pytest.raises(GatewayRejected):
        gateway.store_method(type="card", token="tok_nobody", billing_details={}, key="k")


@pytest.mark.parametrize(
    ("iban", "settled", "captured"),
    [
        ("DE89370400440532013000", PaymentState.CAPTURED, 1050),
        ("DE62370400440532013001", PaymentState.DECLINED, 0),
    ],
)
def test_a_bank_debit_is_pending_until_the_bank_tells(
    gateway: Gateway,
    sim: RunningSimulator,
    iban: str,
    settled: PaymentState,
    captured: int,
) -> None:
    stored = gateway.store_method(
        type="sepa_debit",
        token=iban,
        billing_details={"name": "Ada", "email": "ada@shop.example"},
        key=new_id("pm"),
    )
    request = request_for(stored.token, method_type="sepa_debit")

    pending = gateway.create_payment(request)

    assert (stored.details.type, stored.details.last4) == ("sepa_debit", iban[-4:])
    assert (pending.state, pending.amount_captured) == (PaymentState.PENDING, 0)
    sim.advance(request.intent_id, "settle")
    result = gateway.retrieve_payment(pending.reference)
    assert (result.state, result.amount_captured) == (settled, captured)


# --- faults -----------------------------------------------------------------------------------


def test_a_refused_connection_was_not_sent(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    request = request_for(rig.card)
    sim.fault("refuse", psp=rig.psp)

    with pytest.raises(GatewayNotSent):
        gateway.create_payment(request)

    sim.heal()
    assert booked(sim, request) == []
    assert gateway.create_payment(request).state is PaymentState.CAPTURED


def test_being_told_to_slow_down_is_not_sent(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    request = request_for(rig.card)
    sim.fault("http_429", psp=rig.psp, count=1)

    with pytest.raises(GatewayNotSent):
        gateway.create_payment(request)

    assert booked(sim, request) == []


@pytest.mark.parametrize(
    ("kind", "was_charged"),
    [
        ("http_500", False),
        ("timeout_before", False),
        ("http_500_after", True),
        ("timeout_after", True),
    ],
)
def test_a_lost_answer_is_unknown_and_a_look_up_tells_the_truth(
    gateway: Gateway, rig: Rig, sim: RunningSimulator, kind: str, was_charged: bool
) -> None:
    request = request_for(rig.card)
    sim.fault(kind, psp=rig.psp, count=1, ms=1200)

    with pytest.raises(GatewayUnknown):
        gateway.create_payment(request)

    found = gateway.find_payment(request.attempt_id)
    assert (found is not None) is was_charged
    assert booked(sim, request) == ([("succeeded", 1050, 0)] if was_charged else [])


@pytest.mark.parametrize("kind", ["http_500", "timeout_before", "timeout_after"])
def test_after_a_lost_answer_the_same_key_charges_once(
    gateway: Gateway, rig: Rig, sim: RunningSimulator, kind: str
) -> None:
    request = request_for(rig.card)
    sim.fault(kind, psp=rig.psp, count=1, ms=1200)
    with pytest.raises(GatewayUnknown):
        gateway.create_payment(request)

    result = gateway.create_payment(request)

    assert (result.state, result.amount_captured) == (PaymentState.CAPTURED, 1050)
    assert booked(sim, request) == [("succeeded", 1050, 0)]


def test_a_refund_whose_answer_is_lost_is_found_and_given_back_once(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    request = request_for(rig.card)
    taken = gateway.create_payment(request)
    refund = refund_for(taken, 300)
    sim.fault("timeout_after", psp=rig.psp, count=1, ms=1200)
    with pytest.raises(GatewayUnknown):
        gateway.create_refund(refund)

    found = gateway.find_refund(refund.refund_id, payment_reference=taken.reference)

    assert found == gateway.create_refund(refund)
    assert booked(sim, request) == [("succeeded", 1050, 300)]


def test_another_amount_in_the_answer_is_passed_on(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    sim.fault("wrong_amount", psp=rig.psp, count=1)

    result = gateway.create_payment(request_for(rig.card))

    assert result.amount != 1050


# --- webhooks ---------------------------------------------------------------------------------


def test_webhooks_verify_and_tell_our_references(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    request = request_for(rig.card)
    with receive_webhooks() as receiver:
        sim.send_webhooks_to(receiver.url, rig.webhook_secret, psp=rig.psp)
        taken = gateway.create_payment(request)
        sim.flush_webhooks()
        deliveries = receiver.wait_for(1)

    events = list(
        itertools.chain.from_iterable(
            gateway.parse_webhook(body=each.body, headers=each.headers, now=timezone.now())
            for each in deliveries
        )
    )
    ours = [event for event in events if event.kind is EventKind.PAYMENT]
    assert ours
    assert {event.payment_reference for event in ours} == {taken.reference}
    assert {event.attempt_id for event in ours} == {request.attempt_id}
    assert len({event.id for event in events}) == len(events)


def test_a_changed_or_badly_signed_webhook_is_refused(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    with receive_webhooks() as receiver:
        sim.send_webhooks_to(receiver.url, rig.webhook_secret, psp=rig.psp)
        gateway.create_payment(request_for(rig.card))
        sim.flush_webhooks()
        genuine = receiver.wait_for(1)[0]
        before = len(receiver.deliveries)
        sim.fault("bad_signature", psp=rig.psp, count=1)
        gateway.create_payment(request_for(rig.card))
        sim.flush_webhooks()
        later = receiver.wait_for(before + 1)[before:]

    changed = genuine.body.replace(b"1050", b"9050")
    assert changed != genuine.body
    with pytest.raises(InvalidSignature):
        gateway.parse_webhook(body=changed, headers=genuine.headers, now=timezone.now())
    refused = 0
    for each in later:
        try:
            gateway.parse_webhook(body=each.body, headers=each.headers, now=timezone.now())
        except InvalidSignature:
            refused += 1
    assert refused == 1


# --- settlement reports -----------------------------------------------------------------------


def fetch_report(gateway: Gateway, day: date) -> bytes | None:
    """Return the gateway's report of a day, None when it says that there is none."""
    pieces: list[bytes] = []
    is_there = gateway.settlement_report(day, write=pieces.append)
    assert is_there == bool(pieces)
    return b"".join(pieces) if is_there else None


def test_a_day_is_reported_once_it_is_over_with_its_payments_and_its_payout(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    requests = [request_for(rig.card) for _ in range(2)]
    for request in requests:
        gateway.create_payment(request)
    sim.flush_webhooks()
    day = datetime.now(UTC).date()  # noqa: TID251 - the simulator's own time
    sim.control("POST", "settlements/close", {"psp": rig.psp, "currency": "eur"})
    sim.advance_clock(DAY_SECONDS)
    sim.flush_webhooks()

    report = fetch_report(gateway, day)

    assert report is not None
    blocks = list(read_report(io.StringIO(report.decode()), OPEN_REPORT[rig.psp]))
    rows = [row.split("\t") for block in blocks for row in block.copy.splitlines()]
    assert not any(block.refused for block in blocks)
    assert sorted((row[2], int(row[8]), int(row[9])) for row in rows) == [
        ("charge", 1050, FEE_OF_1050),
        ("charge", 1050, FEE_OF_1050),
        ("payout", -2 * (1050 - FEE_OF_1050), 0),
    ]
    assert {row[5] for row in rows if row[2] == "charge"} == {each.attempt_id for each in requests}
    assert fetch_report(gateway, day) == report


def test_a_day_without_a_report_yet_is_told_and_nothing_written(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    gateway.create_payment(request_for(rig.card))
    sim.flush_webhooks()

    assert fetch_report(gateway, datetime.now(UTC).date()) is None  # noqa: TID251


def test_a_report_that_cannot_be_fetched_is_a_fault_and_not_a_missing_report(
    gateway: Gateway, rig: Rig, sim: RunningSimulator
) -> None:
    gateway.create_payment(request_for(rig.card))
    sim.flush_webhooks()
    day = datetime.now(UTC).date()  # noqa: TID251 - the simulator's own time
    sim.control("POST", "settlements/close", {"psp": rig.psp, "currency": "eur"})
    sim.advance_clock(DAY_SECONDS)
    sim.flush_webhooks()
    sim.fault("http_500", psp=rig.psp, count=1)

    with pytest.raises(GatewayUnknown):
        fetch_report(gateway, day)
    assert fetch_report(gateway, day) is not None
