"""Reads of checkout sessions."""

from apps.checkout.models import Session
from apps.common.origin import Scope
from apps.common.rows import get_row


def get_session(scope: Scope, session_id: str) -> Session:
    """
    Return the session.

    :raises ResourceMissing: not of this account and mode
    """
    return get_row(Session.objects, scope, session_id, resource="checkout.session", param="id")


def find_session(session_id: str) -> Session | None:
    """Return the session behind a link, for a payer, who belongs to no account."""
    return Session.objects.filter(pk=session_id).first()
