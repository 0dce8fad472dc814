"""How many rows each day brought, drawn above a list once it is there."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.backoffice.kit import days
from tests.factories.payments import created_intent

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]


def noon() -> datetime:
    return timezone.now().astimezone(UTC).replace(hour=12)


def made(*days_ago: int) -> None:
    """Make a payment of each of these days, one after the other."""
    for number in days_ago:
        created_intent(now=noon() - timedelta(days=number))


def drawn(client: Client, **query: str) -> str:
    answer = client.get(reverse("admin:payments_paymentintent_counts"), query)
    assert answer.status_code == 200
    text: str = answer.json()["days"]
    return text


def test_the_list_of_payments_draws_its_last_thirty_days(enter_as: EnterAs) -> None:
    made(31, 29, 2, 0, 0)
    client = enter_as("support_agent")

    with CaptureQueriesContext(connection) as statements:
        shown = drawn(client)

    assert shown.endswith(f"</svg> 4 in 30 days, most on {noon():%Y-%m-%d}: 2")
    # Three days with payments, and the ground on which they stand.
    assert shown.count("<rect") == 3 + 1
    # The tallest is as high as the drawing, a half is half as high.
    assert 'x="174" y="0" width="4" height="24"' in shown
    assert 'x="162" y="12" width="4" height="12"' in shown
    assert len(statements) <= 12


def test_it_follows_the_filters_and_shows_nothing_of_nothing(enter_as: EnterAs) -> None:
    made(1, 0)
    client = enter_as("support_agent")

    assert drawn(client, status__exact="created").startswith("<svg")
    assert drawn(client, status__exact="failed") == ""
    assert drawn(client, amount_from="10.01") == ""
    assert drawn(client, nonsense="1") == ""


def test_days_of_which_not_all_was_counted_are_left_out(
    enter_as: EnterAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(4, 3, 2, 1, 0)
    client = enter_as("support_agent")
    monkeypatch.setattr(days, "ROWS_COUNTED", 4)

    newest = drawn(client)
    # No index answers an amount: only so many rows are looked at.
    narrowed = drawn(client, amount_from="1")
    monkeypatch.setattr(days, "ROWS_COUNTED", 3)

    assert newest.partition("</svg> ")[2].startswith("3 in 3 days")
    assert narrowed.partition("</svg> ")[2].startswith("3 in 3 days")
    assert drawn(client) == ""


def test_only_lists_that_say_so_are_drawn(enter_as: EnterAs) -> None:
    client = enter_as("support_agent")
    payments, refunds = (
        client.get(reverse(f"admin:payments_{name}_changelist")).content.decode()
        for name in ("paymentintent", "refund")
    )

    assert client.get(reverse("admin:payments_refund_counts")).json()["days"] == ""
    assert ("data-days" in payments, "data-days" in refunds) == (True, False)
