"""When a gateway pays out: business days between a payment and the bank, and who keeps holidays."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import holidays
from django.conf import settings

_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class PayoutCalendar:
    """`delay` business days lie between a payment and its payout; `market` names the holidays."""

    delay: int
    market: str = ""

    def is_business_day(self, day: date) -> bool:
        """Return whether money moves on this day."""
        return day.weekday() < _SATURDAY and day not in _closed_days(self.market, day.year)

    def arrival_of(self, day: date) -> date:
        """Return when what is captured on `day` arrives: T + delay in business days (AC-98)."""
        left = self.delay
        while left or not self.is_business_day(day):
            day += timedelta(days=1)
            if self.is_business_day(day):
                left = max(left - 1, 0)
        return day


def calendar_of(gateway: str) -> PayoutCalendar:
    """Return the calendar of a gateway account; one that is gone from the settings pays no more."""
    calendars: Mapping[str, tuple[int, str]] = settings.SETTLEMENT_CALENDARS
    delay, market = calendars.get(gateway, (0, ""))
    return PayoutCalendar(delay=delay, market=market)


@cache
def _closed_days(market: str, year: int) -> frozenset[date]:
    """Return the days on which a financial market (`XECB`, `XNYS`) or a country is closed."""
    if not market:
        return frozenset()
    known = holidays.list_supported_financial()
    find = holidays.financial_holidays if market in known else holidays.country_holidays
    return frozenset(find(market, years=year))
