"""What goes over the wire to Stripe, and what each kind of answer means."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import stripe

from apps.gateways.base import (
    DeclineClass,
    GatewayAccount,
    PaymentRequest,
    PaymentState,
    RefundRequest,
    RefundState,
    Timeouts,
)
from apps.gateways.errors import GatewayError, GatewayNotSent, GatewayRejected, GatewayUnknown
from apps.gateways.stripe.adapter import StripeGateway
from tests.gateways.rigs import PARCEL
from tests.gateways.scripted_server import (
    Scene,
    ScriptedServer,
    answer,
    hang,
    reset,
    write_and_close,
)
from tests.gateways.stripe_objects import (
    card_error,
    charge,
    declined_intent,
    error_body,
    intent,
    refund,
)

QUICK = Timeouts(connect=0.3, read=0.3, total=0.6)


def gateway_at(server: ScriptedServer) -> StripeGateway:
    return StripeGateway(
        GatewayAccount(name="stripe_main", api_key="sk_test_1", api_base=server.url, timeouts=QUICK)
    )


def ask(scene: Scene, call: Callable[[StripeGateway], Any]) -> Any:
    """Play one answer to one call."""
    with ScriptedServer(scene) as server:
        gateway = gateway_at(server)
        try:
            return call(gateway)
        finally:
            gateway.close()
            assert len(server.requests) <= 1


def payment(**changes: Any) -> PaymentRequest:
    fields: dict[str, Any] = {
        "attempt_id": "att_ours",
        "intent_id": "pi_ours",
        "amount": 1050,
        "currency": "EUR",
        "token": "pm_card_visa",
    }
    return PaymentRequest(**fields | changes)


def pay(gateway: StripeGateway) -> Any:
    return gateway.create_payment(payment())


def sent(call: Callable[[StripeGateway], Any], reply: Any) -> tuple[str, dict[str, str], bytes]:
    """Return request line, parameters and raw request of one call."""
    with ScriptedServer(answer(200, reply)) as server:
        gateway = gateway_at(server)
        call(gateway)
        gateway.close()
        (request,) = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    line = head.split(b"\r\n")[0].decode()
    query = body.decode() or urlsplit(line.split(" ")[1]).query
    return line, {name: values[0] for name, values in parse_qs(query).items()}, request


def test_a_payment_is_one_call_with_the_attempt_as_key() -> None:
    line, params, raw = sent(pay, intent())

    assert line == "POST /v1/payment_intents HTTP/1.1"
    assert b"\r\nIdempotency-Key: att_ours\r\n" in raw
    assert b"\r\nAuthorization: Bearer sk_test_1\r\n" in raw
    assert b"\r\nStripe-Version: 2026-10-28.endive\r\n" in raw
    assert params == {
        "amount": "1050",
        "currency": "eur",
        "confirm": "true",
        "capture_method": "automatic",
        "allowed_payment_method_types[0]": "card",
        "metadata[intent]": "pi_ours",
        "metadata[attempt]": "att_ours",
        "expand[0]": "latest_charge.balance_transaction",
        "expand[1]": "payment_method",
        "payment_method": "pm_card_visa",
    }


def test_all_that_was_asked_for_goes_along() -> None:
    request = payment(
        capture=False,
        off_session=True,
        customer_reference="cus_1",
        return_url="https://shop.example/back?a=1&b=2",
        description="Order 7 & more",
        statement_descriptor="ORDER 7",
        request_three_d_secure="challenge",
        shipping=PARCEL,
        token="tok_visa",
    )

    _, params, _ = sent(lambda gateway: gateway.create_payment(request), intent())

    assert params["capture_method"] == "manual"
    assert params["off_session"] == "true"
    assert params["customer"] == "cus_1"
    assert params["return_url"] == "https://shop.example/back?a=1&b=2"
    assert params["description"] == "Order 7 & more"
    assert params["statement_descriptor_suffix"] == "ORDER 7"
    assert params["payment_method_options[card][request_three_d_secure]"] == "challenge"
    assert {name: text for name, text in params.items() if name.startswith("shipping")} == {
        "shipping[name]": "Ada",
        "shipping[address][line1]": "Main Street 1",
        "shipping[address][postal_code]": "10115",
        "shipping[address][city]": "Berlin",
        "shipping[address][country]": "DE",
        "shipping[carrier]": "DHL",
    }
    assert params["payment_method_data[type]"] == "card"
    assert params["payment_method_data[card][token]"] == "tok_visa"
    assert "payment_method" not in params


def test_a_bank_debit_carries_its_mandate_and_its_own_descriptor() -> None:
    request = payment(method_type="sepa_debit", token="pm_1", statement_descriptor="ORDER 7")

    _, params, _ = sent(lambda gateway: gateway.create_payment(request), intent())

    assert params["allowed_payment_method_types[0]"] == "sepa_debit"
    assert params["mandate_data[customer_acceptance][type]"] == "offline"
    assert params["statement_descriptor"] == "ORDER 7"


def test_parameters_are_legal_in_the_sdks_own_types() -> None:
    _, params, _ = sent(pay, intent())
    legal = set(stripe.params.PaymentIntentCreateParams.__annotations__)

    assert {name.partition("[")[0] for name in params} - {"expand"} <= legal


def test_no_telemetry_goes_along_even_after_the_first_call() -> None:
    with ScriptedServer(answer(200, intent(), {"Request-Id": "req_1"})) as server:
        gateway = gateway_at(server)
        pay(gateway)
        pay(gateway)
        gateway.close()

        assert len(server.requests) == 2
        assert not any(b"telemetry" in request.lower() for request in server.requests)


def test_nothing_of_a_call_is_logged_even_by_a_talkative_logger(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")

    ask(answer(200, intent()), pay)

    assert caplog.records == []


def test_a_declined_card_is_a_result() -> None:
    body = {"error": card_error(payment_intent=declined_intent())}

    result = ask(answer(402, body), pay)

    assert (result.state, result.reference, result.amount) == (
        PaymentState.DECLINED,
        "pi_1",
        1050,
    )
    assert result.decline.code == "insufficient_funds"
    assert result.decline.error_class is DeclineClass.RETRYABLE


def test_a_decline_without_the_payment_is_still_a_result() -> None:
    result = ask(answer(402, {"error": card_error(decline_code="stolen_card")}), pay)

    assert (result.state, result.reference, result.attempt_id) == (
        PaymentState.DECLINED,
        "",
        "att_ours",
    )
    assert result.decline.error_class is DeclineClass.TERMINAL


def test_a_decline_of_a_payment_that_moved_money_is_unknown() -> None:
    body = {"error": card_error(payment_intent=intent())}

    with pytest.raises(GatewayUnknown):
        ask(answer(402, body), pay)


@pytest.mark.parametrize(
    ("scene", "error"),
    [
        pytest.param(answer(429, error_body(code="rate_limit")), GatewayNotSent, id="429"),
        pytest.param(answer(429, b"slow down"), GatewayNotSent, id="429 of a proxy"),
        pytest.param(answer(400, error_body(code="parameter_missing")), GatewayRejected, id="400"),
        pytest.param(answer(401, error_body()), GatewayRejected, id="401"),
        pytest.param(answer(403, error_body()), GatewayRejected, id="403"),
        pytest.param(answer(404, error_body(code="resource_missing")), GatewayRejected, id="404"),
        pytest.param(
            answer(409, error_body(type="idempotency_error", code="idempotency_key_in_use")),
            GatewayUnknown,
            id="409",
        ),
        pytest.param(
            answer(400, error_body(type="idempotency_error")), GatewayUnknown, id="key reused"
        ),
        pytest.param(answer(500, error_body(type="api_error")), GatewayUnknown, id="500"),
        pytest.param(answer(502, b"<html>bad gateway"), GatewayUnknown, id="502 of a proxy"),
        pytest.param(answer(503, b""), GatewayUnknown, id="503"),
        pytest.param(answer(504, error_body()), GatewayUnknown, id="504"),
        pytest.param(answer(404, b"<html>not found"), GatewayUnknown, id="404 of a proxy"),
        pytest.param(answer(302, b"", {"Location": "/"}), GatewayUnknown, id="redirect"),
        pytest.param(answer(400, {"error": None}), GatewayUnknown, id="error is null"),
        pytest.param(answer(400, {"error": "no"}), GatewayUnknown, id="error is text"),
        pytest.param(answer(500, [1]), GatewayUnknown, id="error is a list"),
        pytest.param(answer(200, b""), GatewayUnknown, id="empty answer"),
        pytest.param(answer(200, b"{"), GatewayUnknown, id="broken JSON"),
        pytest.param(answer(200, b"[" * 100_000), GatewayUnknown, id="deep JSON"),
        pytest.param(answer(200, b"\xff\xfe"), GatewayUnknown, id="no UTF-8"),
        pytest.param(answer(200, []), GatewayUnknown, id="a list"),
        pytest.param(answer(200, {}), GatewayUnknown, id="another object"),
        pytest.param(answer(200, intent(amount="10.50")), GatewayUnknown, id="broken amount"),
        pytest.param(
            answer(200, intent(metadata={"attempt": "att_other"})),
            GatewayUnknown,
            id="somebody else's payment",
        ),
        pytest.param(hang, GatewayUnknown, id="no answer"),
        pytest.param(reset, GatewayUnknown, id="connection reset"),
        pytest.param(
            write_and_close(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
            GatewayUnknown,
            id="answer broken off",
        ),
    ],
)
def test_every_fault_has_its_class(scene: Scene, error: type[GatewayError]) -> None:
    with pytest.raises(GatewayError) as caught:
        ask(scene, pay)

    assert type(caught.value) is error


def test_nobody_listening_is_not_sent() -> None:
    gateway = StripeGateway(
        GatewayAccount(
            name="stripe_main",
            api_key="sk_test_1",
            api_base="http://127.0.0.1:1",
            timeouts=QUICK,
        )
    )

    with pytest.raises(GatewayNotSent):
        pay(gateway)


def test_a_refusal_tells_code_and_request_but_no_token_and_no_key() -> None:
    body = error_body(
        code="resource_missing",
        message="No such PaymentMethod: 'pm_1secret'; key sk_test_1secret; tok_1secret",
    )

    with pytest.raises(GatewayRejected) as caught:
        ask(answer(404, body, {"Request-Id": "req_7"}), pay)

    assert caught.value.code == "resource_missing"
    assert str(caught.value) == (
        "stripe answered 404 resource_missing (req_7): "
        "No such PaymentMethod: 'pm_...'; key sk_...; tok_..."
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda gateway: gateway.create_payment(payment(attempt_id="")),
        lambda gateway: gateway.capture_payment("pi_1", amount=1, currency="EUR", key=""),
        lambda gateway: gateway.void_payment("pi_1", key=""),
        lambda gateway: gateway.create_refund(
            RefundRequest(
                refund_id="", reference="pi_1", charge_reference="", amount=1, currency="EUR"
            )
        ),
        lambda gateway: gateway.capture_payment("", amount=1, currency="EUR", key="k"),
        lambda gateway: gateway.void_payment("", key="k"),
    ],
)
def test_a_call_without_key_or_reference_never_leaves(call: Callable[[StripeGateway], Any]) -> None:
    with ScriptedServer(answer(200, intent())) as server:
        with pytest.raises(GatewayRejected, match="refused here"):
            call(gateway_at(server))

        assert server.connections == 0


def test_a_reference_cannot_lead_to_another_path() -> None:
    line, _, _ = sent(lambda gateway: gateway.retrieve_refund("../charges/ch_1?x=1"), refund())

    path, _, _ = line.partition("?")
    assert path == "GET /v1/refunds/..%2Fcharges%2Fch_1%3Fx%3D1"


def test_capture_takes_the_amount_once_per_key() -> None:
    line, params, raw = sent(
        lambda gateway: gateway.capture_payment("pi_1", amount=400, currency="EUR", key="att_c"),
        intent(amount_received=400),
    )

    assert line == "POST /v1/payment_intents/pi_1/capture HTTP/1.1"
    assert params["amount_to_capture"] == "400"
    assert b"\r\nIdempotency-Key: att_c\r\n" in raw


def test_void_cancels_the_payment() -> None:
    line, _, raw = sent(
        lambda gateway: gateway.void_payment("pi_1", key="att_v"), intent(status="canceled")
    )

    assert line == "POST /v1/payment_intents/pi_1/cancel HTTP/1.1"
    assert b"\r\nIdempotency-Key: att_v\r\n" in raw


def test_the_answer_about_another_payment_is_unknown() -> None:
    with pytest.raises(GatewayUnknown, match="is about pi_1, not about pi_2"):
        ask(answer(200, intent()), lambda gateway: gateway.retrieve_payment("pi_2"))


def test_a_payment_is_found_by_our_reference() -> None:
    line, params, _ = sent(
        lambda gateway: gateway.find_payment("att_ours"), {"data": [intent()], "has_more": False}
    )

    assert line.startswith("GET /v1/payment_intents/search?")
    assert params["query"] == "metadata['attempt']:'att_ours'"


def test_a_quote_in_a_reference_does_not_break_out_of_the_query() -> None:
    _, params, _ = sent(
        lambda gateway: gateway.find_payment("x' OR status:'succeeded"), {"data": []}
    )

    assert params["query"] == r"metadata['attempt']:'x\' OR status:\'succeeded'"


def test_a_payment_that_is_not_there_is_none() -> None:
    assert ask(answer(200, {"data": []}), lambda gateway: gateway.find_payment("att_1")) is None


def test_two_payments_with_one_reference_are_never_taken_for_one() -> None:
    with pytest.raises(GatewayUnknown, match="more than one"):
        ask(
            answer(200, {"data": [intent(), intent(id="pi_2")]}),
            lambda gateway: gateway.find_payment("att_ours"),
        )


def test_a_refund_names_payment_amount_and_our_reference() -> None:
    request = RefundRequest(
        refund_id="re_ours",
        reference="pi_1",
        charge_reference="ch_1",
        amount=300,
        currency="EUR",
        reason="duplicate",
    )

    line, params, raw = sent(lambda gateway: gateway.create_refund(request), refund())

    assert line == "POST /v1/refunds HTTP/1.1"
    assert b"\r\nIdempotency-Key: re_ours\r\n" in raw
    assert params == {
        "payment_intent": "pi_1",
        "amount": "300",
        "metadata[refund]": "re_ours",
        "expand[0]": "balance_transaction",
        "reason": "duplicate",
    }


def test_a_reason_that_stripe_does_not_know_stays_at_home() -> None:
    request = RefundRequest(
        refund_id="re_ours",
        reference="pi_1",
        charge_reference="ch_1",
        amount=300,
        currency="EUR",
        reason="goodwill",
    )

    _, params, _ = sent(lambda gateway: gateway.create_refund(request), refund())

    assert "reason" not in params


def test_a_refund_is_found_on_a_later_page() -> None:
    others = [refund(id=f"re_{n}", metadata={"refund": f"re_other_{n}"}) for n in range(2)]
    with ScriptedServer(
        answer(200, {"data": others, "has_more": True}),
        answer(200, {"data": [refund(id="re_9")], "has_more": False}),
    ) as server:
        gateway = gateway_at(server)
        found = gateway.find_refund("re_ours", payment_reference="pi_1")
        gateway.close()

        assert found is not None
        assert (found.reference, found.state) == ("re_9", RefundState.SUCCEEDED)
        assert b"starting_after=re_1" in server.requests[1]


def test_looking_for_a_refund_ends_at_some_page() -> None:
    endless = {"data": [refund(metadata={})], "has_more": True}
    with ScriptedServer(answer(200, endless)) as server:
        gateway = gateway_at(server)
        with pytest.raises(GatewayUnknown, match="too many refunds"):
            gateway.find_refund("re_ours", payment_reference="pi_1")
        gateway.close()

        assert len(server.requests) == 20


def test_a_method_of_stripes_own_is_read_not_made_again() -> None:
    method = intent()["payment_method"]

    line, _, _ = sent(
        lambda gateway: gateway.store_method(
            type="card", token="pm_card_visa", billing_details={}, key="k"
        ),
        method,
    )

    assert line == "GET /v1/payment_methods/pm_card_visa HTTP/1.1"


def test_an_iban_becomes_a_method() -> None:
    method = {"id": "pm_2", "object": "payment_method", "type": "sepa_debit",
              "sepa_debit": {"last4": "3000"}}  # fmt: skip

    line, params, _ = sent(
        lambda gateway: gateway.store_method(
            type="sepa_debit",
            token="DE89370400440532013000",
            billing_details={"name": "Ada", "email": "ada@shop.example"},
            key="k",
        ),
        method,
    )

    assert line == "POST /v1/payment_methods HTTP/1.1"
    assert params == {
        "type": "sepa_debit",
        "sepa_debit[iban]": "DE89370400440532013000",
        "billing_details[name]": "Ada",
        "billing_details[email]": "ada@shop.example",
    }


def test_a_card_that_the_bank_refuses_to_attach_is_rejected_with_its_code() -> None:
    with pytest.raises(GatewayRejected) as caught:
        ask(
            answer(402, {"error": card_error(decline_code="do_not_honor")}),
            lambda gateway: gateway.attach_method("pm_1", customer_reference="cus_1", key="k"),
        )

    assert caught.value.code == "do_not_honor"


def test_a_customer_carries_our_id_and_only_what_is_known() -> None:
    _, params, _ = sent(
        lambda gateway: gateway.create_customer(
            customer_id="cus_ours", email="ada@shop.example", name="", key="k"
        ),
        {"id": "cus_1", "object": "customer"},
    )

    assert params == {"metadata[customer]": "cus_ours", "email": "ada@shop.example"}


def test_held_money_that_is_captured_in_part_is_told_as_such() -> None:
    result = ask(
        answer(200, intent(amount_received=400, latest_charge=charge(amount_captured=400))),
        lambda gateway: gateway.capture_payment("pi_1", amount=400, currency="EUR", key="k"),
    )

    assert (result.state, result.amount, result.amount_captured) == (
        PaymentState.CAPTURED,
        1050,
        400,
    )


def test_the_answer_is_read_the_same_by_the_sdks_typed_objects() -> None:
    typed = stripe.PaymentIntent.construct_from(json.loads(json.dumps(intent())), "sk_test_1")

    assert typed.status == "succeeded"
    assert typed.amount_received == 1050
    assert typed.to_dict()["latest_charge"]["balance_transaction"]["fee"] == 60
