"""The review queue as staff see it."""

import pytest
from django.contrib import admin
from django.test import RequestFactory

from apps.backoffice.kit.display import money
from apps.backoffice.kit.pages import Table
from apps.common.origin import Origin, Scope
from apps.fraud.admin import ApproveDialog, DeclineDialog, ReviewAdmin, RuleAdmin
from apps.fraud.models import Review, Rule
from apps.fraud.selectors import linked_decisions
from tests.factories.backoffice import staff
from tests.factories.fraud import NOON, decision_of, draft_rule, live_rule, paid
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db


def reviewed(scope: Scope) -> Review:
    live_rule(scope, "review", "amount >= 1000")
    return Review.objects.get(intent_id=paid(scope).id)


def test_the_page_of_a_review_tells_why_it_is_there(scope: Scope, gateway: FakeGateway) -> None:
    review = reviewed(scope)

    page = ReviewAdmin(Review, admin.site).page(RequestFactory().get("/"), review)

    why = page.main[0]
    assert isinstance(why, Table)
    assert ("Rule or list", f"{Rule.objects.get().id}@1") in why.rows
    assert page.heading == money(1000, "EUR")


def test_a_dialog_closes_the_review_once(scope: Scope, gateway: FakeGateway) -> None:
    review = reviewed(scope)
    clerk = staff("fraud.change_review")
    dialog = ApproveDialog(review, user=clerk)
    assert dialog.is_offered()

    dialog.work({"reason": "known payer"}, origin=Origin(actor=clerk.actor), now=NOON)

    review.refresh_from_db()
    assert (review.status, review.closed_by, review.note) == (
        "approved", clerk.actor, "known payer",
    )  # fmt: skip
    assert not DeclineDialog(review, user=clerk).is_offered()


def test_payments_of_the_same_card_are_shown_together(scope: Scope, gateway: FakeGateway) -> None:
    first, second = paid(scope), paid(scope, amount=700)
    paid(scope, amount=800, method="pm_card_mastercard")

    linked = linked_decisions(decision_of(second))

    assert [(other.intent_id, shared) for other, shared in linked] == [(first.id, ["card"])]


def test_the_page_of_a_rule_shows_its_versions(scope: Scope) -> None:
    rule = draft_rule(scope, "block", "amount > 1")

    page = RuleAdmin(Rule, admin.site).page(RequestFactory().get("/"), rule)

    versions = page.main[0]
    assert isinstance(versions, Table)
    assert versions.rows[0][:3] == ("1", "Draft", "amount > 1")
