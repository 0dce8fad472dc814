"""What reporting writes: figures by the hour, and forecasts."""

from apps.reporting.services.forecasts import make_forecasts
from apps.reporting.services.roll_ups import roll_up, roll_up_hours

__all__ = ["make_forecasts", "roll_up", "roll_up_hours"]
