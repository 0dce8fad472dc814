"""The drawing of scores counts the newest payments by spans of five."""

import pytest
from django.utils import timezone

from apps.common.origin import Scope
from apps.fraud import selectors
from apps.fraud.selectors import count_scores
from apps.fraud.services.assessments import assess_attempt
from tests.factories.fraud import subject

pytestmark = pytest.mark.django_db


def scored(scope: Scope, score: int | None) -> None:
    decision = assess_attempt(subject(scope), now=timezone.now()).decision
    decision.score = score
    decision.save(force_insert=True)


def test_scores_are_counted_by_spans_of_five_without_those_that_have_none(scope: Scope) -> None:
    for score in (0, 4, 5, 64, 65, 99, None):
        scored(scope, score)

    assert count_scores() == {0: 2, 5: 1, 60: 1, 65: 1, 95: 1}


def test_only_the_newest_payments_are_counted(
    scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "SCORED", 2)
    for score in (10, 20, 30):
        scored(scope, score)

    assert count_scores() == {20: 1, 30: 1}
