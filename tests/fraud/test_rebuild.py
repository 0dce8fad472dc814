"""Redis loses everything: the counts come back from the decisions, as they were."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.fraud import velocity
from apps.fraud.models import Decision
from apps.fraud.services.assessments import assess_attempt
from apps.fraud.services.labels import record_label
from apps.fraud.states import LabelSource
from tests.factories.fraud import subject

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timezone.now()
AMOUNTS = (1000, 1200, 900, 7000, 1100)
PAYER = {"ip": "203.0.113.77", "email": "ada@example.org", "customer": "cus_1"}


def judged(scope: Scope, *, ago: timedelta, **changes: Any) -> Decision:
    decision = assess_attempt(subject(scope, **{**PAYER, **changes}), now=NOW - ago).decision
    decision.save(force_insert=True)
    return decision


def lived(scope: Scope) -> None:
    """A card with a past: purchases, one of them odd and one a fraud, and cards that were saved."""
    for number, amount in enumerate(AMOUNTS):
        judged(scope, ago=timedelta(days=12 - 2 * number), amount=amount)
    fraud = judged(scope, ago=timedelta(hours=30), amount=950)
    record_label(
        scope=scope, intent_id=fraud.intent_id, source=LabelSource.DISPUTE, is_fraud=True, now=NOW
    )
    judged(scope, ago=timedelta(minutes=50), amount=0, currency="", is_setup=True)
    judged(scope, ago=timedelta(minutes=40), amount=700, card="fp_second")
    judged(scope, ago=timedelta(minutes=30), amount=500, is_off_session=True)


def known_of(scope: Scope) -> tuple[dict[str, Any], dict[str, float]]:
    """Return what the next attempt would be judged by; it is the same for the same past."""
    decision = assess_attempt(subject(scope, amount=1000, **PAYER), now=NOW).decision
    counted = {
        name: value for name, value in decision.facts.items() if "_1h" in name or "_7d" in name
    }
    return counted, decision.features


def test_counts_and_profiles_are_what_they_were_before_redis_lost_them() -> None:
    # Two shops with the same past: one is asked before the loss, the other one after it.
    before, after = (Scope(new_id("mer"), livemode=False) for _ in range(2))
    for scope in (before, after):
        lived(scope)
    expected = known_of(before)
    assert expected[0]["ip_cards_1h"] == 2
    assert expected[0]["card_attempts_7d"] == 5
    assert expected[1]["card_age_days"] == pytest.approx(12, abs=0.01)

    velocity.forget_counts()
    said = StringIO()
    call_command("rebuild_velocity", stdout=said)

    assert said.getvalue() == "16 attempts and 2 frauds are counted again\n"
    assert known_of(after) == expected


def test_counting_again_counts_nothing_twice() -> None:
    scope = Scope(new_id("mer"), livemode=False)
    lived(scope)

    for _ in range(2):
        call_command("rebuild_velocity", stdout=StringIO())

    assert known_of(scope)[0]["card_attempts_7d"] == 5
