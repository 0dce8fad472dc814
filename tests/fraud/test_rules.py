"""Rules: what may be written, in which order they win, and what a shadow does."""

from contextlib import suppress

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.origin import Scope
from apps.fraud.errors import RuleInvalid, RuleNotPublishable
from apps.fraud.models import Rule
from apps.fraud.rules import build_context, compile_expression, run_rules
from apps.fraud.rulesets import forget_rules, rules_in_force
from apps.fraud.services.assessments import assess_attempt
from apps.fraud.services.rules import (
    RuleWish,
    publish_rule,
    restore_rule,
    retire_rule,
    revise_rule,
    shadow_rule,
)
from apps.fraud.states import Action
from tests.factories.fraud import AUTHOR, NOON, PUBLISHER, draft_rule, live_rule, subject


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("amont > 5", "Did you mean 'amount'?"),
        ("amount >", "cannot be read"),
        ("amount + 1", "answers true or false"),
        ("[1, 2].map(x, x > 1)", "no loops"),
        ("[1, 2].exists(x, x > amount)", "no loops"),
        ("email.matches('a+')", "no function 'matches'"),
        ("in_list('nobody', email)", "no value list 'nobody'"),
        ("in_list(email, email)", "takes the alias as text"),
        ("amount > 'x'", "fails"),
        ("amount > 1 " + "|| amount > 1 " * 200, "characters"),
        ("(" * 25 + "true" + ")" * 25, "nests at most"),
    ],
)
def test_what_cannot_be_a_rule_is_refused_with_a_reason(expression: str, complaint: str) -> None:
    with pytest.raises(RuleInvalid, match=complaint.replace("?", r"\?")):
        compile_expression(expression, lists=())


def test_a_word_in_a_text_is_no_loop() -> None:
    program = compile_expression("email.contains('.map(') || amount > 1", lists=())

    context = build_context({"amount": 2}, lambda _alias, _value: False)
    assert program.execute(context) is True


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("rules", "action", "matched"),
    [
        ([("block", "amount > 1"), ("allow", "amount > 1")], "allow", 1),
        ([("review", "amount > 1"), ("block", "amount > 1")], "block", 1),
        ([("request_three_d_secure", "amount > 1"), ("review", "amount > 1")], "review", 2),
        ([("request_three_d_secure", "amount > 1")], "request_three_d_secure", 1),
        ([("block", "amount > 9000")], "allow", 0),
    ],
)
def test_ac_094_rules_win_in_a_fixed_order(
    scope: Scope, rules: list[tuple[str, str]], action: str, matched: int
) -> None:
    for asked, expression in rules:
        live_rule(scope, asked, expression)

    assessment = assess_attempt(subject(scope), now=NOON)

    assert assessment.action == action
    assert len(assessment.decision.matched_rules) == matched


@pytest.mark.django_db
def test_ac_094_a_shadow_rule_has_no_effect_and_is_recorded_with_its_version(scope: Scope) -> None:
    shadowed = draft_rule(scope, "block", "amount > 1")
    shadow_rule(scope=scope, rule_id=shadowed.id)
    live = live_rule(scope, "request_three_d_secure", "amount > 2")

    assessment = assess_attempt(subject(scope), now=NOON)

    assert assessment.action == Action.THREE_D_SECURE
    assert assessment.decision.matched_rules == [f"{live.id}@1"]
    assert assessment.decision.shadow["rules"] == [f"{shadowed.id}@1:block"]
    assert assessment.decision.rules_version == 2


@pytest.mark.django_db
def test_a_rule_that_fails_is_no_match_and_is_recorded(scope: Scope) -> None:
    rule = live_rule(scope, "block", "metadata['vip'] == 'no'")

    assessment = assess_attempt(subject(scope), now=NOON)

    assert assessment.action == Action.ALLOW
    assert assessment.decision.shadow["failed"] == [f"{rule.id}@1"]


@pytest.mark.django_db
def test_a_new_version_takes_the_place_of_the_old_one_and_can_be_rolled_back(scope: Scope) -> None:
    first = live_rule(scope, "block", "amount > 1")
    wish = RuleWish(name="calmer", action="block", expression="amount > 9000")
    second = revise_rule(scope=scope, rule_id=first.id, wish=wish, origin=AUTHOR, now=NOON)
    assert (second.version, second.status) == (2, "draft")

    publish_rule(rule_id=second.id, by=PUBLISHER, now=NOON)
    forget_rules()
    assert assess_attempt(subject(scope), now=NOON).action == Action.ALLOW
    restore_rule(scope=scope, rule_id=first.id)
    forget_rules()

    assert assess_attempt(subject(scope), now=NOON).action == Action.BLOCK
    statuses = dict(Rule.objects.order_by("version").values_list("version", "status"))
    assert statuses == {1: "live", 2: "retired"}


@pytest.mark.django_db
def test_a_version_that_was_never_live_cannot_come_back(scope: Scope) -> None:
    rule = draft_rule(scope, "block", "amount > 1")
    retire_rule(scope=scope, rule_id=rule.id)

    with pytest.raises(RuleNotPublishable):
        restore_rule(scope=scope, rule_id=rule.id)

    rule.refresh_from_db()
    assert rule.status == "retired"


@pytest.mark.django_db
def test_postgresql_refuses_the_author_as_publisher(scope: Scope) -> None:
    rule = draft_rule(scope, "block", "amount > 1")

    with pytest.raises(IntegrityError, match="rule_four_eyes"), transaction.atomic():
        publish_rule(rule_id=rule.id, by=AUTHOR.actor, now=NOON)

    rule.refresh_from_db()
    assert rule.status == "draft"


@pytest.mark.django_db
def test_card_testing_is_blocked_in_live_mode_and_only_noted_in_test_mode(scope: Scope) -> None:
    for mode in (False, True):
        rules, _ = rules_in_force(Scope(scope.merchant_id, livemode=mode))
        context = build_context({"ip_cards_1h": 5}, lambda _alias, _value: False)
        result = run_rules(rules.rules, context)

        assert result.action == (Action.BLOCK if mode else None)
        assert bool(result.shadow) is not mode


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet="amount ><=&|!()'1234567890.in[],+-*/%?:", max_size=60))
def test_no_text_makes_the_check_of_a_rule_fail_otherwise(expression: str) -> None:
    with suppress(RuleInvalid):
        compile_expression(expression, lists=())
