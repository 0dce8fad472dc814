"""Rules, lists and judged payments, made by the services themselves."""

from datetime import UTC, datetime
from typing import Any

from apps.common.ids import new_id
from apps.common.origin import Origin, Scope
from apps.fraud.models import Decision, Rule
from apps.fraud.rulesets import forget_rules
from apps.fraud.services.assessments import Subject
from apps.fraud.services.rules import RuleWish, create_rule, publish_rule
from apps.payments.models import PaymentIntent
from apps.payments.services.intents import Confirmation, create_intent

AUTHOR = Origin(actor="staff:ana@shop.example")
PUBLISHER = "staff:bob@shop.example"
NOON = datetime(2026, 11, 2, 12, 0, 7, tzinfo=UTC)


def live_rule(scope: Scope, action: str, expression: str, *, now: datetime = NOON) -> Rule:
    """Return a rule which a second person has published."""
    rule = draft_rule(scope, action, expression, now=now)
    rule = publish_rule(rule_id=rule.id, by=PUBLISHER, now=now)
    forget_rules()
    return rule


def draft_rule(scope: Scope, action: str, expression: str, *, now: datetime = NOON) -> Rule:
    """Return a rule nobody has agreed to yet."""
    wish = RuleWish(name=f"{action} if {expression}"[:200], action=action, expression=expression)
    return create_rule(scope=scope, wish=wish, origin=AUTHOR, now=now)


def subject(scope: Scope, **changes: Any) -> Subject:
    """Return an attempt of somebody with an ordinary card."""
    facts: dict[str, Any] = {
        "scope": scope,
        "intent_id": new_id("pi"),
        "attempt_id": new_id("att"),
        "amount": 5000,
        "currency": "EUR",
        "gateway": "stripe_main",
        "method_type": "card",
        "card": "fp_ordinary",
        "seller": "acct_books",
    }
    return Subject(**{**facts, **changes})


def paid(
    scope: Scope,
    *,
    amount: int = 1000,
    method: str = "pm_card_visa",
    now: datetime = NOON,
    key: str = "",
    allow_duplicate: bool = False,
    **fields: Any,
) -> PaymentIntent:
    """Return a payment as risk and the test's gateway left it."""
    return create_intent(
        scope=scope,
        fields={"amount": amount, "currency": "EUR", **fields},
        confirmation=Confirmation(payment_method=method, allow_duplicate=allow_duplicate),
        origin=Origin(actor="api:test", idempotency_key=key),
        now=now,
    )


def decision_of(intent: PaymentIntent) -> Decision:
    """Return what risk said about the intent's latest attempt."""
    return Decision.objects.get(attempt_id=intent.latest_attempt_id)
