"""
What moved on an account at Stripe on a day, from two of its reports put into one.

The activity of the balance does not tell of payouts, the report of payouts tells of nothing else.
Both are asked for with columns in the same order, so that the rows of the second can stand below
those of the first. Source: docs.stripe.com/reports/api and docs.stripe.com/reports/report-types.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from apps.gateways.errors import GatewayUnknown
from apps.gateways.stripe.client import StripeCalls

ACTIVITY: Final = "balance_change_from_activity.itemized.3"
PAYOUTS: Final = "payouts.itemized.3"
# What both tell, under the names of each, and then what only the activity has.
_PAYOUT_COLUMNS: Final = (
    "balance_transaction_id", "effective_at_utc", "currency", "gross", "fee", "net",
    "reporting_category", "payout_id",
)  # fmt: skip
_ACTIVITY_COLUMNS: Final = (
    "balance_transaction_id", "created_utc", "currency", "gross", "fee", "net",
    "reporting_category", "source_id",
    "payment_intent_id", "payment_metadata[attempt]", "refund_metadata[refund]",
    "automatic_payout_id",
)  # fmt: skip
_PADDING: Final = b"," * (len(_ACTIVITY_COLUMNS) - len(_PAYOUT_COLUMNS))

Write = Callable[[bytes], object]


def write_day(calls: StripeCalls, day: date, *, write: Write) -> bool:
    """
    Write the day's report; False while Stripe has not made both parts.

    :raises GatewayError: see `apps.gateways.errors`
    """
    activity = _find_file(calls, ACTIVITY, _ACTIVITY_COLUMNS, day)
    payouts = _find_file(calls, PAYOUTS, _PAYOUT_COLUMNS, day)
    if not activity or not payouts:
        return False
    calls.download(activity, write=write)
    rows = _RowsBelow(write)
    calls.download(payouts, write=rows.take)
    rows.end()
    return True


def _find_file(calls: StripeCalls, report: str, columns: tuple[str, ...], day: date) -> str:
    """Return the id of the finished file, "" while there is none."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = start + timedelta(days=1)
    reach = calls.get(f"/v1/reporting/report_types/{report}").get("data_available_end")
    if not isinstance(reach, int) or reach < end.timestamp():
        return ""
    params = {
        "report_type": report,
        "parameters": {
            "interval_start": int(start.timestamp()),
            "interval_end": int(end.timestamp()),
            "columns": list(columns),
        },
    }
    begun = calls.post("/v1/reporting/report_runs", params, key=f"{report}:{day}")
    # The answer is kept under its key as it was first given; how far the run is, it says itself.
    run = calls.get(f"/v1/reporting/report_runs/{_id_of(begun)}")
    if run.get("status") == "failed":
        raise GatewayUnknown(f"stripe could not make its report {report}")
    return _id_of(run["result"]) if run.get("status") == "succeeded" else ""


def _id_of(thing: Any) -> str:
    name = thing.get("id") if isinstance(thing, Mapping) else None
    if not isinstance(name, str) or not name:
        raise GatewayUnknown("the answer makes no sense: no id")
    return name


class _RowsBelow:
    """Passes the rows of a file on as they come, without its header, each with empty columns."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._rest = b""
        self._is_header = True

    def take(self, piece: bytes) -> None:
        """Take the next piece of the file."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._pass(line)

    def end(self) -> None:
        """Pass on what no line's end followed."""
        self._pass(self._rest)

    def _pass(self, line: bytes) -> None:
        if line.strip() and not self._is_header:
            self._write(line.rstrip(b"\r") + _PADDING + b"\n")
        self._is_header = False
