"""Close reviews: a person found the payment good, or found it fraudulent."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from django.db import transaction

from apps.backoffice.models import User
from apps.common.origin import Origin, Scope
from apps.common.rows import get_row
from apps.fraud.errors import CardUnknown, ReviewClosed
from apps.fraud.models import Decision, Review, ReviewCase
from apps.fraud.objects import render_review
from apps.fraud.services.labels import record_label
from apps.fraud.services.lists import put_on_list
from apps.fraud.states import ItemType, LabelSource, ReviewStatus
from apps.outbox.services import EventDraft, publish

# Acts by its alias alone, as each list does that ends so (docs/risk.md).
CARD_BLOCKLIST: Final = "card_blocklist"


def approve_review(
    *, scope: Scope, review_id: str, note: str = "", origin: Origin, now: datetime
) -> Review:
    """
    Find the payment good; payments then take the held money.

    :raises ResourceMissing: no such review
    :raises ReviewClosed: somebody decided before
    """
    return _close(scope, review_id, is_good=True, note=note, origin=origin, now=now)


def decline_review(
    *, scope: Scope, review_id: str, note: str = "", origin: Origin, now: datetime
) -> Review:
    """
    Find the payment fraudulent; payments then release the held money, or give it back.

    :raises ResourceMissing: no such review
    :raises ReviewClosed: somebody decided before
    """
    return _close(scope, review_id, is_good=False, note=note, origin=origin, now=now)


def block_card(
    *, scope: Scope, review_id: str, note: str = "", origin: Origin, now: datetime
) -> Review:
    """
    Find the payment fraudulent, and let its card pay nothing here any more.

    The card goes on the list CARD_BLOCKLIST, which is made when it is missing.

    :raises ResourceMissing: no such review
    :raises ReviewClosed: somebody decided before
    :raises CardUnknown: the gateway never told what would know the card again
    """
    decision = Decision.objects.get(pk=get_review(scope, review_id).decision_id)
    fingerprint = decision.facts.get("card_fingerprint", "")
    if not fingerprint:
        raise CardUnknown(review=review_id)
    with transaction.atomic():
        review = decline_review(scope=scope, review_id=review_id, note=note, origin=origin, now=now)
        put_on_list(
            scope=scope,
            alias=CARD_BLOCKLIST,
            item_type=ItemType.CARD_FINGERPRINT,
            value=fingerprint,
            reason=f"{review_id}: {note}"[:200],
            origin=origin,
            now=now,
        )
    return review


def assign_reviews(*, review_ids: Collection[str], assignee: User | None) -> None:
    """Say who looks at these reviews, or that nobody does; the history keeps each change."""
    with transaction.atomic():
        # In the order of their ids, as everybody who locks several does.
        for review in Review.objects.select_for_update().filter(pk__in=review_ids).order_by("pk"):
            case = ReviewCase.objects.filter(review=review).first() or ReviewCase(review=review)
            case.assignee = assignee
            case.save()


def get_review(scope: Scope, review_id: str) -> Review:
    """
    Return the review.

    :raises ResourceMissing: not of this account and mode
    """
    return get_row(Review.objects, scope, review_id, resource="review", param="review")


def _close(
    scope: Scope, review_id: str, *, is_good: bool, note: str, origin: Origin, now: datetime
) -> Review:
    get_review(scope, review_id)
    with transaction.atomic():
        # The lock makes two people who decide together take turns.
        review = Review.objects.lock(review_id)
        if review.status != ReviewStatus.OPEN:
            raise ReviewClosed(review=review.id, status=review.status)
        if is_good:
            review.approve(by=origin.actor, note=note[:500], now=now)
        else:
            review.decline(by=origin.actor, note=note[:500], now=now)
        review.save(update_fields=["status", "closed_by", "closed_at", "note", "version"])
        record_label(
            scope=scope,
            intent_id=review.intent_id,
            source=LabelSource.REVIEW,
            is_fraud=not is_good,
            now=now,
        )
        _publish(review, origin=origin, now=now)
    return review


def _publish(review: Review, *, origin: Origin, now: datetime) -> None:
    publish(
        EventDraft.about(
            review,
            "review.closed",
            render_review(review),
            sequence=review.version,
            origin=origin,
            now=now,
        )
    )
