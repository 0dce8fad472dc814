"""What payouts do when a gateway calls or a person decides; wired in config."""

from datetime import datetime

from apps.backoffice.models import Approval
from apps.common.origin import Origin
from apps.common.transactions import release_connection
from apps.gateways.base import GatewayEvent
from apps.gateways.registry import get_gateway
from apps.payouts.models import Payout
from apps.payouts.services.payouts import approve_payout, cancel_payout, record_payout
from apps.payouts.states import PayoutStatus
from apps.webhooks.errors import UnknownObject


def on_gateway_payout(*, gateway: str, event: GatewayEvent, now: datetime) -> None:
    """
    Read the payout from its gateway and record what it says; the event only wakes us up.

    :raises UnknownObject: no payout of ours has this reference yet
    :raises GatewayError: the gateway could not be asked; the event is tried again
    """
    payout = _find_payout(gateway, event)
    if payout is None:
        raise UnknownObject(f"no payout {event.reference} at {gateway}")
    release_connection()
    result = get_gateway(gateway).retrieve_payout(event.reference)
    origin = Origin(actor=f"gateway:{gateway}", request_id=event.id[:40])
    record_payout(payout_id=payout.id, outcome=result, origin=origin, now=now)


def on_payout_approved(approval: Approval, *, origin: Origin, now: datetime) -> None:
    """Let the payout leave."""
    approve_payout(payout_id=approval.subject_id, by=approval.decided_by, origin=origin, now=now)


def on_payout_rejected(approval: Approval, *, origin: Origin, now: datetime) -> None:
    """Give the money back to the wallet; a payout that is over by now stays as it is."""
    payout = Payout.objects.get(pk=approval.subject_id)
    if payout.status == PayoutStatus.PENDING:
        cancel_payout(scope=approval.scope, payout_id=payout.id, origin=origin, now=now)


def _find_payout(gateway: str, event: GatewayEvent) -> Payout | None:
    of_gateway = Payout.objects.filter(gateway=gateway, sent_at__isnull=False)
    if event.payout_id:
        found = of_gateway.filter(pk=event.payout_id).first()
        if found is not None:
            return found
    return of_gateway.filter(gateway_reference=event.reference).first()
