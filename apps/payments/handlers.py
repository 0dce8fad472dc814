"""What payments do when a gateway calls; wired in config/event_routes.py."""

from datetime import datetime, timedelta

from apps.common.origin import Origin
from apps.common.transactions import release_connection
from apps.gateways.base import GatewayEvent
from apps.gateways.registry import get_gateway
from apps.outbox.models import Event
from apps.payments.models import PaymentAttempt, Refund
from apps.payments.selectors import as_attempt_id, find_attempt_at_gateway
from apps.payments.services.attempts import sync_attempt
from apps.payments.services.refunds import record_refund
from apps.payments.services.reviews import settle_review
from apps.payments.states import AttemptStatus
from apps.webhooks.errors import UnknownObject

# A gateway stamps its events with its own clock, and tells about a payment a moment after it
# answered us. News older than this much after our own record of the end cannot be news.
_ECHO = timedelta(seconds=5)
_OVER = {AttemptStatus.CAPTURED, AttemptStatus.VOIDED, AttemptStatus.FAILED}


def on_gateway_payment(*, gateway: str, event: GatewayEvent, now: datetime) -> None:
    """
    Read the payment from its gateway and record what it says; the event only wakes us up.

    :raises UnknownObject: no attempt of ours has this reference yet
    :raises GatewayError: the gateway could not be asked; the event is tried again
    """
    reference = event.payment_reference or event.reference
    attempt = _find_attempt(gateway, event, reference)
    if attempt is None:
        raise UnknownObject(f"no attempt for payment {reference} at {gateway}")
    if _is_echo(attempt, event):
        return
    origin = Origin(actor=f"gateway:{gateway}", request_id=event.id[:40])
    sync_attempt(attempt_id=attempt.id, reference=reference, origin=origin, now=now)


def on_gateway_refund(*, gateway: str, event: GatewayEvent, now: datetime) -> None:
    """
    Read the refund from its gateway and record what it says.

    The gateway's id of a refund whose answer was lost is learned here (AC-49c).

    :raises UnknownObject: no refund of ours has this reference yet
    :raises GatewayError: the gateway could not be asked; the event is tried again
    """
    refund = _find_refund(gateway, event)
    if refund is None:
        raise UnknownObject(f"no refund {event.reference} at {gateway}")
    release_connection()
    result = get_gateway(gateway).retrieve_refund(event.reference)
    origin = Origin(actor=f"gateway:{gateway}", request_id=event.id[:40])
    record_refund(refund_id=refund.id, outcome=result, origin=origin, now=now)


def on_review_closed(event: Event, *, now: datetime) -> None:
    """Take the money of a payment that a person found good, or let go of one found fraudulent."""
    settle_review(
        attempt_id=as_attempt_id(event.object["charge"]),
        is_good=event.object["status"] == "approved",
        origin=Origin(actor=event.actor, request_id=event.request_id),
        now=now,
    )


def _find_attempt(gateway: str, event: GatewayEvent, reference: str) -> PaymentAttempt | None:
    if event.attempt_id:
        found = PaymentAttempt.objects.filter(pk=event.attempt_id, gateway=gateway).first()
        if found is not None:
            return found
    return find_attempt_at_gateway(gateway, reference)


def _find_refund(gateway: str, event: GatewayEvent) -> Refund | None:
    of_gateway = Refund.objects.filter(attempt__gateway=gateway)
    if event.refund_id:
        found = of_gateway.filter(pk=event.refund_id).first()
        if found is not None:
            return found
    return of_gateway.filter(gateway_reference=event.reference).first()


def _is_echo(attempt: PaymentAttempt, event: GatewayEvent) -> bool:
    """Return whether the event only repeats what the answer to our own call said already."""
    return (
        attempt.status in _OVER
        and attempt.finished_at is not None
        and event.occurred_at <= attempt.finished_at + _ECHO
    )
