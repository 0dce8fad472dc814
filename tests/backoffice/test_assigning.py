"""Whose work a case is: taken by one person, handed out in the list, found by a filter."""

import html
from collections.abc import Callable

import pytest
from django.test import Client

from apps.backoffice.models import User
from apps.fraud.models import ReviewCase
from tests.backoffice.house import House, furnish
from tests.factories.backoffice import staff
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]
LIST = "/admin/fraud/review/"
NONCE, OTHER_NONCE = (
    "11111111-1111-4111-8111-111111111111",
    "22222222-2222-4222-8222-222222222222",
)


@pytest.fixture
def house(db: None, gateway: FakeGateway) -> House:
    return furnish(gateway)


def shows(client: Client, house: House, query: str) -> bool:
    """Return whether the list has the house's review."""
    answer = client.get(f"{LIST}?{query}")
    assert answer.status_code == 200
    return house.review.id in answer.content.decode()


def assignee(house: House) -> str:
    """Return who looks at the review."""
    case = ReviewCase.objects.filter(review=house.review).select_related("assignee").first()
    return case.assignee.email if case and case.assignee else ""


def test_a_review_is_taken_and_found_among_one_s_own(house: House, enter_as: EnterAs) -> None:
    client, lead = enter_as("risk"), enter_as("risk_lead")
    dialog = f"{LIST}{house.review.id}/do/assign/"

    before = shows(client, house, "assignee=me"), shows(client, house, "assignee=nobody")
    taken = client.post(dialog, {"nonce": NONCE})

    assert before == (False, True)
    assert taken.status_code == 302
    assert assignee(house) == "risk@shop.example"
    assert shows(client, house, "assignee=me&status__exact=open")
    assert not shows(client, house, "assignee=nobody")
    assert not shows(lead, house, "assignee=me")
    assert shows(lead, house, "assignee=others")
    page = client.get(f"{LIST}{house.review.id}/change/").content.decode()
    assert "risk@shop.example" in page
    assert "Assign to me" not in page


def test_several_reviews_are_handed_to_one_person_and_taken_back(
    house: House, enter_as: EnterAs
) -> None:
    client = enter_as("risk_lead")
    enter_as("risk")
    dialog = f"{LIST}do/bulk-assign/"
    offered = html.unescape(client.get(f"{dialog}?pick={house.review.id}").content.decode())
    clerk = User.objects.get(email="risk@shop.example")

    client.post(dialog, {"nonce": NONCE, "cases": house.review.id, "person": clerk.pk})
    given = assignee(house)
    client.post(dialog, {"nonce": OTHER_NONCE, "cases": house.review.id, "person": ""})

    assert house.review.id in offered
    assert "risk@shop.example" in offered
    assert "finance@shop.example" not in offered
    assert (given, assignee(house)) == ("risk@shop.example", "")
    kept = ReviewCase.history.filter(review_id=house.review.id).order_by("history_date")
    assert [each.assignee_id for each in kept] == [clerk.pk, None]


def test_a_review_that_is_none_or_a_person_without_the_right_is_refused(
    house: House, enter_as: EnterAs
) -> None:
    client, stranger = enter_as("risk_lead"), staff()
    dialog = f"{LIST}do/bulk-assign/"

    unknown = client.post(dialog, {"nonce": NONCE, "cases": "rv_none", "person": ""})
    wrong = client.post(dialog, {"nonce": NONCE, "cases": house.review.id, "person": stranger.pk})

    assert (unknown.status_code, wrong.status_code) == (422, 422)
    assert "There is no review rv_none" in html.unescape(unknown.content.decode())
    assert not ReviewCase.objects.exists()
