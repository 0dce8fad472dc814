"""Standing orders about disputes, given in a dialog and seen with every version."""

from collections.abc import Callable

import pytest
from django.test import Client

from apps.api.models import Merchant
from apps.backoffice.models import StaffAction
from apps.disputes.models import DisputePolicy
from tests.backoffice.house import House, furnish
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]
NONCE = "11111111-1111-4111-8111-111111111111"
LISTED = "/admin/disputes/disputepolicy/"


@pytest.fixture
def house(db: None, gateway: FakeGateway) -> House:
    return furnish(gateway)


def answers(**changes: str) -> dict[str, str]:
    """Return what the dialog sends."""
    return {
        "nonce": NONCE,
        "accept_below": "EUR 15, usd 20.50",
        "refund_inquiries_below": "",
        "refund_warnings_below": "JPY 3000",
        "buffer_hours": "36",
        "cancellation_terms": "",
        "refund_terms": "No refunds after 14 days.",
        **changes,
    }


def test_orders_are_given_in_a_dialog_and_every_version_is_kept(
    house: House, enter_as: EnterAs
) -> None:
    client = enter_as("finance_lead")
    url = f"{LISTED}{house.orders.pk}/"

    form = client.get(f"{url}do/change-orders/").content.decode()
    sent = client.post(f"{url}do/change-orders/", answers())

    assert 'value="EUR 5.00"' in form
    assert sent.status_code == 302
    policy = DisputePolicy.objects.get(pk=house.orders.pk)
    assert policy.accept_below == {"EUR": 1500, "USD": 2050}
    assert (policy.refund_inquiries_below, policy.refund_warnings_below) == ({}, {"JPY": 3000})
    assert (policy.buffer_hours, policy.changed_by) == (36, "staff:finance_lead@shop.example")
    page = client.get(f"{url}change/").content.decode()
    assert "Give up chargebacks below: EUR 15.00, USD 20.50" in page
    assert "Answer before the deadline by: 36 h" in page
    action = StaffAction.objects.get()
    assert (action.before["buffer_hours"], action.after["buffer_hours"]) == (24, 36)


@pytest.mark.parametrize(
    "changes",
    [
        {"accept_below": "EUR"},
        {"accept_below": "EUR 15.001"},
        {"accept_below": "XXL 15"},
        {"refund_warnings_below": "EUR -5"},
        {"buffer_hours": "121"},
    ],
)
def test_orders_that_cannot_be_read_change_nothing(
    house: House, enter_as: EnterAs, changes: dict[str, str]
) -> None:
    url = f"{LISTED}{house.orders.pk}/do/change-orders/"

    answer = enter_as("finance_lead").post(url, answers(**changes))

    assert answer.status_code == 422
    assert DisputePolicy.objects.get(pk=house.orders.pk).accept_below == {"EUR": 500}


def test_finance_sees_the_orders_and_only_the_lead_gives_them(
    house: House, enter_as: EnterAs
) -> None:
    client = enter_as("finance")
    url = f"{LISTED}{house.orders.pk}/"

    seen = client.get(LISTED)
    refused = client.post(f"{url}do/change-orders/", answers())

    assert (seen.status_code, refused.status_code) == (200, 403)
    assert "EUR 5.00" in seen.content.decode()
    assert DisputePolicy.objects.get(pk=house.orders.pk).accept_below == {"EUR": 500}


def test_new_orders_do_nothing_until_they_are_changed(house: House, enter_as: EnterAs) -> None:
    wish = {"nonce": NONCE, "merchant": str(Merchant.objects.get().pk), "mode": "live"}

    answer = enter_as("finance_lead").post(f"{LISTED}do/begin-orders/", wish)

    assert answer.status_code == 302
    begun = DisputePolicy.objects.get(livemode=True)
    assert (begun.accept_below, begun.refund_warnings_below, begun.buffer_hours) == ({}, {}, 24)
