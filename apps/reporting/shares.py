"""How payments were shared among the gateways, hour by hour, on the screen of the gateways."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Sum

from apps.backoffice.kit.dashboard import Stacks
from apps.backoffice.kit.display import Tone
from apps.reporting.models import HourOfAttempts

HOURS: Final = 24
# A gateway each, in the order of the settings; colours begin anew after the last.
_TONES: Final = (Tone.GOOD, Tone.BUSY, Tone.WARNING, Tone.NEUTRAL)


def share_chart(gateways: list[str], *, now: datetime) -> Stacks:
    """Return the share of all merchants' attempts that each gateway had in the last hours."""
    end = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    since = end - timedelta(hours=HOURS)
    rows = (
        HourOfAttempts.objects.filter(hour__gte=since, hour__lt=end)
        .values_list("hour", "gateway")
        .annotate(total=Sum("attempts"))
    )
    counts = {(hour, gateway): total for hour, gateway, total in rows}
    stacks = []
    for number in range(HOURS):
        hour = since + timedelta(hours=number)
        attempts = [counts.get((hour, gateway), 0) for gateway in gateways]
        total = sum(attempts)
        stacks.append((f"{hour:%H}", [each * 100 // total if total else 0 for each in attempts]))
    return Stacks(
        title="Shares of the gateways",
        hint="per cent of each hour's attempts, the last 24 hours, UTC",
        first_column="Hour",
        parts=[(name, _TONES[place % len(_TONES)]) for place, name in enumerate(gateways)],
        stacks=stacks,
    )
