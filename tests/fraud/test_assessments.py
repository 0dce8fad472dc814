"""One assessment: what it weighs, what it keeps, and what happens when a part is missing."""

import json
from datetime import timedelta
from typing import Any

import pytest

from apps.common.origin import Scope
from apps.fraud import velocity
from apps.fraud.policies import decide
from apps.fraud.rules import RuleResult
from apps.fraud.rulesets import forget_rules
from apps.fraud.services.assessments import assess_attempt, hundredths
from apps.fraud.services.lists import create_item, create_list
from apps.fraud.states import Action
from tests.factories.fraud import AUTHOR, NOON, live_rule, subject

pytestmark = pytest.mark.django_db

NO_RULES = RuleResult(action=None, matched=[], shadow=[], failed=[], asks_three_d_secure=False)


def listed(scope: Scope, alias: str, value: str, **item: Any) -> None:
    made = create_list(
        scope=scope,
        alias=alias,
        name=alias,
        item_type="email",
        metadata={},
        origin=AUTHOR,
        now=NOON,
    )
    create_item(scope=scope, list_id=made.id, value=value, origin=AUTHOR, now=NOON, **item)
    forget_rules()


def test_ac_017_the_same_customer_amount_and_card_within_a_minute_is_suspected(
    scope: Scope,
) -> None:
    live_rule(scope, "block", "is_duplicate")
    like = {"customer": "cus_1"}

    first = assess_attempt(subject(scope, **like), now=NOON)
    second = assess_attempt(subject(scope, **like), now=NOON)
    meant = assess_attempt(subject(scope, **like, is_duplicate_wanted=True), now=NOON)
    others = [
        assess_attempt(subject(scope, **{**like, **change}), now=NOON)
        for change in ({"amount": 5001}, {"card": "fp_other"}, {"customer": "cus_2"})
    ]

    assert [a.action for a in (first, second, meant)] == ["allow", "block", "allow"]
    assert [a.action for a in others] == ["allow"] * 3
    assert "duplicate_suspect" in second.decision.matched_rules
    assert meant.decision.facts["allow_duplicate"] is True


def test_a_block_list_acts_by_its_alias_until_the_value_expires(scope: Scope) -> None:
    listed(scope, "email_blocklist", "Eve@Example.org", expires_at=NOON + timedelta(hours=1))
    eve = {"email": "eve@example.ORG"}

    blocked = assess_attempt(subject(scope, **eve), now=NOON)
    later = assess_attempt(subject(scope, **eve), now=NOON + timedelta(hours=1))

    assert (blocked.action, blocked.decision.matched_rules) == ("block", ["@email_blocklist"])
    assert later.action == Action.ALLOW


def test_a_block_list_wins_over_an_allow_rule_and_an_allow_list_over_a_block_rule(
    scope: Scope,
) -> None:
    listed(scope, "email_blocklist", "eve@example.org")
    listed(scope, "vip_allowlist", "ada@example.org")
    live_rule(scope, "allow", "email == 'eve@example.org'")
    live_rule(scope, "block", "amount > 1")

    assert assess_attempt(subject(scope, email="eve@example.org"), now=NOON).action == "block"
    assert assess_attempt(subject(scope, email="ada@example.org"), now=NOON).action == "allow"


def test_a_rule_may_ask_a_list(scope: Scope) -> None:
    listed(scope, "suspects", "eve@example.org")
    live_rule(scope, "review", "in_list('suspects', email)")

    assessment = assess_attempt(subject(scope, email="eve@example.org"), now=NOON)

    assert assessment.action == Action.REVIEW
    assert assessment.review is not None
    assert assessment.review.due_at == NOON + timedelta(hours=24)


@pytest.mark.parametrize(("mode", "action"), [("open", "allow"), ("closed", "review")])
def test_without_redis_the_setting_says_what_happens(
    scope: Scope, settings: Any, monkeypatch: pytest.MonkeyPatch, mode: str, action: str
) -> None:
    settings.FRAUD_FAIL_MODE = mode
    monkeypatch.setattr(velocity, "_ask", lambda sighting: None)

    assessment = assess_attempt(subject(scope), now=NOON)

    assert assessment.action == action
    assert assessment.decision.degraded == ["velocity"]
    assert assessment.decision.score is None


def test_a_renewal_is_not_counted(scope: Scope) -> None:
    assess_attempt(subject(scope, is_off_session=True), now=NOON)

    assessment = assess_attempt(subject(scope), now=NOON)

    assert assessment.decision.facts["card_attempts_1h"] == 1


def test_a_decision_holds_no_address_in_clear(scope: Scope) -> None:
    secrets = {"ip": "203.0.113.5", "email": "ada@example.org", "device": "phone-77"}

    decision = assess_attempt(
        subject(scope, **secrets, metadata={"note": "hush"}), now=NOON
    ).decision

    kept = json.dumps([decision.facts, decision.features, decision.entities])
    for secret in [*secrets.values(), "hush"]:
        assert secret not in kept


@pytest.mark.parametrize(
    ("score", "action"),
    [(None, "allow"), (64, "allow"), (65, "request_three_d_secure"), (75, "block"), (99, "block")],
)
def test_a_champions_score_acts_by_radars_thresholds(score: int | None, action: str) -> None:
    verdict = decide(blocked_by=[], allowed_by=[], rules=NO_RULES, score=score, is_blind=False)

    assert verdict.action == action


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        (1050, "EUR", 1050),
        (1050, "JPY", 105_000),
        (10_500, "KWD", 1050),
        (99_999_999, "JPY", 10**7),
    ],
)
def test_amounts_are_compared_in_hundredths(amount: int, currency: str, expected: int) -> None:
    assert hundredths(amount, currency) == expected
