"""
What a decline means: one table for all gateways.

Each gateway's codes lead to a reason of ours; the reason says whether another try makes sense and
what the payer reads. Unknown codes are terminal: who does not know why the bank said no must not
ask it again and again, the card schemes fine that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from apps.gateways.base import DeclineClass

# Raise it with every change of what follows: figures over declines compare only within a version.
DECLINE_TABLE_VERSION = 2


@dataclass(frozen=True, slots=True)
class DeclineReason:
    """`advice` is for the payer and never tells that a card counts as stolen or fraudulent."""

    error_class: DeclineClass
    advice: str


class Reason(StrEnum):
    """Why a payment was declined, in our words."""

    AUTHENTICATION = "authentication"
    BANK_SAYS_NO = "bank_says_no"
    CARD_DATA = "card_data"
    CARD_EXPIRED = "card_expired"
    CARD_REFUSED = "card_refused"
    FRAUD_SUSPECTED = "fraud_suspected"
    LIMIT = "limit"
    MANDATE = "mandate"
    NO_ACCOUNT = "no_account"
    NO_FUNDS = "no_funds"
    NOT_SUPPORTED = "not_supported"
    TRY_AGAIN = "try_again"
    UNKNOWN = "unknown"


_OTHER_METHOD = "Please use another payment method."
_CALL_BANK = "Your bank declined the payment. Please contact it, or use another payment method."

REASONS: Mapping[Reason, DeclineReason] = {
    Reason.AUTHENTICATION: DeclineReason(
        DeclineClass.AUTHENTICATION_REQUIRED,
        "Your bank wants you to confirm the payment. Please try again and follow its steps.",
    ),
    Reason.BANK_SAYS_NO: DeclineReason(DeclineClass.RETRYABLE, _CALL_BANK),
    Reason.CARD_DATA: DeclineReason(
        DeclineClass.RETRYABLE, "Please check the card's details and try again."
    ),
    Reason.CARD_EXPIRED: DeclineReason(
        DeclineClass.TERMINAL, "The card has expired. Please use another one."
    ),
    Reason.CARD_REFUSED: DeclineReason(DeclineClass.TERMINAL, _CALL_BANK),
    Reason.FRAUD_SUSPECTED: DeclineReason(DeclineClass.FRAUD, _CALL_BANK),
    Reason.LIMIT: DeclineReason(
        DeclineClass.RETRYABLE,
        "The payment is over a limit of your card. Please contact your bank, or use another card.",
    ),
    Reason.MANDATE: DeclineReason(
        DeclineClass.TERMINAL, "Your bank account may not be debited. " + _OTHER_METHOD
    ),
    Reason.NO_ACCOUNT: DeclineReason(
        DeclineClass.TERMINAL, "There is no such account any more. " + _OTHER_METHOD
    ),
    Reason.NO_FUNDS: DeclineReason(
        DeclineClass.RETRYABLE,
        "There is not enough money on the account. Please use another payment method.",
    ),
    Reason.NOT_SUPPORTED: DeclineReason(
        DeclineClass.TERMINAL, "Your card cannot be used for this payment. " + _OTHER_METHOD
    ),
    Reason.TRY_AGAIN: DeclineReason(
        DeclineClass.RETRYABLE, "Your bank could not handle the payment. Please try again."
    ),
    Reason.UNKNOWN: DeclineReason(DeclineClass.TERMINAL, _CALL_BANK),
}

# What a bank means by its generic no changes from one day to the next, so the payer may try again.
# Source: Stripe's page "Decline codes".
STRIPE_REASONS: Mapping[str, Reason] = {
    "approve_with_id": Reason.TRY_AGAIN,
    "authentication_not_handled": Reason.AUTHENTICATION,
    "authentication_required": Reason.AUTHENTICATION,
    "payment_intent_authentication_failure": Reason.AUTHENTICATION,
    "setup_intent_authentication_failure": Reason.AUTHENTICATION,
    "call_issuer": Reason.BANK_SAYS_NO,
    "card_declined": Reason.BANK_SAYS_NO,
    "do_not_honor": Reason.BANK_SAYS_NO,
    "generic_decline": Reason.BANK_SAYS_NO,
    "no_action_taken": Reason.BANK_SAYS_NO,
    "security_violation": Reason.CARD_REFUSED,
    "service_not_allowed": Reason.NOT_SUPPORTED,
    "transaction_not_allowed": Reason.NOT_SUPPORTED,
    "card_not_supported": Reason.NOT_SUPPORTED,
    "currency_not_supported": Reason.NOT_SUPPORTED,
    "testmode_decline": Reason.NOT_SUPPORTED,
    "live_mode_test_card": Reason.NOT_SUPPORTED,
    "test_mode_live_card": Reason.NOT_SUPPORTED,
    "invalid_amount": Reason.LIMIT,
    "card_velocity_exceeded": Reason.LIMIT,
    "withdrawal_count_limit_exceeded": Reason.LIMIT,
    "offline_pin_required": Reason.AUTHENTICATION,
    "online_or_offline_pin_required": Reason.AUTHENTICATION,
    "incorrect_address": Reason.CARD_DATA,
    "incorrect_cvc": Reason.CARD_DATA,
    "incorrect_number": Reason.CARD_DATA,
    "incorrect_pin": Reason.CARD_DATA,
    "incorrect_zip": Reason.CARD_DATA,
    "invalid_cvc": Reason.CARD_DATA,
    "invalid_expiry_month": Reason.CARD_DATA,
    "invalid_expiry_year": Reason.CARD_DATA,
    "invalid_number": Reason.CARD_DATA,
    "invalid_pin": Reason.CARD_DATA,
    "expired_card": Reason.CARD_EXPIRED,
    "invalid_account": Reason.NO_ACCOUNT,
    "new_account_information_available": Reason.CARD_REFUSED,
    "not_permitted": Reason.CARD_REFUSED,
    "pin_try_exceeded": Reason.CARD_REFUSED,
    "restricted_card": Reason.CARD_REFUSED,
    "revocation_of_all_authorizations": Reason.CARD_REFUSED,
    "revocation_of_authorization": Reason.CARD_REFUSED,
    "stop_payment_order": Reason.CARD_REFUSED,
    # Terminal, but not our own suspicion: the bank knows the card as gone (C13).
    "lost_card": Reason.CARD_REFUSED,
    "pickup_card": Reason.CARD_REFUSED,
    "stolen_card": Reason.CARD_REFUSED,
    "fraudulent": Reason.FRAUD_SUSPECTED,
    "highest_risk_level": Reason.FRAUD_SUSPECTED,
    "merchant_blacklist": Reason.FRAUD_SUSPECTED,
    "rule": Reason.FRAUD_SUSPECTED,
    "duplicate_transaction": Reason.UNKNOWN,
    "insufficient_funds": Reason.NO_FUNDS,
    "issuer_not_available": Reason.TRY_AGAIN,
    "processing_error": Reason.TRY_AGAIN,
    "reenter_transaction": Reason.TRY_AGAIN,
    "try_again_later": Reason.TRY_AGAIN,
    # Bank debits tell their failures under codes of their own.
    "account_closed": Reason.NO_ACCOUNT,
    "bank_account_restricted": Reason.MANDATE,
    "bank_ownership_changed": Reason.MANDATE,
    "charge_exceeds_source_limit": Reason.LIMIT,
    "debit_disputed": Reason.MANDATE,
    "debit_not_authorized": Reason.MANDATE,
    "generic_could_not_process": Reason.TRY_AGAIN,
    "no_account": Reason.NO_ACCOUNT,
    "payment_intent_mandate_invalid": Reason.MANDATE,
    "recipient_deceased": Reason.NO_ACCOUNT,
}

# Adyen's refusal reasons, in its own words as codes.
# Source: Adyen's page "Refusal reasons".
ADYEN_REASONS: Mapping[str, Reason] = {
    "3d_not_authenticated": Reason.AUTHENTICATION,
    "3ds_authentication_error": Reason.AUTHENTICATION,
    "authentication_required": Reason.AUTHENTICATION,
    "cvm_required_restart_payment": Reason.AUTHENTICATION,
    "mobile_pin_required": Reason.AUTHENTICATION,
    "rreq_not_received_from_ds": Reason.AUTHENTICATION,
    "cancelled": Reason.AUTHENTICATION,
    "shopper_cancelled": Reason.AUTHENTICATION,
    "refused": Reason.BANK_SAYS_NO,
    "referral": Reason.BANK_SAYS_NO,
    "declined_non_generic": Reason.BANK_SAYS_NO,
    "avs_declined": Reason.CARD_DATA,
    "cvc_declined": Reason.CARD_DATA,
    "invalid_card_number": Reason.CARD_DATA,
    "invalid_pin": Reason.CARD_DATA,
    "expired_card": Reason.CARD_EXPIRED,
    # Terminal, but not our own suspicion: the bank knows the card as gone (C13).
    "blocked_card": Reason.CARD_REFUSED,
    "pin_tries_exceeded": Reason.CARD_REFUSED,
    "restricted_card": Reason.CARD_REFUSED,
    "revocation_of_auth": Reason.CARD_REFUSED,
    "transaction_blocked_by_adyen_to_prevent_excessive_retry_fees": Reason.CARD_REFUSED,
    "acquirer_fraud": Reason.FRAUD_SUSPECTED,
    "fraud": Reason.FRAUD_SUSPECTED,
    "fraud_cancelled": Reason.FRAUD_SUSPECTED,
    "issuer_suspected_fraud": Reason.FRAUD_SUSPECTED,
    "invalid_amount": Reason.LIMIT,
    "withdrawal_amount_exceeded": Reason.LIMIT,
    "withdrawal_count_exceeded": Reason.LIMIT,
    "no_checking_account_available_on_card": Reason.NO_ACCOUNT,
    "no_savings_account_available_on_card": Reason.NO_ACCOUNT,
    "not_enough_balance": Reason.NO_FUNDS,
    "not_supported": Reason.NOT_SUPPORTED,
    "transaction_not_permitted": Reason.NOT_SUPPORTED,
    "acquirer_error": Reason.TRY_AGAIN,
    "issuer_unavailable": Reason.TRY_AGAIN,
    "not_submitted": Reason.TRY_AGAIN,
}

# What the card scheme advises to whoever thinks of trying again.
_NEVER_AGAIN = frozenset({"do_not_try_again"})


def classify_decline(
    reasons: Mapping[str, Reason], code: str, *, advice_code: str = ""
) -> DeclineReason:
    """
    Return what a gateway's decline code means, by that gateway's table `reasons`.

    The scheme's advice not to try again wins over the code; its advice to try again does not make
    an unknown code retryable.
    """
    reason = REASONS[reasons.get(code, Reason.UNKNOWN)]
    if advice_code in _NEVER_AGAIN and reason.error_class != DeclineClass.FRAUD:
        return DeclineReason(DeclineClass.TERMINAL, REASONS[Reason.CARD_REFUSED].advice)
    return reason
