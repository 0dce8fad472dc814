"""The payer presses the button."""

from dataclasses import dataclass
from datetime import datetime

from apps.checkout.models import Session
from apps.checkout.services.sessions import renew_payment, settle_session
from apps.common.origin import Origin
from apps.payments.errors import (
    ConcurrentChange,
    IntentNotConfirmable,
    PaymentInProgress,
    PaymentTerminallyFailed,
)
from apps.payments.services.intents import Confirmation, confirm_intent


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """
    One press of the button: a one-time token of the card fields, and what the payer typed.

    `try_number` says which try the page offered: a page that is pressed twice, went back or was
    open in another tab offers one that was made already.
    """

    token: str
    try_number: str
    email: str = ""


def pay_session(*, session: Session, submission: Submission, origin: Origin, now: datetime) -> bool:
    """
    Charge the session's payment once for this try; return whether it was charged now.

    False for a try that was made before, here or in another tab: how that one went the page says.

    :raises SessionNotOpen: paid or expired
    :raises GatewayFailed: no gateway could be reached; nothing was charged
    """
    intent = renew_payment(session=session, origin=origin, now=now)
    if submission.try_number != try_number(intent.id, intent.attempt_count):
        return False
    changes = {"receipt_email": submission.email} if submission.email else {}
    try:
        confirm_intent(
            scope=session.scope,
            intent_id=intent.id,
            confirmation=Confirmation(payment_method=submission.token, changes=changes),
            origin=origin,
            now=now,
        )
    except (ConcurrentChange, IntentNotConfirmable, PaymentInProgress, PaymentTerminallyFailed):
        return False
    settle_session(session_id=session.id, origin=origin, now=now)
    return True


def try_number(intent_id: str, attempts: int) -> str:
    """Return the name of the next try of this intent."""
    return f"{intent_id}.{attempts}"
