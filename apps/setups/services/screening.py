"""Let risk judge a card before its bank hears of it: saving is how stolen numbers are tried."""

from datetime import datetime
from typing import Any

from apps.common.origin import Origin
from apps.fraud.models.decisions import NO_MONEY
from apps.fraud.policies import BLOCK_CODE
from apps.fraud.services.assessments import Assessment, Subject, assess_attempt
from apps.setups.models import SetupIntent
from apps.vault.selectors import ChargeableMethod


def assess_setup(
    setup: SetupIntent, method: ChargeableMethod, *, origin: Origin, now: datetime
) -> Assessment:
    """
    Judge the card that is to be saved; nothing is written.

    Where the payer is, the merchant tells in the setup's metadata, as with payments.
    """
    known = {name: value for name, value in method.card_details.items() if value}
    subject = Subject(
        scope=setup.scope,
        intent_id=setup.id,
        attempt_id=setup.reference,
        amount=0,
        currency=NO_MONEY,
        gateway=next(iter(method.tokens)),
        method_type=method.type,
        card=known.get("fingerprint") or method.id,
        card_details=known,
        seller=setup.merchant_id,
        customer=setup.customer_id,
        email=method.email,
        ip=setup.metadata.get("payer_ip", ""),
        ip_country=setup.metadata.get("payer_ip_country", ""),
        device=setup.metadata.get("device_id", ""),
        metadata=setup.metadata,
        is_setup=True,
        once=origin.idempotency_key,
    )
    return assess_attempt(subject, now=now)


def keep_assessment(assessment: Assessment, setup: SetupIntent) -> None:
    """Store what risk said of the confirmation under way, in the caller's transaction."""
    assessment.decision.attempt_id = setup.reference
    assessment.decision.save(force_insert=True)


def describe_block() -> dict[str, Any]:
    """Return `last_setup_error` for a card that risk refuses; the reason is none of the payer's."""
    return {
        "type": "card_error",
        "code": BLOCK_CODE,
        "decline_code": "fraudulent",
        "error_class": "fraud",
        "message": "The card was declined.",
    }
