"""The card fields: an iframe that gives its shop a token, and never a number."""

import json
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from simulator.testing import RunningSimulator

_OPENER = build_opener(ProxyHandler({}))


def exchange(simulator: RunningSimulator, **card: str) -> tuple[int, dict[str, str]]:
    given = {"number": "4242 4242 4242 4242", "expiry": "12/34", "cvc": "123", **card}
    request = Request(  # noqa: S310 - our own address
        f"{simulator.url}/fields/tokens",
        data=json.dumps(given).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with _OPENER.open(request) as answer:
            return answer.status, json.load(answer)
    except HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)


def test_a_test_card_becomes_its_token(simulator: RunningSimulator) -> None:
    assert exchange(simulator) == (200, {"token": "tok_visa"})


@pytest.mark.parametrize(
    ("card", "field"),
    [
        ({"number": "4242424242424241"}, "number"),
        ({"number": "no number"}, "number"),
        # It passes the check, but is no test card: nobody shall try a real one here.
        ({"number": "4000056655665556"}, "number"),
        ({"expiry": "13/34"}, "expiry"),
        ({"expiry": "01/20"}, "expiry"),
        ({"cvc": "12"}, "cvc"),
    ],
)
def test_a_wrong_field_is_named_and_never_quoted(
    simulator: RunningSimulator, card: dict[str, str], field: str
) -> None:
    status, complaint = exchange(simulator, **card)

    assert (status, complaint["field"]) == (400, field)
    assert not any(value in complaint["message"] for value in card.values())


def test_the_fields_answer_only_to_the_shop_that_shows_them(simulator: RunningSimulator) -> None:
    with _OPENER.open(f"{simulator.url}/fields?origin=http://shop.example:81/x&lang=ar") as page:
        policy, text = page.headers["Content-Security-Policy"], page.read().decode()

    assert "frame-ancestors http://shop.example:81" in policy
    assert 'lang="ar" dir="rtl" data-origin="http://shop.example:81"' in text


def test_a_page_without_an_origin_gets_no_fields(simulator: RunningSimulator) -> None:
    with pytest.raises(HTTPError, match="400") as refusal:
        _OPENER.open(f"{simulator.url}/fields?origin=javascript:1")
    refusal.value.close()
