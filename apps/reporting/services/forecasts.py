"""Keep what is forecast each day, so that it can be compared with what came."""

from datetime import datetime

from apps.common.origin import Scope
from apps.reporting.models import Forecast, HourOfBooks
from apps.reporting.selectors import forecast_of, local_day


def make_forecasts(*, now: datetime) -> int:
    """
    Store today's forecast of each gateway and currency that has none yet; return how many.

    A day is the gateway's own. What is stored stays: the error is told of it as it was.
    """
    made = 0
    accounts = (
        HourOfBooks.objects.exclude(gateway="")
        .values_list("merchant_id", "livemode", "gateway", "currency")
        .distinct()
        .order_by("merchant_id", "livemode", "gateway", "currency")
    )
    for merchant_id, livemode, gateway, currency in accounts:
        today = local_day(now, gateway)
        scope = Scope(merchant_id, livemode)
        of_account = {
            "merchant_id": merchant_id,
            "livemode": livemode,
            "gateway": gateway,
            "currency": currency,
            "made_on": today,
        }
        if Forecast.objects.filter(**of_account).exists():
            continue
        rows = [
            Forecast(
                **of_account,
                arrives_on=payout.arrives_on,
                known=payout.known,
                expected=payout.expected,
                low=payout.low,
                high=payout.high,
            )
            for payout in forecast_of(scope=scope, gateway=gateway, currency=currency, now=now)
        ]
        Forecast.objects.bulk_create(rows, ignore_conflicts=True)
        made += bool(rows)
    return made
