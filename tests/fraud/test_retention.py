"""What risk knew of payers is kept for thirteen months: no day less, and not for ever."""

from datetime import datetime, timedelta

import pytest
from django.contrib import admin
from django.db import IntegrityError, transaction
from django.test import RequestFactory
from django.utils import timezone

from apps.backoffice.kit.display import money
from apps.common.origin import Scope
from apps.compliance.services import keep_retention
from apps.fraud.admin import ReviewAdmin
from apps.fraud.models import Check, Decision, Review
from apps.fraud.services.assessments import assess_attempt
from tests.factories.fraud import live_rule, subject

pytestmark = pytest.mark.django_db


def decided(scope: Scope, *, days_ago: int) -> Decision:
    at = timezone.now() - timedelta(days=days_ago)
    decision = assess_attempt(subject(scope, ip="203.0.113.7"), now=at).decision
    decision.save(force_insert=True)
    return decision


def checked(scope: Scope, decision: Decision, *, at: datetime) -> Check:
    return Check.objects.create(
        attempt_id=decision.attempt_id, merchant_id=scope.merchant_id, livemode=False,
        intent_id=decision.intent_id, liability_shifted=False, action="allow", created_at=at,
    )  # fmt: skip


def test_decisions_and_checks_go_after_thirteen_months(scope: Scope) -> None:
    old, young = decided(scope, days_ago=397), decided(scope, days_ago=395)
    for decision in (old, young):
        checked(scope, decision, at=decision.created_at)

    while keep_retention(now=timezone.now()):
        pass

    assert [row.id for row in Decision.objects.all()] == [young.id]
    assert [row.attempt_id for row in Check.objects.all()] == [young.attempt_id]


def test_what_a_person_still_decides_about_stays(scope: Scope) -> None:
    live_rule(scope, "review", "amount > 1")
    at = timezone.now() - timedelta(days=400)
    assessment = assess_attempt(subject(scope), now=at)
    assert assessment.review is not None
    assessment.decision.save(force_insert=True)
    assessment.review.save(force_insert=True)

    keep_retention(now=timezone.now())

    assert Decision.objects.count() == 1
    assessment.review.approve(by="staff:ana@shop.example", note="", now=at)
    assessment.review.save()
    while keep_retention(now=timezone.now() + timedelta(days=1)):
        pass
    assert Decision.objects.count() == 0
    page = ReviewAdmin(Review, admin.site).page(RequestFactory().get("/"), assessment.review)
    assert page.heading == money(5000, "EUR")


def test_postgresql_lets_nobody_delete_a_younger_one_or_change_any(scope: Scope) -> None:
    old, young = decided(scope, days_ago=397), decided(scope, days_ago=394)

    with pytest.raises(IntegrityError, match="append-only: DELETE"), transaction.atomic():
        Decision.objects.filter(pk=young.pk).delete()
    with pytest.raises(IntegrityError, match="append-only: UPDATE"), transaction.atomic():
        Decision.objects.filter(pk=old.pk).update(action="block")

    assert Decision.objects.count() == 2
