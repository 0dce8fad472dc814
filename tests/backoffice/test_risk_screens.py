"""The screens of risk: the queue of reviews, rules with what they met, and lists of values."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from apps.backoffice.models import Approval, StaffAction
from apps.fraud.admin import reviews
from apps.fraud.models import Decision, Review, Rule, ValueList, ValueListItem
from tests.backoffice.house import House, furnish
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]
QUEUE = "admin:fraud_review_changelist"


@pytest.fixture
def house(db: None, gateway: FakeGateway) -> House:
    return furnish(gateway)


def listed(client: Client, name: str, **query: str) -> list[str]:
    return [row.pk for row in client.get(reverse(name), query).context["cl"].result_list]


def send(client: Client, url: str, **answers: Any) -> Any:
    return client.post(url, {"nonce": str(uuid.uuid4()), **answers})


@pytest.mark.parametrize(
    ("score", "level", "others"),
    [
        (75, "highest", ("elevated", "normal", "not_assessed")),
        (65, "elevated", ("highest", "normal", "not_assessed")),
        (64, "normal", ("highest", "elevated", "not_assessed")),
        (None, "not_assessed", ("highest", "elevated", "normal")),
    ],
)
def test_reviews_are_found_by_the_level_of_their_score(
    house: House, enter_as: EnterAs, score: int | None, level: str, others: tuple[str, ...]
) -> None:
    Review.objects.update(score=score)
    client = enter_as("risk")

    assert listed(client, QUEUE, level=level) == [house.review.pk]
    assert [listed(client, QUEUE, level=other) for other in others] == [[], [], []]
    assert listed(client, QUEUE, level="odd") == [house.review.pk]


def test_reviews_are_found_by_the_rule_that_asked_for_them(house: House, enter_as: EnterAs) -> None:
    rules = [
        Rule.objects.create(
            id=name,
            family=name,
            merchant_id=house.review.merchant_id,
            livemode=False,
            name=name,
            action="review",
            expression="amount > 1",
            status="live",
            created_by="staff:a@shop.example",
            created_at=timezone.now(),
            published_by="staff:b@shop.example",
            published_at=timezone.now(),
        )
        for name in ("rule_large", "rule_odd")
    ]
    # The decision is append-only: the review is given one that the rule met.
    met = Decision.objects.get(pk=house.review.decision_id)
    met.pk, met.attempt_id, met.matched_rules = "frd_met", "att_met", [f"{rules[0].family}@1"]
    met.save(force_insert=True)
    Review.objects.update(decision_id="frd_met")
    client = enter_as("risk")

    assert listed(client, QUEUE, rule="rule_large") == [house.review.pk]
    assert listed(client, QUEUE, rule="rule_odd") == []
    assert listed(client, QUEUE, rule="nonsense") == [house.review.pk]


def test_the_queue_says_what_is_left_of_the_promise(house: House, enter_as: EnterAs) -> None:
    client = enter_as("risk")
    now = timezone.now()

    def promised(due: timedelta, **changes: Any) -> str:
        Review.objects.update(due_at=now + due, **changes)
        page = client.get(reverse(QUEUE)).content.decode()
        cell = page.partition('class="field-promised')[2].partition("</td>")[0]
        # Below it stands for how long the payer has been waiting.
        return strip_tags(cell.partition(">")[2].partition("<small")[0]).strip()

    assert promised(timedelta(hours=5, minutes=1)) == "5 h left"
    assert promised(timedelta(hours=-2, minutes=-1)) == "2 h late"
    assert (
        promised(
            timedelta(hours=1), status="approved", closed_by="staff:a@b.example", closed_at=now
        )
        == "In time"
    )


def test_the_most_urgent_review_comes_first_in_the_queue(house: House, enter_as: EnterAs) -> None:
    late = Review.objects.get()
    late.pk, late.attempt_id = "rv_0", "att_other"
    late.due_at = house.review.due_at - timedelta(hours=1)
    late.save(force_insert=True)
    client = enter_as("risk")

    assert listed(client, QUEUE, status__exact="open") == ["rv_0", house.review.pk]
    assert listed(client, QUEUE) == [house.review.pk, "rv_0"]


def test_what_rules_met_is_read_once_for_the_drawing_and_the_rows(
    house: House, enter_as: EnterAs
) -> None:
    client = enter_as("risk")

    with CaptureQueriesContext(connection) as statements:
        client.get(reverse("admin:fraud_rule_changelist"))

    hits = [each for each in statements if "WITH hits AS MATERIALIZED" in each["sql"]]
    assert len(hits) == 1


def test_the_drawing_of_scores_names_the_thresholds_of_the_policy(
    house: House, enter_as: EnterAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviews, "ELEVATED_SCORE", 61)
    client = enter_as("risk")

    said = {
        language: client.get(reverse(QUEUE), headers={"Accept-Language": language}).content.decode()
        for language in ("en", "de")
    }

    assert "from 61 the payer is asked for 3DS, from 75 the payment is blocked" in said["en"]
    assert "Ab 61 wird 3DS verlangt, ab 75 wird die Zahlung gesperrt" in said["de"]


def test_a_value_is_found_on_every_list_that_holds_it(house: House, enter_as: EnterAs) -> None:
    client, values = enter_as("risk"), "admin:fraud_valuelistitem_changelist"

    assert listed(client, values, q="Mallory@Payer.example") == [house.listed.pk]
    assert listed(client, values, q="mallory") == []
    assert listed(client, values, value_list__exact=house.value_list.pk) == [house.listed.pk]


def test_a_value_that_is_to_be_let_through_waits_for_the_lead(
    house: House, enter_as: EnterAs
) -> None:
    client = enter_as("risk")
    new = reverse("admin:fraud_valuelist_list_dialog", args=["new-list"])
    made = {
        "merchant": house.key.merchant_id,
        "name": "Friends",
        "alias": "email_allowlist",
        "item_type": "email",
    }

    assert send(client, new, **made).status_code == 302
    friends = ValueList.objects.get(alias="email_allowlist")
    put = reverse("admin:fraud_valuelist_dialog", args=[friends.pk, "put"])
    answers = {"value": "Ada@payer.example", "days": "30", "reason": "Our own test buyer."}
    assert send(client, put, **answers).status_code == 302

    item = ValueListItem.objects.get(value_list=friends)
    assert (item.value, item.waits, item.reason) == (
        "ada@payer.example", True, "Our own test buyer.",
    )  # fmt: skip
    assert item.expires_at is not None
    asked = Approval.objects.get(kind="value_list")
    approve = reverse("admin:backoffice_approval_dialog", args=[asked.pk, "approve"])
    assert send(enter_as("risk_lead"), approve).status_code == 302
    item.refresh_from_db()
    assert not item.waits
    told = StaffAction.objects.get(action="valuelist.put")
    assert (told.reason, "ada@payer" in told.outcome) == ("Our own test buyer.", False)


def test_an_alias_is_of_small_letters(house: House, enter_as: EnterAs) -> None:
    url = reverse("admin:fraud_valuelist_list_dialog", args=["new-list"])
    made = {"merchant": house.key.merchant_id, "name": "X", "alias": "No!", "item_type": "email"}

    assert send(enter_as("risk"), url, **made).status_code == 422
    assert ValueList.objects.count() == 1


def test_a_blocked_value_leaves_by_a_request(house: House, enter_as: EnterAs) -> None:
    url = reverse("admin:fraud_valuelistitem_dialog", args=[house.listed.pk, "take"])

    send(enter_as("risk"), url, reason="It was our own.")

    assert ValueListItem.objects.filter(pk=house.listed.pk).exists()
    assert Approval.objects.get(kind="value_list").subject_id == house.listed.pk
