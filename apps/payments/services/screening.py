"""Let risk judge an attempt before any gateway hears of it."""

from dataclasses import replace

from apps.common.origin import Scope
from apps.fraud.policies import BLOCK_CODE
from apps.fraud.services.assessments import Subject, assess_attempt
from apps.fraud.states import Action
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.payments.policies import describe_block
from apps.payments.services.results import finish
from apps.payments.services.step import Step
from apps.payments.states import ErrorClass, ThreeDSecure
from apps.vault.selectors import ChargeableMethod


def screen_attempt(
    step: Step, attempt: PaymentAttempt, method: ChargeableMethod, *, allow_duplicate: bool
) -> None:
    """
    Judge the attempt of this step, and take the consequence into the same step.

    A blocked attempt is over before it began: no gateway is called. One to be reviewed only holds
    the money, if the method can hold it; the payer sees `processing` until a person decides.
    """
    subject = replace(
        describe_subject(step.intent, attempt, method),
        once=step.origin.idempotency_key,
        is_duplicate_wanted=allow_duplicate,
    )
    assessment = assess_attempt(subject, now=step.now)
    step.put_assessment(assessment)
    if assessment.action == Action.BLOCK:
        _block(step, attempt)
    elif method.type == "card":
        attempt.is_held_for_review = assessment.action == Action.REVIEW
        wanted = step.intent.wanted_three_d_secure
        if not wanted and assessment.asks_three_d_secure:
            wanted = ThreeDSecure.ANY
        attempt.request_three_d_secure = wanted


def describe_subject(
    intent: PaymentIntent, attempt: PaymentAttempt, method: ChargeableMethod
) -> Subject:
    """
    Return what is known of the attempt's payer.

    Where they are is told by the merchant: `metadata[payer_ip]`, `metadata[payer_ip_country]` and
    `metadata[device_id]`.
    """
    known = {name: value for name, value in method.card_details.items() if value}
    instrument = known.get("fingerprint") or _name_of_instrument(method)
    return Subject(
        scope=Scope(intent.merchant_id, intent.livemode),
        intent_id=intent.id,
        attempt_id=attempt.id,
        amount=attempt.amount,
        currency=attempt.currency,
        gateway=attempt.gateway,
        method_type=method.type,
        card=instrument,
        card_details=known,
        seller=intent.transfer_destination or intent.merchant_id,
        customer=intent.customer_id,
        email=intent.receipt_email or method.email,
        ip=intent.metadata.get("payer_ip", ""),
        ip_country=intent.metadata.get("payer_ip_country", ""),
        device=intent.metadata.get("device_id", ""),
        metadata=intent.metadata,
        is_off_session=intent.off_session,
        is_retry=attempt.number > 1,
    )


def _name_of_instrument(method: ChargeableMethod) -> str:
    """Name a card whose fingerprint no gateway has told yet: by its token, or by our own id."""
    if method.draft is not None:
        return next(iter(method.tokens.values()))
    return method.id


def _block(step: Step, attempt: PaymentAttempt) -> None:
    attempt.fail(
        error_class=ErrorClass.FRAUD, decline_code=BLOCK_CODE, message="Blocked by a risk rule."
    )
    finish(step, attempt)
    step.event("payment_intent.payment_failed", attempt=attempt.id, error=describe_block())
