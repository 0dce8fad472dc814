"""Reads of checkout sessions."""

from apps.checkout.models import Session
from apps.common.errors import ResourceMissing
from apps.common.origin import Scope


def get_session(scope: Scope, session_id: str) -> Session:
    """
    Return the session.

    :raises ResourceMissing: not of this account and mode
    """
    session = Session.objects.filter(
        pk=session_id, merchant_id=scope.merchant_id, livemode=scope.livemode
    ).first()
    if session is None:
        raise ResourceMissing(resource="checkout.session", id=session_id, param="id")
    return session


def find_session(session_id: str) -> Session | None:
    """Return the session behind a link, for a payer, who belongs to no account."""
    return Session.objects.filter(pk=session_id).first()
