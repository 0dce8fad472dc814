"""What risk does when it hears of events; wired in config/event_routes.py and approvals.py."""

from datetime import datetime

from apps.backoffice.models import Approval
from apps.common.origin import Origin, Scope
from apps.fraud.models import Decision
from apps.fraud.policies import BLOCK_CODE
from apps.fraud.services.assessments import scope_key
from apps.fraud.services.labels import record_label
from apps.fraud.services.list_changes import drop_change, finish_change
from apps.fraud.services.rules import publish_rule
from apps.fraud.states import LabelSource
from apps.fraud.velocity import count_decline
from apps.outbox.models import Event

# The words of a dispute or refund that mean fraud, in Stripe's and our own API.
_FRAUDULENT = "fraudulent"


def on_rule_approved(approval: Approval, *, origin: Origin, now: datetime) -> None:
    """Let the rule act, now that a second person agreed."""
    del origin
    publish_rule(rule_id=approval.subject_id, by=approval.decided_by, now=now)


def on_value_list_approved(approval: Approval, *, origin: Origin, now: datetime) -> None:
    """Change the list, now that a second person agreed."""
    del origin, now
    finish_change(approval)


def on_value_list_rejected(approval: Approval, *, origin: Origin, now: datetime) -> None:
    """Forget the value that was to be put on the list."""
    del origin, now
    drop_change(approval)


def on_payment_failed(event: Event, *, now: datetime) -> None:
    """Count a bank's no against card, address and the rest; blocks of our own do not count."""
    del now
    _count_decline(event)


def on_setup_failed(event: Event, *, now: datetime) -> None:
    """Count a bank's no to a card that was to be saved, like one to a payment."""
    del now
    _count_decline(event)


def _count_decline(event: Event) -> None:
    error = event.data.get("error") or {}
    if error.get("type") != "card_error" or error.get("code") == BLOCK_CODE:
        return
    # The latest one before: an attempt that took over at another gateway has none of its own.
    judged = Decision.objects.filter(intent_id=event.object_id, created_at__lte=event.created_at)
    decision = judged.order_by("-id").first()
    if decision is not None:
        count_decline(
            scope=scope_key(Scope(decision.merchant_id, decision.livemode)),
            entities=decision.entities,
            at=int(event.created_at.timestamp()),
            attempt_id=decision.attempt_id,
        )


def on_refund_created(event: Event, *, now: datetime) -> None:
    """Learn from a refund which the merchant gave because of fraud."""
    if event.object.get("reason") == _FRAUDULENT:
        _learn(event, LabelSource.REFUND, now=now)


def on_dispute_created(event: Event, *, now: datetime) -> None:
    """Learn from a dispute for fraud when it comes in, whether it is won later or not."""
    if event.object.get("reason") == _FRAUDULENT:
        _learn(event, LabelSource.DISPUTE, now=now)


def _learn(event: Event, source: LabelSource, *, now: datetime) -> None:
    intent_id = event.object.get("payment_intent")
    if intent_id:
        scope = Scope(event.merchant_id, event.livemode)
        record_label(scope=scope, intent_id=intent_id, source=source, is_fraud=True, now=now)
