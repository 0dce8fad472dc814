"""What disputes do when a gateway calls, or an event tells; wired in config/event_routes.py."""

from datetime import datetime

from apps.common.origin import Origin
from apps.common.transactions import release_connection
from apps.disputes.services.record import record_dispute
from apps.disputes.services.standing_orders import answer_warning
from apps.disputes.services.warnings import record_fraud_warning
from apps.gateways.base import GatewayEvent
from apps.gateways.registry import get_gateway
from apps.outbox.models import Event


def on_gateway_dispute(*, gateway: str, event: GatewayEvent, now: datetime) -> None:
    """
    Read the dispute from its gateway and record what it says; the event only wakes us up.

    :raises UnknownObject: the payment is not ours yet
    :raises GatewayError: the gateway could not be asked; the event is tried again
    """
    release_connection()
    result = get_gateway(gateway).retrieve_dispute(event.reference)
    origin = Origin(actor=f"gateway:{gateway}", request_id=event.id[:40])
    record_dispute(gateway=gateway, result=result, origin=origin, now=now)


def on_fraud_warning_created(event: Event, *, now: datetime) -> None:
    """Carry out what the merchant has ordered for warnings."""
    answer_warning(report_id=event.object_id, now=now)


def on_gateway_fraud_warning(*, gateway: str, event: GatewayEvent, now: datetime) -> None:
    """
    Read the warning from its gateway and keep it for the schemes' ratios.

    :raises UnknownObject: the payment is not ours yet
    :raises GatewayError: the gateway could not be asked; the event is tried again
    """
    release_connection()
    warning = get_gateway(gateway).retrieve_fraud_warning(event.reference)
    origin = Origin(actor=f"gateway:{gateway}", request_id=event.id[:40])
    record_fraud_warning(gateway=gateway, warning=warning, origin=origin, now=now)
