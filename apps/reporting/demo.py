"""The figures of the demo's history."""

from datetime import timedelta

from apps.common.demo import Demo
from apps.reporting.models import RollUp
from apps.reporting.services.roll_ups import roll_up_hours


def seed_figures(demo: Demo) -> None:
    """Make the figures of every hour of the demo, which the sweep would take for long past."""
    roll_up_hours(since=demo.begins_at - timedelta(hours=1), until=demo.now)
    RollUp.objects.update_or_create(pk=1, defaults={"rolled_at": demo.now})
