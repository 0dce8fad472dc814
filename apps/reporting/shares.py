"""How payments were shared among the gateways, hour by hour, and when some had to move on."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Sum

from apps.backoffice.kit.dashboard import Stacks
from apps.backoffice.kit.display import Tone
from apps.reporting.models import HourOfAttempts, HourOfEvents

HOURS: Final = 24
# A gateway each, in the order of the settings; colours begin anew after the last.
_TONES: Final = (Tone.GOOD, Tone.BUSY, Tone.WARNING, Tone.NEUTRAL)
# A payment whose gateway gave no answer, or could not be reached, went on at the next one.
MOVED_ON: Final = "payment_intent.rerouted"


def share_chart(gateways: list[str], *, now: datetime) -> Stacks:
    """Return each gateway's share of all merchants' attempts lately, and the hours of failovers."""
    end = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    since = end - timedelta(hours=HOURS)
    rows = (
        HourOfAttempts.objects.filter(hour__gte=since, hour__lt=end)
        .values_list("hour", "gateway")
        .annotate(total=Sum("attempts"))
    )
    counts = {(hour, gateway): total for hour, gateway, total in rows}
    moved = HourOfEvents.objects.filter(hour__gte=since, hour__lt=end, type=MOVED_ON)
    failovers = dict(moved.values_list("hour").annotate(total=Sum("events")))
    hours = [since + timedelta(hours=number) for number in range(HOURS)]
    stacks = []
    for hour in hours:
        attempts = [counts.get((hour, gateway), 0) for gateway in gateways]
        total = sum(attempts)
        stacks.append((f"{hour:%H}", [each * 100 // total if total else 0 for each in attempts]))
    return Stacks(
        title="Shares of the gateways",
        hint="per cent of each hour's attempts, the last 24 hours, UTC",
        first_column="Hour",
        parts=[(name, _TONES[place % len(_TONES)]) for place, name in enumerate(gateways)],
        stacks=stacks,
        mark="Failovers",
        marks=[failovers.get(hour, 0) for hour in hours],
    )
