"""How reviews, lists and rules look in the API and in events; Stripe's shape where it has one."""

from datetime import datetime
from typing import Any

from apps.fraud.models import Review, Rule, ValueList, ValueListItem
from apps.fraud.states import ReviewStatus


def _unix(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


_CLOSED_REASONS = {
    ReviewStatus.OPEN: None,
    ReviewStatus.APPROVED: "approved",
    ReviewStatus.DECLINED: "refunded_as_fraud",
}


def render_review(review: Review) -> dict[str, Any]:
    """Return the review as `review`."""
    is_open = review.status == ReviewStatus.OPEN
    closed_reason = _CLOSED_REASONS[ReviewStatus(review.status)]
    return {
        "id": review.id,
        "object": "review",
        "amount": review.amount,
        "billing_zip": None,
        "charge": f"ch{review.attempt_id.removeprefix('att')}",
        "closed_at": _unix(review.closed_at),
        "closed_by": review.closed_by or None,
        "closed_reason": closed_reason,
        "created": _unix(review.created_at),
        "currency": review.currency.lower(),
        "due_at": _unix(review.due_at),
        "ip_address": None,
        "ip_address_location": None,
        "livemode": review.livemode,
        "open": is_open,
        "opened_reason": "rule",
        "payment_intent": review.intent_id,
        "reason": closed_reason or "rule",
        "risk_score": review.score,
        "session": None,
        "status": str(review.status),
    }


def render_rule(rule: Rule) -> dict[str, Any]:
    """Return the rule as `radar.rule`, one of the platform's own objects."""
    return {
        "id": rule.id,
        "object": "radar.rule",
        "action": str(rule.action),
        "created": _unix(rule.created_at),
        "created_by": rule.created_by,
        "expression": rule.expression,
        "family": rule.family,
        "livemode": rule.livemode,
        "name": rule.name,
        "position": rule.position,
        "published_at": _unix(rule.published_at),
        "published_by": rule.published_by or None,
        "status": str(rule.status),
        "version": rule.version,
    }


def render_list(value_list: ValueList, *, items: list[dict[str, Any]], has_more: bool) -> Any:
    """Return the list as `radar.value_list` with the newest of its items."""
    return {
        "id": value_list.id,
        "object": "radar.value_list",
        "alias": value_list.alias,
        "created": _unix(value_list.created_at),
        "created_by": value_list.created_by,
        "item_type": str(value_list.item_type),
        "list_items": {
            "object": "list",
            "data": items,
            "has_more": has_more,
            "url": f"/v1/radar/value_list_items?value_list={value_list.id}",
        },
        "livemode": value_list.livemode,
        "metadata": value_list.metadata,
        "name": value_list.name,
    }


def render_item(item: ValueListItem, *, livemode: bool) -> dict[str, Any]:
    """Return the value as `radar.value_list_item`."""
    return {
        "id": item.id,
        "object": "radar.value_list_item",
        "created": _unix(item.created_at),
        "created_by": item.created_by,
        "expires_at": _unix(item.expires_at),
        "livemode": livemode,
        "reason": item.reason or None,
        "value": item.value,
        "value_list": item.value_list_id,
    }
