"""What rules met lately, and how often they were right."""

from datetime import timedelta

import pytest

from apps.common.origin import Scope
from apps.fraud.rule_hits import count_hits, label_of, list_rule_hits, precision_of
from apps.fraud.rulesets import forget_rules
from apps.fraud.services.labels import record_label
from apps.fraud.services.rules import shadow_rule
from apps.fraud.states import LabelSource
from apps.payments.models import PaymentIntent
from tests.factories.fraud import NOON, draft_rule, live_rule, paid
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

YESTERDAY = NOON - timedelta(days=1)


def label(scope: Scope, payment: PaymentIntent, *, is_fraud: bool) -> None:
    record_label(
        scope=scope, intent_id=payment.id, source=LabelSource.REVIEW, is_fraud=is_fraud, now=NOON
    )


def test_hits_are_counted_by_day_with_what_became_known(scope: Scope, gateway: FakeGateway) -> None:
    rule = live_rule(scope, "review", "amount >= 1000", now=YESTERDAY)
    label(scope, paid(scope, now=YESTERDAY), is_fraud=True)
    label(scope, paid(scope, now=NOON, amount=1001), is_fraud=False)
    paid(scope, now=NOON, amount=1002)
    paid(scope, now=NOON, amount=500)

    hits = [each for each in list_rule_hits(now=NOON) if each.label == label_of(rule)]

    assert [(h.day, h.live, h.shadow, h.frauds, h.good) for h in hits] == [
        (YESTERDAY.date(), 1, 0, 1, 0),
        (NOON.date(), 2, 0, 0, 1),
    ]
    assert count_hits(hits, since=NOON.date()) == 2
    assert precision_of(hits) == 5_000


def test_a_watched_rule_has_hits_without_effect(scope: Scope, gateway: FakeGateway) -> None:
    rule = draft_rule(scope, "block", "amount >= 1000")
    shadow_rule(scope=scope, rule_id=rule.id)
    forget_rules()
    paid(scope)

    (met,) = (each for each in list_rule_hits(now=NOON) if each.label == label_of(rule))

    assert (met.live, met.shadow) == (0, 1)
    assert precision_of([met]) is None


def test_what_nobody_complained_of_for_long_enough_was_good(
    scope: Scope, gateway: FakeGateway
) -> None:
    rule = live_rule(scope, "allow", "amount >= 1000")
    paid(scope)

    (met,) = (
        each
        for each in list_rule_hits(now=NOON + timedelta(days=61))
        if each.label == label_of(rule)
    )

    assert (met.frauds, met.good, precision_of([met])) == (0, 1, 0)
