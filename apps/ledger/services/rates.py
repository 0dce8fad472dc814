"""Keep the exchange rates that gateways and publishers tell."""

from collections.abc import Sequence

from apps.ledger.models import ExchangeRate
from apps.ledger.policies import Rate


def keep_rates(rates: Sequence[Rate]) -> None:
    """
    Keep rates as they were told; hearing one twice changes nothing.

    A rate is never changed: a later one takes its place. The database refuses a rate of zero or
    less, and one between a currency and itself.
    """
    ExchangeRate.objects.bulk_create(
        [
            ExchangeRate(
                base=rate.base,
                quote=rate.quote,
                value=rate.value,
                source=rate.source,
                as_of=rate.as_of,
            )
            for rate in rates
        ],
        ignore_conflicts=True,
    )
