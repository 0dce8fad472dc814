"""What the vault tells the world about a payment method."""

from datetime import datetime

from apps.common.origin import Origin
from apps.outbox.services import EventDraft, publish
from apps.vault.models import PaymentMethod
from apps.vault.objects import render_method


def publish_method(method: PaymentMethod, type_: str, *, origin: Origin, now: datetime) -> None:
    """Publish an event about the method as it stands, in the caller's transaction."""
    publish(
        EventDraft.about(
            method, type_, render_method(method), sequence=method.version, origin=origin, now=now
        )
    )
