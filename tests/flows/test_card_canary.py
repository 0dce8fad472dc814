"""A card number sent anywhere is refused, and is afterwards in no table, log line or Redis key."""

import json
import logging
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver
from django.urls.resolvers import RoutePattern, URLPattern

from apps.api.views import ApiView
from tests.canary import keys_with, tables_with

pytestmark = pytest.mark.django_db

CANARY = "4000056655665556"
WRITTEN = [CANARY, "4000 0566 5566 5556", "4000-0566-5566-5556", f"my card is {CANARY}, thanks"]


def posted_addresses() -> list[str]:
    """Return every address of the API that takes a POST, with ids filled in."""
    found = []
    for pattern in get_resolver().url_patterns:
        if not isinstance(pattern, URLPattern) or not isinstance(pattern.pattern, RoutePattern):
            continue
        view = getattr(pattern.callback, "view_class", None)
        if view is not None and issubclass(view, ApiView) and hasattr(view, "post"):
            found.append("/" + "".join(_filled(str(pattern.pattern))))
    return sorted(found)


def _filled(route: str) -> list[str]:
    return ["x_1" if part.startswith("<") else part for part in _split(route)]


def _split(route: str) -> list[str]:
    parts, rest = [], route
    while "<" in rest:
        before, _, tail = rest.partition("<")
        inside, _, rest = tail.partition(">")
        parts += [before, f"<{inside}>"]
    return [*parts, rest]


def test_raw_card_data_is_refused_everywhere_and_kept_nowhere(
    api: Any, secret_key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    addresses = posted_addresses()
    assert len(addresses) > 30

    for address in addresses:
        for text in WRITTEN:
            for body in (
                {"description": text},
                {"metadata": {"note": text}},
                {"metadata": {text: "note"}},
                {"credit_card_info": {"token": text}},
                {"card": {"number": text, "cvc": "123"}},
            ):
                answer = api.post(address, body)
                assert answer.status_code in {400, 404, 405}, (address, answer.content)
                assert CANARY not in answer.content.decode(), address
            form = f"payment_method={text}&email={text}".encode()
            answer = api.post_raw(address, form, content_type="application/x-www-form-urlencoded")
            assert answer.status_code in {400, 404, 405, 415}, (address, answer.content)
    refused = api.post("/v1/payment_intents", {"amount": 1000, "currency": "eur", "x": CANARY})
    assert refused.json()["error"]["code"] == "raw_card_data_rejected"
    Client().get(
        f"/v1/payment_intents?starting_after={CANARY}",
        headers={"Authorization": f"Bearer {secret_key}"},
    )

    for text in {CANARY, *WRITTEN}:
        assert tables_with(text) == []
        assert keys_with(text) == []
        assert text not in caplog.text
        assert json.dumps(text) not in caplog.text
