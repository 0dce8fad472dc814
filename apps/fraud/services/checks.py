"""Judge what the bank told about the payer when it authorised: the second look, after the first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.fraud.models import Check, Review
from apps.fraud.policies import REVIEW_LIFETIME
from apps.fraud.states import Action

# Results of 3DS after which the bank bears a chargeback for fraud.
LIABILITY_SHIFTED: Final = frozenset({"authenticated", "attempt_acknowledged"})
_FAILED: Final = "fail"


@dataclass(frozen=True, kw_only=True, slots=True)
class BankChecks:
    """The bank's words about one authorisation; texts are empty where it said nothing."""

    scope: Scope
    intent_id: str
    attempt_id: str
    amount: int
    currency: str
    is_under_review: bool
    cvc_check: str = ""
    avs_line1_check: str = ""
    avs_postal_code_check: str = ""
    three_d_secure: str = ""

    @property
    def is_telling(self) -> bool:
        """Whether anything was said that one wants to know later."""
        checks = (self.cvc_check, self.avs_line1_check, self.avs_postal_code_check)
        return _FAILED in checks or bool(self.three_d_secure)


@dataclass(frozen=True, kw_only=True, slots=True)
class AuthorisationVerdict:
    """The rows that tell what was made of the checks; unsaved, for the attempt's write."""

    check: Check
    review: Review | None


def judge_checks(checks: BankChecks, *, now: datetime) -> AuthorisationVerdict | None:
    """
    Open a review where the security code or the whole address was wrong; None when nothing is told.

    A bank that authenticated the payer bears the loss, so that such a payment goes on.
    """
    if not checks.is_telling:
        return None
    reasons = _reasons(checks)
    is_shifted = checks.three_d_secure in LIABILITY_SHIFTED
    needs_review = bool(reasons) and not is_shifted
    check = Check(
        attempt_id=checks.attempt_id,
        merchant_id=checks.scope.merchant_id,
        livemode=checks.scope.livemode,
        intent_id=checks.intent_id,
        cvc_check=checks.cvc_check,
        avs_line1_check=checks.avs_line1_check,
        avs_postal_code_check=checks.avs_postal_code_check,
        three_d_secure=checks.three_d_secure,
        liability_shifted=is_shifted,
        action=Action.REVIEW if needs_review else Action.ALLOW,
        reasons=reasons,
        created_at=now,
    )
    opens = needs_review and not checks.is_under_review
    return AuthorisationVerdict(check=check, review=_open_review(checks, now) if opens else None)


def _reasons(checks: BankChecks) -> list[str]:
    is_elsewhere = checks.avs_line1_check == checks.avs_postal_code_check == _FAILED
    found = (
        (checks.cvc_check == _FAILED, "The security code is wrong"),
        (is_elsewhere, "Neither street nor postal code is the card holder's"),
    )
    return [words for is_so, words in found if is_so]


def _open_review(checks: BankChecks, now: datetime) -> Review:
    """Return the review; its decision is found by the statement that writes it."""
    return Review(
        id=new_id("rv"),
        merchant_id=checks.scope.merchant_id,
        livemode=checks.scope.livemode,
        intent_id=checks.intent_id,
        attempt_id=checks.attempt_id,
        amount=checks.amount,
        currency=checks.currency,
        due_at=now + REVIEW_LIFETIME,
        created_at=now,
    )
