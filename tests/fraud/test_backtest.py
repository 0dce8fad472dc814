"""Rules tried on history: the same reading as in checkout, in one statement."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.common.origin import Scope
from apps.fraud.backtest import backtest_expression
from apps.fraud.errors import RuleInvalid
from apps.fraud.rule_sql import RuleSql
from apps.fraud.rules import build_context, compile_expression
from apps.fraud.services.assessments import assess_attempt
from apps.fraud.services.labels import record_label
from apps.fraud.states import LabelSource
from tests.factories.fraud import NOON, subject

pytestmark = pytest.mark.django_db

NUMBERS = st.sampled_from(["amount", "card_attempts_1h", "ip_cards_24h", "risk_score"])
NUMBER = st.one_of(NUMBERS, st.integers(0, 9).map(str))
COMPARISON = st.tuples(NUMBER, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), NUMBER).map(
    " ".join
)
SUM = st.tuples(NUMBER, st.sampled_from([" + ", " - ", " * "]), NUMBER, st.just(" > 5")).map(
    "".join
)
TEXT = st.sampled_from(
    [
        "card_country == 'DE'",
        "currency in ['EUR', 'USD']",
        "card_brand.startsWith('vi')",
        "card_brand.endsWith('sa')",
        "card_brand.contains('is')",
        "size(card_brand) > 3",
        "in_list('bad', card_country)",
        "is_live",
        "!is_duplicate",
    ]
)
CONDITION = st.recursive(
    st.one_of(COMPARISON, SUM, TEXT),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda t: f"({' '.join(t)})"),
        inner.map(lambda one: f"!({one})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} ? {t[1]} : {t[2]})"),
    ),
    max_leaves=6,
)
FACTS = st.fixed_dictionaries(
    {},
    optional={
        "amount": st.integers(0, 9),
        "card_attempts_1h": st.integers(0, 9),
        "ip_cards_24h": st.integers(0, 9),
        "risk_score": st.integers(-1, 9),
        "currency": st.sampled_from(["EUR", "GBP"]),
        "card_country": st.sampled_from(["DE", "de", "FR", ""]),
        "card_brand": st.sampled_from(["visa", "amex"]),
        "is_live": st.booleans(),
        "is_duplicate": st.booleans(),
    },
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(expression=CONDITION, facts=FACTS)
def test_history_reads_a_rule_as_the_checkout_does(expression: str, facts: dict[str, Any]) -> None:
    program = compile_expression(expression, lists=["bad"])
    in_checkout = program.execute(build_context(facts, lambda _a, value: value.lower() == "de"))

    reader = RuleSql(expression, lists={"bad": ["de"]})
    condition = reader.condition()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {condition} FROM (SELECT %s::jsonb AS facts) one",  # noqa: S608
            [*reader.params, json.dumps(facts)],
        )
        (in_history,) = cursor.fetchone()

    assert in_history is in_checkout


def judged(scope: Scope, *, amount: int, days_ago: int, is_fraud: bool) -> str:
    decision = assess_attempt(subject(scope, amount=amount), now=NOON).decision
    decision.created_at = NOON - timedelta(days=days_ago)
    decision.save()
    if is_fraud:
        record_label(
            scope=scope,
            intent_id=decision.intent_id,
            source=LabelSource.DISPUTE,
            is_fraud=True,
            now=NOON,
        )
    return decision.intent_id


def test_a_backtest_tells_frauds_good_ones_and_those_too_young_to_know(scope: Scope) -> None:
    fraud = judged(scope, amount=9000, days_ago=70, is_fraud=True)
    judged(scope, amount=8000, days_ago=70, is_fraud=False)
    judged(scope, amount=8500, days_ago=5, is_fraud=False)
    judged(scope, amount=100, days_ago=70, is_fraud=True)
    judged(Scope("mer_other", livemode=False), amount=9000, days_ago=70, is_fraud=True)

    result = backtest_expression(
        scope=scope, action="block", expression="amount > 5000", days=90, now=NOON
    ).render()

    assert (result["payments"], result["frauds"], result["matched"]) == (4, 2, 3)
    assert (result["matched_fraud"], result["matched_good"]) == (1, 1)
    assert (result["precision_basis_points"], result["recall_basis_points"]) == (5000, 5000)
    effect = result["currencies"][0]
    assert (effect["amount_fraud"], effect["amount_good"]) == (9000, 8000)
    assert effect["too_young"] == 1
    assert fraud in effect["sample"]


@pytest.mark.parametrize("expression", ["ip == '1.2.3.4'", "metadata['a'] == 'b'"])
def test_history_cannot_be_asked_for_what_it_does_not_keep(scope: Scope, expression: str) -> None:
    with pytest.raises(RuleInvalid, match="to protect payers"):
        backtest_expression(scope=scope, action="block", expression=expression, days=9, now=NOON)


def test_a_text_in_a_rule_stays_a_text_in_sql() -> None:
    reader = RuleSql('card_brand == "\'; DROP TABLE fraud_label; --"', lists={})

    assert "DROP" not in reader.condition()
    assert reader.params == ["'; DROP TABLE fraud_label; --"]


def test_the_command_prints_what_a_rule_would_have_met(
    scope: Scope, capsys: pytest.CaptureFixture[str]
) -> None:
    judged(scope, amount=9000, days_ago=70, is_fraud=True)

    call_command("backtest_rules", "amount > 5000", merchant=scope.merchant_id, days=400)

    assert json.loads(capsys.readouterr().out)["matched_fraud"] == 1
