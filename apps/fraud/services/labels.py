"""Learn what became of payments: the labels that models are trained on."""

from datetime import datetime

from django.db import transaction

from apps.common.origin import Scope
from apps.fraud.features import is_plain_amount
from apps.fraud.models import Decision, Label
from apps.fraud.services.assessments import scope_key
from apps.fraud.states import LabelSource
from apps.fraud.velocity import digest, learn_fraud


def record_label(
    *, scope: Scope, intent_id: str, source: LabelSource, is_fraud: bool, now: datetime
) -> Label:
    """
    Keep somebody's word about a payment; hearing it again changes nothing.

    A fraud is also noted in the profiles of its card and seller, so that later payments of theirs
    are judged by it.
    """
    label, is_new = Label.objects.get_or_create(
        intent_id=intent_id,
        source=source,
        defaults={
            "merchant_id": scope.merchant_id,
            "livemode": scope.livemode,
            "is_fraud": is_fraud,
            "observed_at": now,
        },
    )
    if is_new and is_fraud:
        # Redis is asked only when the label is there for good.
        transaction.on_commit(lambda: teach_profiles(intent_id))
    return label


def teach_profiles(intent_id: str) -> bool:
    """Tell card and seller of a fraud, once per payment; return whether it was ever judged."""
    decision = Decision.objects.filter(intent_id=intent_id).order_by("-id").first()
    if decision is None:
        return False
    learn_fraud(
        scope=scope_key(Scope(decision.merchant_id, decision.livemode)),
        card=_digest_of_card(decision),
        seller=str(decision.facts.get("seller", "")),
        currency=decision.currency,
        at=int(decision.created_at.timestamp()),
        attempt_id=decision.attempt_id,
        is_plain=is_plain_amount(decision.features),
    )
    return True


def _digest_of_card(decision: Decision) -> str:
    """Return what stands for the card today: the decision's own may be of a key before."""
    fingerprint = decision.facts.get("card_fingerprint", "")
    return digest(fingerprint) if fingerprint else decision.entities.get("card", "")
