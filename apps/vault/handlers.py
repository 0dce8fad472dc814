"""What the vault does when a gateway or the token service calls; see config/event_routes.py."""

from datetime import datetime

from apps.common.origin import Origin
from apps.gateways.base import GatewayEvent
from apps.gateways.registry import find_token_service
from apps.vault.services.network import sync_network_token
from apps.vault.services.updates import sync_stored_method


def on_gateway_method(*, gateway: str, event: GatewayEvent, now: datetime) -> None:
    """
    Read the method or network token again and record what became of its card.

    Most events only repeat what we did ourselves; those find everything as it is.

    :raises GatewayError: the gateway could not be asked; the event is tried again
    """
    origin = Origin(actor=f"gateway:{gateway}", request_id=event.id[:40])
    service = find_token_service()
    if service is not None and service.name == gateway:
        sync_network_token(reference=event.reference, origin=origin, now=now)
    elif event.type.endswith("updated"):
        sync_stored_method(gateway=gateway, token=event.reference, origin=origin, now=now)
