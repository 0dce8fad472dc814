"""Fill Redis again from what decisions, refusals and labels keep, after it has lost its data."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from apps.common.origin import Scope
from apps.fraud.models import Decision, Label
from apps.fraud.models.decisions import NO_MONEY
from apps.fraud.profiles import KEEP_DAYS
from apps.fraud.services.assessments import hundredths, scope_key
from apps.fraud.services.labels import teach_profiles
from apps.fraud.velocity import Sighting, forget_counts, recount

_CHUNK: Final = 2_000
_MEMORY: Final = timedelta(days=KEEP_DAYS)


def rebuild_counts(*, now: datetime) -> tuple[int, int]:
    """
    Forget all counts and profiles, and count the attempts of the past again in their order.

    Attempts from `now` on count themselves meanwhile. Declines come back with time only: they are
    no part of a decision. Returns how many attempts and frauds were counted.

    :raises redis.RedisError: Redis is away; begin again when it is back
    """
    forget_counts()
    attempts = 0
    for sighting in _past(now):
        recount(sighting)
        attempts += 1
    frauds = 0
    known = Label.objects.filter(is_fraud=True, observed_at__gte=now - _MEMORY, observed_at__lt=now)
    for intent_id in known.values_list("intent_id", flat=True).distinct().iterator(_CHUNK):
        frauds += teach_profiles(intent_id)
    return attempts, frauds


def _past(now: datetime) -> Iterator[Sighting]:
    """Yield what was counted, oldest first; nobody counts a payment without its payer."""
    decisions = Decision.objects.filter(created_at__gte=now - _MEMORY, created_at__lt=now)
    for decision in decisions.order_by("created_at", "id").iterator(_CHUNK):
        if decision.facts.get("is_off_session"):
            continue
        has_money = decision.currency != NO_MONEY
        yield Sighting(
            scope=scope_key(Scope(decision.merchant_id, decision.livemode)),
            once=decision.attempt_id,
            entities=decision.entities,
            seller=str(decision.facts.get("seller", "")),
            currency=decision.currency,
            like=decision.attempt_id,
            amount=hundredths(decision.amount, decision.currency) if has_money else 0,
            at=int(decision.created_at.timestamp()),
        )
