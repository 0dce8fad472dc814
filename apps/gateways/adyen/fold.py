"""
From the facts of one payment or refund to how it stands. Pure.

Nothing here depends on the order in which the facts came.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta

from apps.gateways.adyen.facts import (
    ANSWER,
    ARN,
    BY_MERCHANT,
    CANCEL_RECEIVED,
    CAPTURE_MODE,
    INITIATOR,
    INTENT,
    REFUND_RECEIVED,
)
from apps.gateways.adyen.journal import Fact
from apps.gateways.base import (
    ACQUIRER_REFERENCE,
    Decline,
    MethodDetails,
    PaymentResult,
    PaymentState,
    RefundResult,
    RefundState,
)
from apps.gateways.declines import ADYEN_REASONS, classify_decline

REFUND_CODES = frozenset({"REFUND", "REFUND_FAILED", "REFUNDED_REVERSED"})

# Adyen tells no end of an authorisation. Seven days is what the card schemes grant at least, except
# Visa for payments without their payer.
# Source: docs.stripe.com/payments/place-a-hold-on-a-payment-method, authorisation windows
_AUTHORISATION_LIFETIME = timedelta(days=7)
_VISA_MERCHANT_LIFETIME = timedelta(days=5)

_AUTHORISED = frozenset({"AUTHORISATION", f"{ANSWER}Authorised"})
_REFUSED = frozenset({f"{ANSWER}Refused", f"{ANSWER}Error", f"{ANSWER}Cancelled"})
_RELEASED = frozenset({"CANCELLATION", "TECHNICAL_CANCEL", "EXPIRE", "OFFER_CLOSED"})
# That a wish was heard tells nothing about the payment.
_REQUESTS = frozenset({CANCEL_RECEIVED, REFUND_RECEIVED})
_RAISED = "AUTHORISATION_ADJUSTMENT"
_CHALLENGED = f"{ANSWER}RedirectShopper"
_GIVEN_BACK = frozenset({"REFUND"})
_COME_BACK = frozenset({"REFUND_FAILED", "REFUNDED_REVERSED"})

BRANDS = {"mc": "mastercard", "sepadirectdebit": ""}
_PASSED = {"1", "4", "5", "7"}


def fold_payment(facts: Sequence[Fact]) -> PaymentResult:
    """Return how the payment stands; `facts` are all of its facts, at least one."""
    base = _base_of(facts)
    details = _details_of(facts)
    state = _state_of(facts, is_manual=details.get(CAPTURE_MODE) == "manual")
    reference = _first(each.payment_reference for each in facts)
    held = state == PaymentState.AUTHORIZED
    return PaymentResult(
        state=state,
        reference=reference or base.merchant_reference,
        amount=_held(facts, base),
        currency=base.currency,
        attempt_id=base.merchant_reference,
        intent_id=details.get(INTENT, ""),
        amount_captured=_captured(facts, base) if state == PaymentState.CAPTURED else 0,
        amount_refunded=_sum(facts, _GIVEN_BACK) - _sum(facts, _COME_BACK),
        charge_reference=reference
        if state in {PaymentState.CAPTURED, PaymentState.AUTHORIZED}
        else "",
        decline=_decline_of(facts, details) if state == PaymentState.DECLINED else None,
        action_url=details.get("action_url", "") if state == PaymentState.REQUIRES_ACTION else "",
        method=_method_of(details),
        method_token=_token_of(details),
        authorization_expires_at=base.occurred_at + _lifetime(details) if held else None,
    )


def _lifetime(details: Mapping[str, str]) -> timedelta:
    """Return for how long the scheme holds the money for us (AC-48)."""
    by_merchant = details.get(INITIATOR) == BY_MERCHANT
    is_visa = details.get("paymentMethod", "").startswith("visa")
    return _VISA_MERCHANT_LIFETIME if by_merchant and is_visa else _AUTHORISATION_LIFETIME


def fold_refund(facts: Sequence[Fact]) -> RefundResult:
    """Return how the refund stands; `facts` are all of its facts, at least one."""
    base = facts[0]
    failure = next((each for each in facts if _is_refund_failure(each)), None)
    state = RefundState.PENDING
    if failure is not None:
        state = RefundState.FAILED
    elif _has(facts, _GIVEN_BACK):
        state = RefundState.SUCCEEDED
    arn = _first(each.details.get(ARN, "") for each in facts)
    return RefundResult(
        state=state,
        reference=base.reference,
        amount=base.amount,
        currency=base.currency,
        refund_id=base.merchant_reference,
        payment_reference=base.payment_reference,
        failure_code=_slug(failure.reason) or "failed" if failure else "",
        bank_reference=arn,
        bank_reference_type=ACQUIRER_REFERENCE if arn else "",
    )


def is_refund_fact(fact: Fact) -> bool:
    """Return whether the fact is about a refund."""
    return fact.code in REFUND_CODES or fact.code == REFUND_RECEIVED


def amount_refundable(facts: Sequence[Fact]) -> int:
    """Return what is left to give back, refunds on their way taken as given."""
    captured = fold_payment(facts).amount_captured
    references = {each.reference for each in facts if is_refund_fact(each)}
    refunds = [fold_refund([f for f in facts if f.reference == each]) for each in references]
    return captured - sum(each.amount for each in refunds if each.state != RefundState.FAILED)


def _state_of(facts: Sequence[Fact], *, is_manual: bool) -> PaymentState:
    if _has(facts, _RELEASED) and not _has(facts, {"CAPTURE"}):
        return PaymentState.VOIDED
    if _has(facts, _AUTHORISED):
        is_taken = _sum(facts, {"CAPTURE"}) > _sum(facts, {"CAPTURE_FAILED"})
        return PaymentState.AUTHORIZED if is_manual and not is_taken else PaymentState.CAPTURED
    if _has(facts, _REFUSED) or _has(facts, {"AUTHORISATION"}, success=False):
        return PaymentState.DECLINED
    if _has(facts, {_CHALLENGED}):
        return PaymentState.REQUIRES_ACTION
    return PaymentState.PENDING


def find_refused_raise(facts: Sequence[Fact], *, amount: int) -> str | None:
    """Return why the bank declined to hold `amount`, None when it did not."""
    for each in facts:
        if each.code == _RAISED and not each.success and each.amount == amount:
            return _slug(each.reason) or "refused"
    return None


def _held(facts: Sequence[Fact], base: Fact) -> int:
    """Return what is held: what was asked for first, or the largest hold it was raised to."""
    raised = [each.amount for each in facts if each.code == _RAISED and each.success]
    return max([base.amount, *raised])


def _captured(facts: Sequence[Fact], base: Fact) -> int:
    # What is taken at once is notified only on request, so the authorisation counts.
    return _sum(facts, {"CAPTURE"}) - _sum(facts, {"CAPTURE_FAILED"}) or _held(facts, base)


def _base_of(facts: Sequence[Fact]) -> Fact:
    """Return the fact that tells what was asked for: our own answer before a notification."""
    ours = [each for each in facts if each.code.startswith(ANSWER) and each.code not in _REQUESTS]
    told = [each for each in facts if each.code == "AUTHORISATION"]
    return (ours or told or list(facts))[0]


def _details_of(facts: Sequence[Fact]) -> Mapping[str, str]:
    details: dict[str, str] = {}
    for each in facts:
        details.update(each.details)
    return details


def _decline_of(facts: Sequence[Fact], details: Mapping[str, str]) -> Decline:
    code = _slug(_first(each.reason for each in facts)) or "refused"
    advice_code = _ADVICE.get(details.get("merchantAdviceCode", "")[:2], "")
    reason = classify_decline(ADYEN_REASONS, code, advice_code=advice_code)
    return Decline(
        code=code,
        error_class=reason.error_class,
        message=reason.advice,
        network_code=details.get("refusalReasonRaw", "").partition(" ")[0],
        advice_code=advice_code,
    )


# Mastercard's advice codes, of which two forbid another try for good.
_ADVICE = {"03": "do_not_try_again", "21": "do_not_try_again"}


def _method_of(details: Mapping[str, str]) -> MethodDetails | None:
    if "iban" in details:
        iban = details["iban"]
        return MethodDetails(type="sepa_debit", last4=iban[-4:], country=iban[:2])
    if "cardSummary" not in details:
        return None
    month, _, year = details.get("expiryDate", "").partition("/")
    brand = details.get("paymentMethod", "")
    return MethodDetails(
        brand=BRANDS.get(brand, brand),
        last4=details["cardSummary"],
        exp_month=int(month) if month.isdigit() else 0,
        exp_year=int(year) if year.isdigit() else 0,
        funding=details.get("fundingSource", "").lower(),
        country=details.get("cardIssuingCountry", ""),
        fingerprint=details.get("alias", ""),
        cvc_check=_check(details.get("cvcResult", "")),
        avs_line1_check=_check(details.get("avsResult", "")),
        three_d_secure="authenticated" if details.get("threeDAuthenticated") == "true" else "",
    )


def _check(result: str) -> str:
    """Return "pass" or "fail" for Adyen's numbered results, "" when nothing was checked."""
    number = result.partition(" ")[0]
    if number in _PASSED:
        return "pass"
    return "fail" if number == "2" else ""


def _token_of(details: Mapping[str, str]) -> str:
    stored = details.get("tokenization.storedPaymentMethodId", "")
    return join_token(details.get("tokenization.shopperReference", ""), stored) if stored else ""


def join_token(shopper: str, stored: str) -> str:
    """Return the token of a stored method: Adyen finds it only with its shopper's reference."""
    return f"{shopper}/{stored}"


def _is_refund_failure(fact: Fact) -> bool:
    return fact.code in _COME_BACK or (fact.code in _GIVEN_BACK and not fact.success)


def _has(facts: Sequence[Fact], codes: Collection[str], *, success: bool = True) -> bool:
    return any(each.code in codes and each.success is success for each in facts)


def _sum(facts: Sequence[Fact], codes: Collection[str]) -> int:
    return sum(each.amount for each in facts if each.code in codes and each.success)


def _first(texts: Iterable[str]) -> str:
    return next((each for each in texts if each), "")


def _slug(text: str) -> str:
    """Return Adyen's words as a code: "Not enough balance" is `not_enough_balance`."""
    return "_".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
