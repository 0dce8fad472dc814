"""
Stripe's reports through its API: asked for with a run, made a moment later, fetched as a file.

A report reaches up to the last midnight in UTC; it can be asked for no day that is not over.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from simulator.report_lines import ReportLine
from simulator.stripe.account import PSP, Account, find
from simulator.stripe.errors import InvalidParameter, ResourceMissing
from simulator.stripe.forms import Params
from simulator.stripe.reports import write_balance_report

_DAY_SECONDS: Final = 24 * 60 * 60
_PAYOUTS: Final = "payouts.itemized.3"
_TYPES: Final = {
    "balance_change_from_activity.itemized.3": "Itemized balance change from activity",
    _PAYOUTS: "Itemized payouts",
}
_ABOUT_PAYOUTS: Final = frozenset({"payout", "payout_failure"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportRun:
    id: str
    file: str
    report_type: str
    created: int
    start: int
    end: int
    columns: tuple[str, ...]


@dataclass(slots=True)
class Reporting:
    """The report runs of one account."""

    account: Account
    _runs: dict[str, ReportRun] = field(default_factory=dict)

    def show_type(self, name: str) -> dict[str, Any]:
        """
        Return how far a report reaches.

        :raises ResourceMissing: there is no such report
        """
        if name not in _TYPES:
            raise ResourceMissing("reporting report type", name)
        return {
            "id": name,
            "object": "reporting.report_type",
            "data_available_start": 0,
            "data_available_end": self._reach,
            "default_columns": None,
            "livemode": False,
            "name": _TYPES[name],
            "updated": self._reach,
            "version": 3,
        }

    def create(self, params: Params) -> dict[str, Any]:
        """
        Begin a run.

        :raises ResourceMissing: there is no such report
        :raises InvalidParameter: it does not reach so far yet
        """
        name, wanted = params.required_text("report_type"), params.part("parameters")
        self.show_type(name)
        run = ReportRun(
            id=self.account.new_id("frr"),
            file=self.account.new_id("file"),
            report_type=name,
            created=self.account.now,
            start=wanted.required_integer("interval_start"),
            end=wanted.required_integer("interval_end"),
            columns=tuple(wanted.texts("columns")),
        )
        if run.end > self._reach:
            raise wanted.invalid("interval_end", "The data is not available yet")
        if not run.columns:
            raise InvalidParameter("This simulator wants columns.", param="parameters[columns]")
        self._runs[run.id] = run
        # The answer to the request is never the finished report.
        return self._show(run) | {"status": "pending", "result": None}

    def retrieve(self, reference: str) -> dict[str, Any]:
        """
        Return a run.

        :raises ResourceMissing: there is none
        """
        return self._show(find(self._runs, reference, "report run"))

    def read_file(self, reference: str) -> bytes:
        """
        Return the bytes of a finished report.

        :raises ResourceMissing: there is no such file
        """
        for run in self._runs.values():
            if run.file == reference:
                return write_balance_report(self._lines(run), run.columns).encode()
        raise ResourceMissing("file", reference)

    def clear(self) -> None:
        """Forget all runs."""
        self._runs.clear()

    @property
    def _reach(self) -> int:
        return self.account.now // _DAY_SECONDS * _DAY_SECONDS

    def _lines(self, run: ReportRun) -> list[ReportLine]:
        is_payouts = run.report_type == _PAYOUTS
        return [
            line
            for day in _days(run.start, run.end)
            for line in self.account.world.settlements.lines(PSP, day.isoformat())
            if (line.kind in _ABOUT_PAYOUTS) == is_payouts
        ]

    def _show(self, run: ReportRun) -> dict[str, Any]:
        return {
            "id": run.id,
            "object": "reporting.report_run",
            "created": run.created,
            "error": None,
            "livemode": False,
            "parameters": {
                "columns": list(run.columns),
                "interval_end": run.end,
                "interval_start": run.start,
            },
            "report_type": run.report_type,
            "result": {
                "id": run.file,
                "object": "file",
                "filename": f"{run.id}.csv",
                "purpose": "finance_report_run",
                "type": "csv",
                "url": f"https://files.stripe.com/v1/files/{run.file}/contents",
            },
            "status": "succeeded",
            "succeeded_at": run.created,
        }


def _days(start: int, end: int) -> list[date]:
    first = datetime.fromtimestamp(start, UTC).date()
    return [first + timedelta(days=n) for n in range((end - start) // _DAY_SECONDS)]
