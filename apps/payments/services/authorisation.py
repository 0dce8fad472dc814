"""Let risk look at what the bank said when it authorised, before anybody ships anything."""

from apps.common.origin import Scope
from apps.fraud.services.checks import BankChecks, judge_checks
from apps.payments.models import PaymentAttempt
from apps.payments.services.step import Step


def screen_authorisation(step: Step, attempt: PaymentAttempt) -> None:
    """
    Judge the bank's checks of this attempt, and keep the verdict in the same step.

    Money that is held waits for the review as long as the authorisation lasts; money that was taken
    is given back when the review ends badly.
    """
    details = attempt.method_details
    verdict = judge_checks(
        BankChecks(
            scope=Scope(attempt.merchant_id, attempt.livemode),
            intent_id=attempt.intent_id,
            attempt_id=attempt.id,
            amount=attempt.amount,
            currency=attempt.currency,
            is_under_review=attempt.is_held_for_review,
            cvc_check=details.get("cvc_check", ""),
            avs_line1_check=details.get("avs_line1_check", ""),
            avs_postal_code_check=details.get("avs_postal_code_check", ""),
            three_d_secure=details.get("three_d_secure", ""),
        ),
        now=step.now,
    )
    if verdict is not None:
        step.put_verdict(verdict)
