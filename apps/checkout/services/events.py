"""The events of a session, written in the caller's transaction."""

from typing import Any

from apps.checkout.models import Session
from apps.checkout.objects import render_session
from apps.outbox import services as outbox


class Moment(outbox.Moment[Session]):
    """Who changes a session, and when; the caller holds the session's lock."""

    def show(self, row: Session) -> dict[str, Any]:
        """Return the session as the API shows it."""
        return render_session(row)
