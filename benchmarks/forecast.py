"""
How wrong the settlement forecast is: 60 days of a made-up business, forecast on each of them.

`python -m benchmarks.forecast --seed 7`. The business has weekly seasons, a trend, noise, refunds
that follow days later, and pays out by the Eurosystem's calendar. Beside the forecast stands the
plain guess "as much as the same weekday's payout a week before". No database, no clock.
"""

import argparse
import random
from collections import defaultdict
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


def make_business(rng: random.Random) -> dict[date, int]:
    """Return the net of each day in cents: captures of the day less fees and earlier refunds."""
    net: defaultdict[date, int] = defaultdict(int)
    for number in range(-WARM_UP_DAYS, DAYS + 30):
        day = FIRST + timedelta(days=number)
        mean = 1_000_000 + 2_000 * number
        taken = max(0, int(rng.gauss(mean, mean * 0.08))) * SEASON[day.weekday()] // 100
        net[day] += taken - taken * 3 // 100
        refunded = taken * rng.randint(2, 5) // 100
        net[day + timedelta(days=rng.randint(1, 6))] -= refunded
    return dict(net)


def main() -> None:
    """Print the mean error by days ahead, and how often the band held what came."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=7)
    net = make_business(random.Random(parser.parse_args().seed))
    arrived: defaultdict[date, int] = defaultdict(int)
    for day, amount in net.items():
        arrived[CALENDAR.arrival_of(day)] += amount
    ours: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    plain: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    held: defaultdict[int, list[bool]] = defaultdict(list)
    for number in range(DAYS):
        today = FIRST + timedelta(days=number)
        # In the morning: of today nothing is booked yet.
        known = {day: amount for day, amount in net.items() if day < today}
        for payout in forecast_payouts(net_by_day=known, today=today, calendar=CALENDAR):
            ahead = (payout.arrives_on - today).days
            came = arrived[payout.arrives_on]
            ours[ahead].append((payout.expected, came))
            held[ahead].append(payout.low <= came <= payout.high)
            weeks = -(-ahead // 7)
            before = payout.arrives_on - timedelta(weeks=weeks)
            plain[ahead].append((arrived.get(before, 0), came))
    print(f"{DAYS} days, mean absolute error of a payout by days ahead")
    print("ahead   forecast   a week before   in the band")
    for ahead in AHEAD:
        share = 100 * sum(held[ahead]) // len(held[ahead])
        errors = [mean_error_percent(pairs[ahead]) or 0 for pairs in (ours, plain)]
        print(f"{ahead:5}   {errors[0] / 100:7.2f} %   {errors[1] / 100:11.2f} %   {share:9} %")


if __name__ == "__main__":
    main()
