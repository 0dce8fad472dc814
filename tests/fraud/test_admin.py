"""The review queue as staff see it."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import RequestFactory
from django.utils.html import strip_tags

from apps.backoffice.kit.display import money
from apps.backoffice.kit.pages import Table
from apps.common.origin import Origin, Scope
from apps.fraud.admin import ReviewAdmin, RuleAdmin
from apps.fraud.admin.reviews import ApproveDialog, BlockCardDialog, DeclineDialog
from apps.fraud.errors import CardUnknown
from apps.fraud.models import Review, Rule, ValueListItem
from apps.fraud.rulesets import forget_rules
from apps.fraud.selectors import linked_decisions
from tests.factories.backoffice import staff
from tests.factories.fraud import NOON, decision_of, draft_rule, live_rule, paid
from tests.factories.payments import stored_method
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


def test_a_blocked_card_pays_nothing_any_more(scope: Scope, gateway: FakeGateway) -> None:
    method = stored_method(gateway.name, scope=scope, fingerprint="fp_stolen")
    # What the gateway of the test tells about cards has no fingerprint and must not replace it.
    method.brand, method.last4 = "visa", "4242"
    method.save()
    live_rule(scope, "review", "amount >= 1000")
    review = Review.objects.get(intent_id=paid(scope, method=method.id).id)
    clerk = staff("fraud.change_review")
    origin = Origin(actor=clerk.actor)

    BlockCardDialog(review, user=clerk).work({"reason": "stolen"}, origin=origin, now=NOON)

    review.refresh_from_db()
    assert (review.status, review.note) == ("declined", "stolen")
    (item,) = ValueListItem.objects.all()
    assert (item.value, item.value_list.alias) == ("fp_stolen", "card_blocklist")
    forget_rules()
    again = paid(scope, method=method.id, amount=100)
    assert (again.status, decision_of(again).matched_rules) == ("failed", ["@card_blocklist"])


def test_a_card_without_a_fingerprint_cannot_be_blocked(scope: Scope, gateway: FakeGateway) -> None:
    review = reviewed(scope)
    clerk = staff("fraud.change_review")

    with pytest.raises(CardUnknown):
        BlockCardDialog(review, user=clerk).work(
            {"reason": "stolen"}, origin=Origin(actor=clerk.actor), now=NOON
        )

    review.refresh_from_db()
    assert (review.status, ValueListItem.objects.count()) == ("open", 0)


def test_payments_of_the_same_card_are_shown_together(scope: Scope, gateway: FakeGateway) -> None:
    first, second = paid(scope), paid(scope, amount=700)
    paid(scope, amount=800, method="pm_card_mastercard")

    linked = linked_decisions(decision_of(second))

    assert [(other.intent_id, shared) for other, shared in linked] == [(first.id, ["card"])]


def test_the_page_of_a_rule_shows_its_versions(scope: Scope) -> None:
    rule = draft_rule(scope, "block", "amount > 1")

    page = RuleAdmin(Rule, admin.site).page(RequestFactory().get("/"), rule)

    versions = page.main[1]
    assert isinstance(versions, Table)
    number, status, expression = (strip_tags(str(cell)) for cell in versions.rows[0][:3])
    assert number.startswith(f"1{rule.id}")
    assert (status, expression) == ("Draft", "amount &gt; 1")


def test_the_queue_says_why_each_payment_is_there(scope: Scope, gateway: FakeGateway) -> None:
    rows: list[Any] = [reviewed(scope)]
    screen = ReviewAdmin(Review, admin.site)

    screen.prepare(rows)
    rows[0].shown_decision.reasons = [["Small", 0.1], ["Large", 0.9], ["Some", 0.5], ["Next", 0.2]]

    assert screen.why(rows[0]) == "Large<br>Some<br>Next"
