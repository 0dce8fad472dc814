"""Bad input at every payments address: a clear 4xx in the contract's form, and no row of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from apps.api.models import IdempotencyKey
from apps.customers.models import Customer
from apps.outbox.models import Event
from apps.payments.models import PaymentAttempt, PaymentIntent, Refund
from apps.vault.models import PaymentMethod
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

INTENTS = "/v1/payment_intents"
ROWS = (PaymentIntent, PaymentAttempt, Refund, Customer, PaymentMethod, Event, IdempotencyKey)

# JSON texts, so that what Python would never send can be sent.
BAD_AMOUNTS = [
    "-1", "0", "-0", "10.0", "10.5", "1e3", "1E400", "NaN", "Infinity", "-Infinity", "true",
    "false", "null", '"10"', '" 10 "', '"1_000"', '"١٢"', '"\uff11\uff10"', '"0x10"',
    '"+10"', '"010"', "[10]", '{"value": 10}', "9" * 400, "9" * 5000, "49", "100000000", "[]", '""',
]  # fmt: skip
BAD_CURRENCIES = [
    '"EUR"', '"Eur"', '"xxx"', '"\\u0415UR"', '"eu\\u0000"', "978", '["eur"]', '"€"', '""',
    "null", '"euro"', '" eur"', "true", "{}", '"eur\\n"',
]  # fmt: skip
BAD_BODIES = [
    b"{", b'{"amount": 10', b'{"amount": 10} x', b"\xef\xbb\xbf{}x", b"\xff\xfe{\x00}\x00",
    b"[]", b'"text"', b"12", b"null", b'{"amount": 1000, "amount": 1001, "currency": "eur"}',
    b'{"amount": 1000, "am\\u006funt": 1001, "currency": "eur"}', b'{"a": "\xc0\xaf"}',
    b'{"description": "\\ud800"}', b'{"description": "a\\u0000b"}', b"[" * 100_000,
    b'{"a":' * 50 + b"1" + b"}" * 50, b"{'amount': 1000}", b'{"amount": 1000,}',
]  # fmt: skip
BAD_PARAMS: list[tuple[dict[str, Any], str]] = [
    ({"id": "pi_mine"}, "parameter_unknown"),
    ({"status": "succeeded"}, "parameter_unknown"),
    ({"merchant_id": "mer_other"}, "parameter_unknown"),
    ({"Amount": 5}, "parameter_unknown"),
    ({"livemode": True}, "parameter_unknown"),
    ({"capture_method": "later"}, "parameter_invalid"),
    ({"confirm": "yes"}, "parameter_invalid"),
    ({"customer": "cus_nobody0000000000000000000"}, "resource_missing"),
    ({"customer": 7}, "string_invalid"),
    ({"customer": "pi_x"}, "parameter_invalid"),
    ({"description": "x" * 1001}, "string_invalid"),
    ({"description": ["x"]}, "string_invalid"),
    ({"statement_descriptor": "x" * 23}, "string_invalid"),
    ({"return_url": "javascript:alert(1)"}, "parameter_invalid"),
    ({"expires_at": "tomorrow"}, "parameter_invalid"),
    ({"expires_at": -1}, "parameter_invalid"),
    ({"expires_at": 10**18}, "parameter_invalid"),
    ({"metadata": {f"k{n}": "v" for n in range(51)}}, "metadata_invalid"),
    ({"metadata": {"k" * 41: "v"}}, "metadata_invalid"),
    ({"metadata": {"k": "v" * 501}}, "metadata_invalid"),
    ({"metadata": {"k": {"nested": "v"}}}, "metadata_invalid"),
    ({"metadata": ["v"]}, "metadata_invalid"),
    ({"metadata": {"k": 7}}, "metadata_invalid"),
    ({"metadata": {"note": "4242 4242 4242 4242"}}, "raw_card_data_rejected"),
    ({"metadata": {"4242-4242-4242-4242": "x"}}, "raw_card_data_rejected"),
    ({"description": "card 4000056655665556"}, "raw_card_data_rejected"),
    ({"payment_method": "4242424242424242"}, "raw_card_data_rejected"),
    ({"transfer_data": {"destination": "seller"}}, "parameter_invalid"),
    ({"transfer_data": {}}, "parameter_missing"),
    ({"application_fee_amount": -5}, "amount_invalid"),
    ({"expand": "x" * 10}, "parameter_invalid"),
    ({"expand": [1]}, "parameter_invalid"),
]


@pytest.fixture(autouse=True)
def nothing_happens(request: pytest.FixtureRequest) -> Iterator[None]:
    """After the refusal there is no row, and the gateway was not asked."""
    request.getfixturevalue("db")
    gateway = request.getfixturevalue("gateway")
    yield
    assert {row.__name__: row.objects.count() for row in ROWS} == {row.__name__: 0 for row in ROWS}
    assert gateway.calls == []


def check(answer: Any, status: int = 400, code: str = "") -> None:
    assert answer.status_code == status, answer.content[:300]
    error = answer.json()["error"]
    assert error["type"] in {"invalid_request_error", "idempotency_error", "authentication_error"}
    assert error["message"]
    assert error["request_id"] == answer["Request-Id"]
    assert error["code"] == code or not code


@pytest.mark.parametrize("amount", BAD_AMOUNTS, ids=lambda text: text[:20])
def test_amount_that_is_none_is_refused(api: Any, amount: str) -> None:
    body = f'{{"amount": {amount}, "currency": "eur"}}'.encode()

    answer = api.post_raw(INTENTS, body)

    check(answer)
    assert answer.json()["error"].get("param") in {"amount", None}


@pytest.mark.parametrize(
    "amount", ["-1", "0", "10.0", "1e3", "", " 10", "\uff11\uff10", "0x1f", "1_000"]
)
def test_amount_that_is_none_is_refused_in_forms_too(api: Any, amount: str) -> None:
    answer = api.post_raw(
        INTENTS,
        f"amount={amount}&currency=eur".encode(),
        content_type="application/x-www-form-urlencoded",
    )

    check(answer)


@pytest.mark.parametrize("currency", BAD_CURRENCIES)
def test_currency_that_is_none_is_refused(api: Any, currency: str) -> None:
    check(api.post_raw(INTENTS, f'{{"amount": 1000, "currency": {currency}}}'.encode()))


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (49, "eur", "amount_too_small"),
        (49, "usd", "amount_too_small"),
        (49, "jpy", "amount_too_small"),
        (100_000_000, "usd", "amount_too_large"),
        (5125, "kwd", "amount_granularity"),
        (150, "isk", "amount_granularity"),
    ],
)
def test_ac_043_amounts_outside_the_currencys_limits(
    api: Any, amount: int, currency: str, code: str
) -> None:
    check(api.post(INTENTS, {"amount": amount, "currency": currency}), code=code)


@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: repr(body[:24]))
def test_broken_body_is_refused(api: Any, body: bytes) -> None:
    check(api.post_raw(INTENTS, body))


@pytest.mark.parametrize(("params", "code"), BAD_PARAMS, ids=lambda value: str(value)[:40])
def test_bad_parameter_is_refused_by_name(api: Any, params: dict[str, Any], code: str) -> None:
    answer = api.post(INTENTS, {"amount": 1000, "currency": "eur", **params})

    status = 404 if code == "resource_missing" else 400
    check(answer, status, code)


def test_missing_parameters_are_named(api: Any) -> None:
    answer = api.post(INTENTS, {"currency": "eur"})

    check(answer, code="parameter_missing")
    assert answer.json()["error"]["param"] == "amount"


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "image/png", "x"])
def test_other_content_types_are_415(api: Any, content_type: str) -> None:
    check(api.post_raw(INTENTS, b"{}", content_type=content_type), 415)


def test_body_over_one_mebibyte_is_413(api: Any) -> None:
    body = json.dumps({"description": "x" * (1024 * 1024)}).encode()

    check(api.post_raw(INTENTS, body), 413)


@pytest.mark.parametrize(
    "key", ["", " ", "x" * 256, "schlüssel", "a,b", "tab\there", '"unfinished', '""']
)
def test_ac_007_impossible_idempotency_keys_are_refused(
    api: Any, secret_key: str, key: str
) -> None:
    answer = Client().post(
        INTENTS,
        b'{"amount": 1000, "currency": "eur"}',
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret_key}", "Idempotency-Key": key},
    )

    check(answer)


def test_ac_007_missing_idempotency_key_is_refused(secret_key: str) -> None:
    answer = Client().post(
        INTENTS,
        b'{"amount": 1000, "currency": "eur"}',
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret_key}"},
    )

    check(answer, code="idempotency_key_required")


@pytest.mark.parametrize(
    "path",
    [
        f"{INTENTS}/%00", f"{INTENTS}/x", f"{INTENTS}/pi_{'x' * 3000}", f"{INTENTS}/..",
        f"{INTENTS}/pi_nobody", "/v1/charges/ch_nobody", "/v1/refunds/re_nobody",
        "/v1/customers/cus_nobody", "/v1/payment_methods/pm_nobody", "/v1/events/evt_nobody",
        "/v1/nothing", "/v1/payment_intents/",
    ],
)  # fmt: skip
def test_unknown_objects_and_addresses_are_404(api: Any, path: str) -> None:
    answer = api.get(path)

    assert answer.status_code in {400, 404}
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"}, {"limit": "-1"}, {"limit": "101"}, {"limit": "x"}, {"limit": "1e1"},
        {"starting_after": "pi_nobody"}, {"starting_after": "\x00"}, {"created[gte]": "yesterday"},
        {"created[gt]": "99999999999999"}, {"created[near]": "1"}, {"ordering": "password"},
        {"page": "2"}, {"customer": "x"}, {"starting_after": "a", "ending_before": "b"},
        {"limit": "9" * 5000}, {"search": "\x00"},
    ],
    ids=str,
)  # fmt: skip
def test_bad_list_parameters_are_refused(api: Any, query: dict[str, str]) -> None:
    answer = api.get(INTENTS, query)

    assert answer.status_code in {400, 404}, answer.content
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("method", ["put", "patch", "delete", "trace", "options"])
def test_other_methods_are_405(secret_key: str, method: str) -> None:
    answer = getattr(Client(), method)(INTENTS, headers={"Authorization": f"Bearer {secret_key}"})

    assert answer.status_code == 405


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer sk_test_wrong", "Basic !!!", "Digest x", "Bearer \x00"]
)
def test_wrong_keys_are_401(authorization: str, gateway: FakeGateway) -> None:
    answer = Client().get(INTENTS, headers={"Authorization": authorization})

    check(answer, 401)
    assert answer["WWW-Authenticate"]


def test_verbatim_texts_are_kept_as_they_are(
    api: Any, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = "<script>alert(1)</script> '; DROP TABLE x; -- {{7*7}} ${jndi:ldap://x} =1+1 \u202e 😀"
    answer = api.post(
        INTENTS, {"amount": 1000, "currency": "eur", "description": odd, "metadata": {"a": odd}}
    )

    assert answer.status_code == 200
    assert answer.json()["description"] == odd
    assert answer.json()["metadata"] == {"a": odd}
    # This one did happen: leave the tables as the fixture wants them.
    monkeypatch.setattr("tests.payments.test_bad_input.ROWS", ())
