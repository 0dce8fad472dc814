"""
How wrong the settlement forecast is: 60 days of a made-up business, forecast on each of them.

`python -m benchmarks.forecast --seed 7`. The business has weekly seasons, a trend, noise, refunds
that follow days later, and pays out by the Eurosystem's calendar. Beside the forecast stands the
plain guess "as much as the same weekday's payout a week before", and what the noise alone costs:
the error of somebody who knows the seasons, the trend and the refunds' share by heart. One seed is
60 days, on which a band of 80 % holds between 70 and 90 by chance; `--seeds 8` takes eight
businesses together. No database, no clock.
"""

import argparse
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from apps.reporting.calendars import PayoutCalendar
from apps.reporting.policies import forecast_payouts, mean_error_percent

FIRST = date(2026, 9, 1)
WARM_UP_DAYS = 63
DAYS = 60
CALENDAR = PayoutCalendar(delay=2, market="XECB")
# Monday to Sunday, in per cent of a mean day.
SEASON = (120, 115, 110, 105, 110, 75, 65)
AHEAD = (1, 2, 3, 5, 7, 10, 14)
REFUNDED_PERCENT = (2, 5)
REFUNDED_AFTER_DAYS = (1, 6)

Pair = tuple[int, int]


@dataclass(slots=True)
class Standing:
    """What was guessed for payouts so many days ahead, each beside what came."""

    ours: list[Pair] = field(default_factory=list)
    plain: list[Pair] = field(default_factory=list)
    knowing: list[Pair] = field(default_factory=list)
    held: list[bool] = field(default_factory=list)

    def line(self, label: str) -> str:
        """Return the errors and the band's share as a row of the table."""
        errors = [mean_error_percent(pairs) or 0 for pairs in (self.ours, self.plain, self.knowing)]
        share = 100 * sum(self.held) // len(self.held)
        cells = "   ".join(f"{error / 100:11.2f} %" for error in errors)
        return f"{label:>7}   {cells}   {share:9} %"


def mean_day(day: date) -> int:
    """Return what is taken on such a day when nothing is left to chance."""
    mean = 1_000_000 + 2_000 * (day - FIRST).days
    return mean * SEASON[day.weekday()] // 100


def make_business(rng: random.Random) -> dict[date, int]:
    """Return the net of each day in cents: captures of the day less fees and earlier refunds."""
    net: defaultdict[date, int] = defaultdict(int)
    for number in range(-WARM_UP_DAYS, DAYS + 30):
        day = FIRST + timedelta(days=number)
        mean = 1_000_000 + 2_000 * number
        taken = max(0, int(rng.gauss(mean, mean * 0.08))) * SEASON[day.weekday()] // 100
        net[day] += taken - taken * 3 // 100
        refunded = taken * rng.randint(*REFUNDED_PERCENT) // 100
        net[day + timedelta(days=rng.randint(*REFUNDED_AFTER_DAYS))] -= refunded
    return dict(net)


def mean_net(day: date) -> int:
    """Return the day's net when nothing is left to chance."""
    first, last = REFUNDED_AFTER_DAYS
    before = [mean_day(day - timedelta(days=back)) for back in range(first, last + 1)]
    refunded = sum(before) * sum(REFUNDED_PERCENT) // (200 * len(before))
    return mean_day(day) * 97 // 100 - refunded


def by_arrival(net: Iterable[tuple[date, int]]) -> dict[date, int]:
    """Return what arrives on each day."""
    arrived: defaultdict[date, int] = defaultdict(int)
    for day, amount in net:
        arrived[CALENDAR.arrival_of(day)] += amount
    return arrived


def forecast_business(net: dict[date, int], standings: defaultdict[int, Standing]) -> None:
    """Forecast on each of DAYS days, and note what was guessed beside what came."""
    arrived = by_arrival(net.items())
    for number in range(DAYS):
        today = FIRST + timedelta(days=number)
        # In the morning: of today nothing is booked yet.
        known = {day: amount for day, amount in net.items() if day < today}
        by_heart = by_arrival((day, known.get(day, mean_net(day))) for day in net)
        for payout in forecast_payouts(net_by_day=known, today=today, calendar=CALENDAR):
            came = arrived[payout.arrives_on]
            ahead = (payout.arrives_on - today).days
            before = payout.arrives_on - timedelta(weeks=-(-ahead // 7))
            standing = standings[ahead]
            standing.ours.append((payout.expected, came))
            standing.plain.append((arrived.get(before, 0), came))
            standing.knowing.append((by_heart[payout.arrives_on], came))
            standing.held.append(payout.low <= came <= payout.high)


def main() -> None:
    """Print the mean error by days ahead, and how often the band held what came."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--seeds", type=int, default=1, help="how many businesses, from --seed on")
    asked = parser.parse_args()
    standings: defaultdict[int, Standing] = defaultdict(Standing)
    for seed in range(asked.seed, asked.seed + asked.seeds):
        forecast_business(make_business(random.Random(seed)), standings)
    print(f"{DAYS} days, {asked.seeds} businesses: mean absolute error of a payout by days ahead")
    print("  ahead        forecast   a week before    noise alone   in the band")
    for ahead in AHEAD:
        print(standings[ahead].line(str(ahead)))
    guessed = Standing()
    for ahead, standing in standings.items():
        # A day ahead nothing is guessed: what arrives is booked.
        if ahead > 1:
            guessed.ours += standing.ours
            guessed.plain += standing.plain
            guessed.knowing += standing.knowing
            guessed.held += standing.held
    print(guessed.line("2 to 14"))


if __name__ == "__main__":
    main()
