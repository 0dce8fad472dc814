"""Risk for the demo: rules in every state, payments assessed, some of them held for a person."""

import random
from typing import Final

from django.db.models import Exists, OuterRef

from apps.common.demo import Demo
from apps.common.ids import id_at
from apps.common.origin import Origin
from apps.fraud.models import Decision, Review
from apps.fraud.policies import REVIEW_LIFETIME, level_of
from apps.fraud.rule_hits import label_of
from apps.fraud.services.lists import put_on_list
from apps.fraud.services.rules import RuleWish, create_rule, publish_rule, shadow_rule
from apps.fraud.states import Action, ItemType, Level
from apps.payments.models import PaymentAttempt
from apps.payments.states import AttemptStatus

AUTHOR: Final = Origin(actor="staff:risk@demo.example")
PUBLISHER: Final = "staff:risk_lead@demo.example"
# The newest attempts are assessed, the most suspicious of them wait for a person.
ASSESSED: Final = 600
REVIEWED: Final = 14
_RULES: Final = (
    ("Large amounts", "review", "amount > 100000", "live"),
    ("Very large amounts", "block", "amount > 350000", "shadow"),
    ("Tiny amounts", "review", "amount < 100", "draft"),
)
_LISTED: Final = (
    ("email_blocklist", ItemType.EMAIL, "mallory@payer.example", "Three stolen cards in May."),
    ("ip_blocklist", ItemType.IP_ADDRESS, "203.0.113.66", "Card testing from here."),
    ("partners", ItemType.EMAIL, "buyer@partner.example", "Buys much and often."),
)
_REASONS: Final = (
    ["The card was used at many places today", 0.9],
    ["The amount is unusual for this customer", 0.7],
    ["The country of the card is not that of the payer", 0.5],
)


def seed_risk(demo: Demo) -> None:
    """Write rules and lists, assess the newest payments, and let some wait for a person."""
    dice = demo.dice("risk")
    met = _write_rules(demo)
    _write_lists(demo)
    newest = PaymentAttempt.objects.filter(
        # What the platform itself has taken meanwhile was assessed then.
        ~Exists(Decision.objects.filter(attempt_id=OuterRef("pk"))),
        merchant_id=demo.scope.merchant_id,
        livemode=demo.scope.livemode,
    ).order_by("-id")
    held = list(newest.filter(status=AttemptStatus.AUTHORIZED)[:REVIEWED])
    others = newest.exclude(status=AttemptStatus.AUTHORIZED)[: ASSESSED - len(held)]
    suspected = [_assess(attempt, dice, score=dice.randrange(66, 99)) for attempt in held]
    for decision in suspected:
        decision.matched_rules = [met["live"]]
        decision.shadow = {
            "rules": [f"{met['shadow']}:{Action.BLOCK}"] if decision.level == Level.HIGHEST else []
        }
    ordinary = [_assess(attempt, dice, score=dice.randrange(60)) for attempt in others]
    Decision.objects.bulk_create([*suspected, *ordinary])
    Review.objects.bulk_create(_review(decision) for decision in suspected)


def _write_rules(demo: Demo) -> dict[str, str]:
    """Write the rules; return how decisions name them, by their state."""
    labels = {}
    for name, action, expression, state in _RULES:
        wish = RuleWish(name=name, action=action, expression=expression)
        rule = create_rule(scope=demo.scope, wish=wish, origin=AUTHOR, now=demo.begins_at)
        labels[state] = label_of(rule)
        if state == "live":
            publish_rule(rule_id=rule.pk, by=PUBLISHER, now=demo.begins_at)
        elif state == "shadow":
            shadow_rule(scope=demo.scope, rule_id=rule.pk)
    return labels


def _write_lists(demo: Demo) -> None:
    for alias, item_type, value, reason in _LISTED:
        put_on_list(
            scope=demo.scope,
            alias=alias,
            item_type=item_type,
            value=value,
            reason=reason,
            origin=AUTHOR,
            now=demo.begins_at,
        )


def _assess(attempt: PaymentAttempt, dice: random.Random, *, score: int) -> Decision:
    is_suspected = attempt.status == AttemptStatus.AUTHORIZED
    return Decision(
        id=id_at("frd", attempt.created_at),
        merchant_id=attempt.merchant_id,
        livemode=attempt.livemode,
        intent_id=attempt.intent_id,
        attempt_id=attempt.pk,
        action=Action.REVIEW if is_suspected else Action.ALLOW,
        score=score,
        level=level_of(score),
        reasons=dice.sample(_REASONS, 2) if is_suspected else [],
        # What rules are tried on.
        facts={
            "amount": attempt.amount,
            "currency": attempt.currency,
            "gateway": attempt.gateway,
            "method_type": attempt.method_type,
            "card_country": attempt.method_details.get("country", ""),
        },
        duration_us=dice.randrange(600, 2_400),
        amount=attempt.amount,
        currency=attempt.currency,
        created_at=attempt.created_at,
    )


def _review(decision: Decision) -> Review:
    return Review(
        id=id_at("rv", decision.created_at),
        merchant_id=decision.merchant_id,
        livemode=decision.livemode,
        intent_id=decision.intent_id,
        attempt_id=decision.attempt_id,
        decision_id=decision.pk,
        score=decision.score,
        amount=decision.amount,
        currency=decision.currency,
        due_at=decision.created_at + REVIEW_LIFETIME,
        created_at=decision.created_at,
    )
