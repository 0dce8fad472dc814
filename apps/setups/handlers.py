"""What setups do when a gateway calls; wired in config/event_routes.py."""

from datetime import datetime

from apps.common.origin import Origin
from apps.gateways.base import GatewayEvent
from apps.setups.selectors import find_setup_at_gateway
from apps.setups.services.setups import finish_setup
from apps.webhooks.errors import UnknownObject


def on_gateway_setup(*, gateway: str, event: GatewayEvent, now: datetime) -> None:
    """
    Ask the gateway how the setup stands; the event only wakes us up.

    :raises UnknownObject: no setup of ours has this reference yet
    """
    setup = find_setup_at_gateway(gateway, ours=event.attempt_id, reference=event.reference)
    if setup is None:
        raise UnknownObject(f"no setup {event.reference} at {gateway}")
    origin = Origin(actor=f"gateway:{gateway}", request_id=event.id[:40])
    finish_setup(setup_id=setup.id, answer={}, origin=origin, now=now)
