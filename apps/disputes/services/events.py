"""The events of a dispute, written in the caller's transaction."""

from typing import Any

from apps.disputes.models import Dispute
from apps.disputes.objects import render_dispute
from apps.disputes.selectors import buffer_of
from apps.outbox import services as outbox


class Moment(outbox.Moment[Dispute]):
    """Who changes a dispute, and when; the caller holds the dispute's lock."""

    def show(self, row: Dispute) -> dict[str, Any]:
        """Return the dispute as the API shows it."""
        return render_dispute(row, buffer=buffer_of(row.scope), funds=row.funds.order_by("id"))
