"""The payer presses the button."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from apps.checkout.errors import SessionNotOpen
from apps.checkout.models import Session
from apps.checkout.services.sessions import renew_payment, settle_session
from apps.checkout.services.subscribing import begin_subscription, first_invoice, name_payer
from apps.checkout.states import SessionMode, SessionStatus
from apps.checkout.subjects import describe_payment, subject_of
from apps.common.origin import Origin
from apps.payments.errors import (
    CardDeclined,
    ConcurrentChange,
    IntentNotConfirmable,
    PaymentInProgress,
    PaymentTerminallyFailed,
)
from apps.payments.services.intents import Confirmation, confirm_intent
from apps.setups.errors import SetupNotConfirmable
from apps.setups.services.setups import confirm_setup
from apps.subscriptions.errors import InvoiceNotPayable, InvoicePaymentInProgress
from apps.subscriptions.services.cards import pay_first_invoice


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
    Charge the session's payment, or save its card, once for this try; return whether it was now.

    False for a try that was made before, here or in another tab: how that one went the page says.

    :raises SessionNotOpen: paid or expired
    :raises GatewayFailed: no gateway could be reached; nothing was charged
    """
    if session.setup_intent_id:
        return _save_card(session, submission, origin=origin, now=now)
    if session.mode == SessionMode.SUBSCRIPTION:
        return _subscribe(session, submission, origin=origin, now=now)
    intent = renew_payment(session=session, origin=origin, now=now)
    if submission.try_number != describe_payment(intent).next_try:
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


def _subscribe(session: Session, submission: Submission, *, origin: Origin, now: datetime) -> bool:
    """Begin the subscription at the first press, and pay its first invoice with this card."""
    if submission.try_number != subject_of(session).next_try:
        return False
    if not session.subscription_id:
        shown = session.amount_total
        begun = begin_subscription(session=session, email=submission.email, origin=origin, now=now)
        if begun is None or begun.amount_total != shown:
            return False
        session = begun
    intent = renew_payment(session=session, origin=origin, now=now)
    # How it went stands on the intent, and the page says it.
    with suppress(CardDeclined, InvoiceNotPayable, InvoicePaymentInProgress):
        pay_first_invoice(
            invoice=first_invoice(session),
            token=submission.token,
            try_number=describe_payment(intent).next_try,
            origin=origin,
            now=now,
        )
    settle_session(session_id=session.id, origin=origin, now=now)
    return True


def _save_card(session: Session, submission: Submission, *, origin: Origin, now: datetime) -> bool:
    if session.status != SessionStatus.OPEN or now >= session.expires_at:
        raise SessionNotOpen(session=session.id, status=session.status, step="saving a card")
    if submission.try_number != subject_of(session).next_try:
        return False
    if session.has_trial:
        name_payer(session=session, email=submission.email, origin=origin, now=now)
    try:
        confirm_setup(
            scope=session.scope,
            setup_id=session.setup_intent_id,
            payment_method=submission.token,
            origin=origin,
            now=now,
        )
    except SetupNotConfirmable:
        return False
    settle_session(session_id=session.id, origin=origin, now=now)
    return True
