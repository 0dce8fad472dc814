"""SEPA mandates: taken with the account, ended with its detachment."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from apps.common.origin import Origin, Scope
from apps.common.rows import get_row
from apps.outbox.services import EventDraft, publish
from apps.vault.models import Mandate, PaymentMethod
from apps.vault.objects import render_mandate
from apps.vault.states import Acceptance

# What a bank statement shows: capitals and digits, which no bank's system stumbles over.
_REFERENCE_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_REFERENCE_CHARS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class MandateAcceptance:
    """How the payer agreed to be debited; `ip` and `user_agent` prove what was agreed online."""

    type: Acceptance = Acceptance.OFFLINE
    accepted_at: datetime | None = None
    ip: str | None = None
    user_agent: str = ""


def take_mandate(
    *, method: PaymentMethod, acceptance: MandateAcceptance, origin: Origin, now: datetime
) -> Mandate:
    """Keep the payer's leave to debit a new account, in the caller's transaction."""
    mandate = Mandate.objects.create(
        merchant_id=method.merchant_id,
        livemode=method.livemode,
        payment_method=method,
        reference=_new_reference(),
        acceptance=acceptance.type,
        accepted_at=acceptance.accepted_at or now,
        ip=acceptance.ip,
        user_agent=acceptance.user_agent,
        created_at=now,
    )
    _publish(mandate, "mandate.created", origin=origin, now=now)
    return mandate


def end_mandate(*, method: PaymentMethod, origin: Origin, now: datetime) -> None:
    """End the active mandate of a method that is detached, in the caller's transaction."""
    for mandate in Mandate.objects.select_for_update().filter(
        payment_method=method, is_active=True
    ):
        mandate.is_active = False
        mandate.version += 1
        mandate.save(update_fields=["is_active", "version"])
        _publish(mandate, "mandate.updated", origin=origin, now=now)


def get_mandate(scope: Scope, mandate_id: str) -> Mandate:
    """
    Return the mandate.

    :raises ResourceMissing: not of this account and mode
    """
    return get_row(Mandate.objects, scope, mandate_id, resource="mandate", param="mandate")


def _new_reference() -> str:
    return "".join(secrets.choice(_REFERENCE_ALPHABET) for _ in range(_REFERENCE_CHARS))


def _publish(mandate: Mandate, type_: str, *, origin: Origin, now: datetime) -> None:
    publish(
        EventDraft.about(
            mandate,
            type_,
            render_mandate(mandate),
            sequence=mandate.version,
            origin=origin,
            now=now,
        )
    )
