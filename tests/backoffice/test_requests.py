"""The request log in the back-office: found by what people have in hand, linked from payments."""

import html
import json
import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.api import request_log
from apps.api.models import LoggedRequest
from apps.api.request_log import forget_notes, write_log
from apps.backoffice.kit.pages import Facts
from tests.conftest import ApiClient
from tests.fake_gateway import FakeGateway

PAY = {
    "amount": 1050,
    "currency": "eur",
    "payment_method": "pm_card_visa",
    "confirm": True,
    "receipt_email": "ada@payer.example",
}
LIST = "admin:api_loggedrequest_changelist"


@pytest.fixture(autouse=True)
def _log(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep notes, which each test writes by itself."""
    settings.REQUEST_LOG_ENABLED = True
    monkeypatch.setattr(request_log, "_start_writer", lambda: None)
    yield
    forget_notes()


@pytest.fixture
def logged(api: ApiClient, gateway: FakeGateway) -> dict[str, LoggedRequest]:
    """Ask for a payment, twice with one key, and for something that is refused."""
    api.post("/v1/payment_intents", PAY, key="order-7")
    api.post("/v1/payment_intents", PAY, key="order-7")
    api.post("/v1/refunds", {"amount": "much"}, key="refund-7")
    write_log()
    paid, replayed, refused = LoggedRequest.objects.order_by("id")
    return {"paid": paid, "replayed": replayed, "refused": refused}


def found(client: Client, **query: str) -> set[str]:
    page = client.get(reverse(LIST), query)
    assert page.status_code == 200
    return {row.id for row in page.context["cl"].result_list}


def test_a_request_is_found_by_all_that_people_have_in_hand(
    logged: dict[str, LoggedRequest], superuser_client: Client
) -> None:
    paid, replayed, refused = (logged[name].id for name in ("paid", "replayed", "refused"))

    assert found(superuser_client) == {paid, replayed, refused}
    assert found(superuser_client, q=paid) == {paid}
    assert found(superuser_client, q=logged["paid"].key_id) == {paid, replayed, refused}
    assert found(superuser_client, q="order-7") == {paid, replayed}
    assert found(superuser_client, q="/v1/refunds") == {refused}
    assert found(superuser_client, q="400") == {refused}
    assert found(superuser_client, q="order") == set()
    assert found(superuser_client, status__gte="400", status__lt="500") == {refused}


def test_the_page_shows_both_bodies_without_people_and_whose_answer_was_sent_again(
    logged: dict[str, LoggedRequest], superuser_client: Client
) -> None:
    page = superuser_client.get(
        reverse("admin:api_loggedrequest_change", args=[logged["replayed"].id])
    ).content.decode()

    assert "order-7" in page
    assert "1050" in page
    assert "ada@payer.example" not in page
    assert f"{reverse(LIST)}?q={logged['paid'].id}" in page


def test_the_timeline_of_a_payment_links_to_its_request(
    logged: dict[str, LoggedRequest], superuser_client: Client, api: ApiClient
) -> None:
    intent = api.get("/v1/payment_intents").json()["data"][0]["id"]

    page = superuser_client.get(
        reverse("admin:payments_paymentintent_change", args=[intent])
    ).content.decode()

    link = f"{reverse(LIST)}?q={logged['paid'].id}"
    assert link in page
    assert found(superuser_client, q=logged["paid"].id) == {logged["paid"].id}


def test_who_may_not_see_requests_sees_no_link_and_no_log(
    logged: dict[str, LoggedRequest], enter_as: Callable[[str], Client], api: ApiClient
) -> None:
    intent = api.get("/v1/payment_intents").json()["data"][0]["id"]
    support = enter_as("support_agent")

    page = support.get(reverse("admin:payments_paymentintent_change", args=[intent]))

    assert logged["paid"].id in page.content.decode()
    assert f"{reverse(LIST)}?q=" not in page.content.decode()
    assert support.get(reverse(LIST)).status_code == 403


def test_a_request_is_copied_as_a_command_that_asks_it_once_more(
    logged: dict[str, LoggedRequest], superuser_client: Client, settings: Any
) -> None:
    settings.PUBLIC_BASE_URL = "https://pay.example"
    paid = logged["paid"]

    page = superuser_client.get(reverse("admin:api_loggedrequest_change", args=[paid.id]))

    (panel,) = [each for each in page.context["page"].main if isinstance(each, Facts)]
    (command,) = re.findall(r'data-copy="([^"]*)"', str(dict(panel.rows)["Command"]))
    words = shlex.split(html.unescape(command))
    assert words[:4] == ["curl", "-X", "POST", "https://pay.example/v1/payment_intents"]
    assert "Authorization: Bearer YOUR_KEY" in words
    assert "Idempotency-Key: order-7" in words
    assert json.loads(words[words.index("-d") + 1])["amount"] == 1050
    assert "ada@payer.example" not in command
