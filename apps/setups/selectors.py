"""Reads of setup intents."""

from apps.common.origin import Scope
from apps.common.rows import get_row
from apps.setups.models import SetupIntent


def get_setup(scope: Scope, setup_id: str) -> SetupIntent:
    """
    Return the setup.

    :raises ResourceMissing: not of this account and mode
    """
    return get_row(SetupIntent.objects, scope, setup_id, resource="setup_intent", param="intent")


def find_setup_at_gateway(gateway: str, *, ours: str, reference: str) -> SetupIntent | None:
    """Return the setup that a gateway speaks of, by our reference or by its own."""
    if ours:
        found = SetupIntent.objects.filter(pk=ours.rpartition("_")[0], gateway=gateway).first()
        if found is not None:
            return found
    return SetupIntent.objects.filter(gateway_reference=reference, gateway=gateway).first()
