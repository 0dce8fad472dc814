"""The figures of the demo's history."""

from datetime import timedelta
from typing import Final

from apps.common.demo import Demo
from apps.reporting.models import RollUp
from apps.reporting.services import make_forecasts, roll_up_hours

# How many mornings the demo has had a forecast: what it said can be seen beside what came.
FORECAST_MORNINGS: Final = 30


def seed_figures(demo: Demo) -> None:
    """Make the figures of every hour of the demo, which the sweep would take for long past."""
    roll_up_hours(since=demo.begins_at - timedelta(hours=1), until=demo.now)
    RollUp.objects.update_or_create(pk=1, defaults={"rolled_at": demo.now})
    for back in range(min(FORECAST_MORNINGS, demo.days), 0, -1):
        make_forecasts(now=demo.now - timedelta(days=back))
