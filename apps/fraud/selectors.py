"""Reads of risk."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from django.db import connection
from django.db.models import OuterRef, Subquery

from apps.fraud.models import Decision
from apps.fraud.models.decisions import NO_MONEY

# As many of the newest decisions are looked through, over at most as long; that bounds the page.
_LOOK_THROUGH: Final = 2_000
_LOOK_BACK: Final = timedelta(days=30)
_SHOWN: Final = 25

# A shared e-mail domain says nothing.
_LINKS: Final = ("card", "customer", "ip", "email", "device")


def risk_of_attempts() -> dict[str, Subquery]:
    """Return `risk_score` and `risk_level` of an attempt, for `annotate`; None where not judged."""
    judged = Decision.objects.filter(attempt_id=OuterRef("pk"))
    return {
        "risk_score": Subquery(judged.values("score")),
        "risk_level": Subquery(judged.values("level")),
    }


def linked_decisions(decision: Decision) -> list[tuple[Decision, list[str]]]:
    """Return other recent payments which share a card, customer, address or device, and what."""
    recent = (
        Decision.objects.filter(
            merchant_id=decision.merchant_id,
            livemode=decision.livemode,
            created_at__gte=decision.created_at - _LOOK_BACK,
        )
        .exclude(intent_id=decision.intent_id)
        .exclude(currency=NO_MONEY)
        .order_by("-created_at")
        .only("intent_id", "amount", "currency", "action", "score", "entities", "created_at")
    )
    found = []
    for other in recent[:_LOOK_THROUGH]:
        shared = [
            link
            for link in _LINKS
            if decision.entities.get(link) and decision.entities[link] == other.entities.get(link)
        ]
        if shared:
            found.append((other, shared))
    return found[:_SHOWN]


# How many of the newest decisions the picture of the scores is made of, and how wide its bars are.
SCORED: Final = 5_000
SCORE_STEP: Final = 5
_SCORES: Final = """
SELECT score / %s, count(*) FROM (
    SELECT score FROM fraud_decision ORDER BY id DESC LIMIT %s
) newest WHERE score IS NOT NULL GROUP BY 1
"""


def count_scores() -> Mapping[int, int]:
    """Return how many of the newest payments got a score of each span, by the span's beginning."""
    with connection.cursor() as cursor:
        cursor.execute(_SCORES, [SCORE_STEP, SCORED])
        return {span * SCORE_STEP: count for span, count in cursor}
