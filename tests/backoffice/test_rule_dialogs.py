"""A rule from its draft to publication and back, as the risk team does it in the back-office."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.api.models import Merchant
from apps.backoffice.models import Approval
from apps.backoffice.services import approve
from apps.common.ids import new_id
from apps.common.origin import Origin, Scope
from apps.fraud.models import Rule
from apps.fraud.states import RuleStatus
from tests.factories.backoffice import staff
from tests.factories.fraud import NOON, draft_rule, live_rule, paid
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]

LIST = "admin:fraud_rule_list_dialog"
PAGE = "admin:fraud_rule_dialog"


def fill(client: Client, url: str, **answers: Any) -> Any:
    """Send a dialog as its form stands, with these answers."""
    fields = {"nonce": str(client.get(url).context["form"].initial["nonce"]), **answers}
    return client.post(url, fields)


def send_twice(client: Client, url: str, **answers: Any) -> Any:
    """Send a dialog, look at what it shows, and send it once more."""
    shown = fill(client, url, **answers)
    form = shown.context["form"]
    return client.post(
        url, {**answers, "nonce": form["nonce"].value(), "seen": form["seen"].value()}
    )


@pytest.fixture
def scope() -> Scope:
    # A merchant of its own: what Redis counted outlives a test.
    return Scope(new_id("mer"), livemode=False)


@pytest.fixture
def merchant(scope: Scope) -> Merchant:
    return Merchant.objects.create(id=scope.merchant_id, name="Ada", created_at=NOON)


def wish(merchant: Merchant, **answers: Any) -> dict[str, Any]:
    return {
        "merchant": merchant.pk,
        "name": "Large",
        "action": "review",
        "expression": "amount > 500",
        **answers,
    }


def facts_of(response: Any) -> dict[str, str]:
    return dict(response.context["form"].facts())


def test_a_rule_is_tried_on_the_past_before_it_is_written(
    scope: Scope, merchant: Merchant, gateway: FakeGateway, enter_as: EnterAs
) -> None:
    paid(scope)
    client = enter_as("risk")
    url = reverse(LIST, args=["draft"])

    tried = fill(client, url, **wish(merchant))
    assert tried.status_code == 422
    assert facts_of(tried)["It would have met"] == "1"
    assert not Rule.objects.exists()

    written = send_twice(client, url, **wish(merchant))
    assert written.status_code == 302
    rule = Rule.objects.get()
    assert (rule.status, rule.expression, rule.created_by) == (
        RuleStatus.DRAFT, "amount > 500", "staff:risk@shop.example",
    )  # fmt: skip


def test_another_expression_than_the_one_that_was_tried_is_tried_again(
    scope: Scope, merchant: Merchant, gateway: FakeGateway, enter_as: EnterAs
) -> None:
    client = enter_as("risk")
    url = reverse(LIST, args=["draft"])
    seen = fill(client, url, **wish(merchant)).context["form"]

    answer = client.post(
        url,
        wish(
            merchant,
            expression="amount > 1",
            nonce=seen["nonce"].value(),
            seen=seen["seen"].value(),
        ),
    )

    assert answer.status_code == 422
    assert not Rule.objects.exists()


def test_a_rule_that_cannot_be_read_points_at_the_place(
    scope: Scope, merchant: Merchant, gateway: FakeGateway, enter_as: EnterAs
) -> None:
    answer = fill(
        enter_as("risk"), reverse(LIST, args=["draft"]), **wish(merchant, expression="amount >> 5")
    )

    assert answer.status_code == 422
    text = answer.content.decode()
    assert re.search(r'<code class="bo-caret">amount &gt;&gt; 5\n?\s*.*\^', text, re.DOTALL)
    assert not Rule.objects.exists()


def test_a_name_that_does_not_exist_is_mended_by_a_hint(
    scope: Scope, merchant: Merchant, gateway: FakeGateway, enter_as: EnterAs
) -> None:
    answer = fill(
        enter_as("risk"), reverse(LIST, args=["draft"]), **wish(merchant, expression="amont > 5")
    )

    assert "Did you mean" in answer.content.decode()


def test_the_next_version_waits_while_the_one_in_force_stays(
    scope: Scope, merchant: Merchant, gateway: FakeGateway, enter_as: EnterAs
) -> None:
    live = live_rule(scope, "review", "amount > 900")

    send_twice(
        enter_as("risk"), reverse(PAGE, args=[live.pk, "revise"]), **wish(merchant, name=live.name)
    )

    versions = Rule.objects.filter(family=live.family).order_by("version")
    assert [(each.version, each.status) for each in versions] == [
        (1, RuleStatus.LIVE), (2, RuleStatus.DRAFT),
    ]  # fmt: skip


def test_a_draft_is_watched_asked_for_and_goes_live_by_a_second_person(
    scope: Scope, merchant: Merchant, gateway: FakeGateway, enter_as: EnterAs
) -> None:
    rule = draft_rule(scope, "block", "amount > 900", now=NOON)
    client = enter_as("risk")

    fill(client, reverse(PAGE, args=[rule.pk, "shadow"]), reason="Watch it first.")
    rule.refresh_from_db()
    assert rule.status == RuleStatus.SHADOW

    fill(client, reverse(PAGE, args=[rule.pk, "publish"]), reason="It met what it should.")
    request = Approval.objects.get()
    rule.refresh_from_db()
    assert (request.subject_id, rule.status) == (rule.pk, RuleStatus.SHADOW)

    lead = staff(email="lead@shop.example", role="risk_lead")
    approve(approval_id=request.pk, user=lead, note="", origin=Origin(actor=lead.actor), now=NOON)
    rule.refresh_from_db()
    assert (rule.status, rule.published_by) == (RuleStatus.LIVE, lead.actor)


def test_a_version_that_was_live_comes_back_at_once(
    scope: Scope, merchant: Merchant, gateway: FakeGateway, enter_as: EnterAs
) -> None:
    rule = live_rule(scope, "block", "amount > 900")
    client = enter_as("risk_lead")
    fill(client, reverse(PAGE, args=[rule.pk, "retire"]), reason="Too many.")
    rule.refresh_from_db()
    assert rule.status == RuleStatus.RETIRED

    fill(client, reverse(PAGE, args=[rule.pk, "restore"]), reason="It was right.")

    rule.refresh_from_db()
    assert rule.status == RuleStatus.LIVE


def test_the_next_version_is_shown_beside_what_the_present_one_meets(
    scope: Scope, merchant: Merchant, gateway: FakeGateway, enter_as: EnterAs
) -> None:
    paid(scope)
    rule = live_rule(scope, "review", "amount > 5000")
    url = reverse(PAGE, args=[rule.id, "revise"])
    answers = {"name": "Large", "action": "review", "expression": "amount > 500"}

    tried = fill(enter_as("risk"), url, **answers)

    assert facts_of(tried)["It would have met"] == "0 → 1"
    assert facts_of(tried)["Known frauds among them"] == "0 of 0"
