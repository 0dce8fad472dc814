"""The events of a setup, written in the caller's transaction."""

from typing import Any

from apps.outbox import services as outbox
from apps.setups.models import SetupIntent
from apps.setups.objects import render_setup


class Moment(outbox.Moment[SetupIntent]):
    """Who changes a setup, and when; the caller holds the setup's lock."""

    def show(self, row: SetupIntent) -> dict[str, Any]:
        """Return the setup as the API shows it."""
        return render_setup(row)
