from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.api.card_data import RawCardData, refuse_card_data
from apps.common.card_numbers import has_card_number, is_card_number
from tests.conftest import ApiClient

VISA = "4242424242424242"
CARDS = [
    VISA,
    "4222222222222",
    "4000056655665556",
    "5555555555554444",
    "2223003122003222",
    "5105105105105100",
    "378282246310005",
    "6011111111111117",
    "3056930009020004",
    "36227206271667",
    "3566002020360505",
    "6200000000000005",
    "6759649826438453",
]


@pytest.mark.parametrize("number", CARDS)
def test_test_numbers_of_every_scheme_are_recognised(number: str) -> None:
    assert is_card_number(number)


@pytest.mark.parametrize(
    "params",
    [
        {"a": VISA},
        {"a": int(VISA)},
        {"a": "4242 4242 4242 4242"},
        {"a": "4242-4242-4242-4242"},
        {"a": "4242  4242  4242  4242"},
        {"a": "4242\u00a04242\u20134242.4242"},
        {"a": f"card {VISA} exp 12/34"},
        {"a": "4242 4242 4242 4242 12 34"},
        {"a": "1 4242 4242 4242 4242"},
        {"a": f"x{VISA}x"},
        {"a": "".join(chr(0x660 + int(digit)) for digit in VISA)},
        {"a": {"b": [{"c": VISA}]}},
        {"metadata": {VISA: "x"}},
        {"card": {"number": "4"}},
        {"payment_method_data": {"card": {"number": "tok"}}},
        {"card": {"cvc": "123"}},
        {"CVC": "1"},
    ],
)
def test_card_data_is_refused_wherever_it_hides(params: dict[str, Any]) -> None:
    with pytest.raises(RawCardData) as refusal:
        refuse_card_data(params)

    assert (refusal.value.status, refusal.value.code) == (400, "raw_card_data_rejected")
    assert VISA not in str(refusal.value)
    assert VISA not in str(refusal.value.param)


def test_the_refusal_names_the_parameter() -> None:
    with pytest.raises(RawCardData) as refusal:
        refuse_card_data({"metadata": {"note": VISA}})

    assert refusal.value.param == "metadata[note]"


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424241",  # Luhn fails
        "1234567812345670",  # Luhn passes, no issuer
        "9999999999999995",  # Luhn passes, no issuer
        "42424242424242424242424",  # too long for any card
        "424242424242",  # too short
        "DE89370400440532013000",
        "DK5250511400440116243",
        "+4915123456784",
        "pi_01kahxk4m0f1v8y2c6d9e3g7hj",
        "2026-11-21T09:22:00.000000",
        "1763716920000",
        "tok_visa",
    ],
)
def test_ids_accounts_and_times_are_no_card_numbers(text: str) -> None:
    assert not has_card_number(text)


@given(st.integers(min_value=10**15, max_value=10**16 - 1))
def test_of_all_numbers_only_those_of_an_issuer_that_pass_luhn_are_refused(number: int) -> None:
    text = str(number)
    digits = [int(sign) for sign in reversed(text)]
    luhn = sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])

    if has_card_number(text):
        assert luhn % 10 == 0
        assert text[0] in "23456" + "8"
    if luhn % 10 == 0 and text[0] == "4":
        assert has_card_number(text)


@pytest.mark.urls("tests.api.resource")
def test_a_card_number_in_a_body_or_a_query_string_is_answered_400(api: ApiClient) -> None:
    in_body = api.post("/v1/notes", {"amount": 1, "metadata": {"a": VISA}})
    in_query = api.get("/v1/notes", {"limit": VISA})

    for answer in (in_body, in_query):
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "raw_card_data_rejected"
        assert VISA.encode() not in answer.content
