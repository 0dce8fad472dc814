"""How an account stood at the end of each of the last days, drawn on its page."""

from datetime import datetime, timedelta
from typing import Final

from apps.backoffice.kit.dashboard import Bar, Chart
from apps.backoffice.kit.display import Tone, money
from apps.ledger.models import Account
from apps.ledger.selectors import get_balance, get_balance_as_of

DAYS_SHOWN: Final = 14


def draw_balance(account: Account, *, now: datetime) -> Chart:
    """Return the posted balance at the end of each day; today is not over."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    bars = []
    for back in range(DAYS_SHOWN - 1, 0, -1):
        # A snapshot is taken every midnight, so each of these is one probe.
        end = midnight - timedelta(days=back - 1)
        day = end - timedelta(days=1)
        bars.append(_bar(account, day, get_balance_as_of(account, end).posted))
    bars.append(_bar(account, midnight, get_balance(account).posted, is_open=True))
    return Chart(
        title="Balance over time",
        hint="Posted, at the end of each day of UTC; today is not over",
        columns=("Day", "Balance"),
        bars=bars,
    )


def _bar(account: Account, day: datetime, posted: int, *, is_open: bool = False) -> Bar:
    """Return one day; a balance on the other side is drawn as high, in the colour of alarm."""
    return Bar(
        label=f"{day:%d %b}",
        height=abs(posted),
        text=money(posted, account.currency),
        tone=Tone.BUSY if posted >= 0 else Tone.BAD,
        is_open=is_open,
    )
