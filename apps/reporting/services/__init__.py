"""What reporting writes: figures by the hour, forecasts, and the packs of closed months."""

from apps.reporting.services.forecasts import make_forecasts
from apps.reporting.services.month_packs import make_month_packs
from apps.reporting.services.roll_ups import roll_up, roll_up_hours

__all__ = ["make_forecasts", "make_month_packs", "roll_up", "roll_up_hours"]
