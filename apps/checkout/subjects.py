"""What a session is about: a payment, a card to be saved, or a subscription to come."""

from dataclasses import dataclass, replace
from typing import Any

from apps.checkout.models import Session
from apps.payments.models import PaymentIntent
from apps.payments.selectors import get_intent
from apps.payments.states import IntentStatus
from apps.setups.models import SetupIntent
from apps.setups.selectors import get_setup
from apps.setups.states import SetupStatus

_SETUP_STATUSES = {
    SetupStatus.REQUIRES_PAYMENT_METHOD: IntentStatus.CREATED,
    SetupStatus.REQUIRES_CONFIRMATION: IntentStatus.CREATED,
    SetupStatus.PROCESSING: IntentStatus.PROCESSING,
    SetupStatus.REQUIRES_ACTION: IntentStatus.REQUIRES_ACTION,
    SetupStatus.SUCCEEDED: IntentStatus.SUCCEEDED,
    SetupStatus.CANCELED: IntentStatus.CANCELED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """
    How the session's intent stands; `status` is a payment intent's, also for a setup.

    `tries` counts what was tried; with the id it names the try that the page offers next.
    """

    id: str
    status: str
    tries: int
    error: dict[str, Any]
    bank_url: str
    receipt_email: str = ""
    is_hold: bool = False
    descriptor: str = ""

    @property
    def next_try(self) -> str:
        return f"{self.id}.{self.tries}"


def subject_of(session: Session) -> Subject:
    """Return what the session is about, as it stands now."""
    if session.setup_intent_id:
        setup = describe_setup(get_setup(session.scope, session.setup_intent_id))
        return replace(setup, receipt_email=session.customer_email) if session.has_trial else setup
    if not session.payment_intent_id:
        return _describe_wish(session)
    return describe_payment(get_intent(session.scope, session.payment_intent_id))


def _describe_wish(session: Session) -> Subject:
    """Return the subject of a session in subscription mode before the payer subscribes."""
    return Subject(
        id=session.id,
        status=IntentStatus.CREATED,
        tries=0,
        error={},
        bank_url="",
        receipt_email=session.customer_email,
    )


def describe_payment(intent: PaymentIntent) -> Subject:
    """Return the subject of a session in payment mode."""
    return Subject(
        id=intent.id,
        status=intent.status,
        tries=intent.attempt_count,
        error=intent.last_payment_error or {},
        bank_url=(intent.next_action or {}).get("url", ""),
        receipt_email=intent.receipt_email,
        is_hold=intent.capture_method == "manual",
        descriptor=intent.statement_descriptor,
    )


def describe_setup(setup: SetupIntent) -> Subject:
    """Return the subject of a session that saves a card."""
    status = _SETUP_STATUSES[SetupStatus(setup.status)]
    if setup.last_setup_error and status == IntentStatus.CREATED:
        status = IntentStatus.FAILED
    return Subject(
        id=setup.id,
        status=status,
        tries=setup.tries,
        error=setup.last_setup_error or {},
        bank_url=(setup.next_action or {}).get("url", ""),
    )
