"""
The reports: what each of them is called, tells, shows in a table and draws.

A name ends with its version: what a column means never changes under the same name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from apps.backoffice.books import Book
from apps.backoffice.kit.dashboard import Chart
from apps.backoffice.sheets import Sheet
from apps.reporting.models import MONTH_CLOSE
from apps.reporting.reports import books, month, payments, reconciliation, settlements
from apps.reporting.spans import Span

# One table is a CSV; several are a ZIP of them.
ONE_TABLE: Final = ("csv", "xlsx", "pdf")
SEVERAL_TABLES: Final = ("zip", "xlsx", "pdf")


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """
    One report; `about` says what it tells and how it counts.

    `read` opens its tables. `draw` makes its picture, of a span with one currency.
    """

    name: str
    title: str
    about: str
    read: Callable[[Span], Sequence[Sheet]]
    draw: Callable[[Span], Chart] | None = None
    formats: Sequence[str] = ONE_TABLE

    @property
    def is_of_a_month(self) -> bool:
        """Return whether it is made of whole months only."""
        return self.name == MONTH_CLOSE

    @property
    def version(self) -> int:
        """Return the version in the name."""
        return int(self.name.rpartition(".")[2])

    def open(self, span: Span) -> Book:
        """Return the report's tables, to be written as a file."""
        facts = month.facts_of(span) if self.is_of_a_month else ()
        return Book(self.title, self.read(span), facts=facts, made_at=span.made_at)


_ALL: Final = (
    Report(
        name="payments.by_day.1",
        title="Payments by day",
        about="What was tried, taken, given back and kept on each day of UTC.",
        read=payments.by_day,
        draw=payments.draw_volume,
    ),
    Report(
        name="payments.by_gateway.1",
        title="Authorisation and fees by gateway",
        about="How many of the decided attempts each gateway approved, and what it took for them.",
        read=payments.by_gateway,
        draw=payments.draw_approval,
    ),
    Report(
        name="payments.declines.1",
        title="Declines by reason",
        about="Attempts that failed: by the bank's or risk's no, or because nothing arrived.",
        read=payments.declines,
        draw=payments.draw_declines,
    ),
    Report(
        name="payments.refunds.1",
        title="Refunds by day",
        about="What payers got back, and which part that is of what was taken on the same day.",
        read=payments.refunds,
        draw=payments.draw_refunds,
    ),
    Report(
        name="disputes.by_month.1",
        title="Disputes by month",
        about="Disputes that took money, of the captures of the same month, and their fees.",
        read=payments.disputes,
        draw=payments.draw_disputes,
    ),
    Report(
        name="billing.dunning.1",
        title="Billing and dunning by day",
        about="Invoices paid and failed, tries put on a date, and customers given up.",
        read=payments.dunning,
        draw=payments.draw_dunning,
    ),
    Report(
        name="settlement.forecast.1",
        title="Settlement forecast",
        about="What each gateway is expected to pay out in the next two weeks, with its band.",
        read=settlements.forecast,
        draw=settlements.draw_forecast,
    ),
    Report(
        name="settlement.accuracy.1",
        title="Forecast against actual",
        about="What was forecast three days before each payout, and what arrived.",
        read=settlements.accuracy,
        draw=settlements.draw_accuracy,
    ),
    Report(
        name="reconciliation.payouts.1",
        title="Payouts three ways",
        about="Each payout of a gateway: what the ledger, the gateway and the bank say.",
        read=reconciliation.payouts,
        draw=reconciliation.draw_payouts,
    ),
    Report(
        name="reconciliation.exceptions.1",
        title="Open exceptions",
        about="On what ledger, gateway and bank still disagree, oldest first.",
        read=reconciliation.exceptions,
        draw=reconciliation.draw_ageing,
    ),
    Report(
        name="ledger.trial_balance.1",
        title="Trial balance",
        about="Every account's debits and credits of what counts for the days up to the end.",
        read=books.trial_balance,
    ),
    Report(
        name=MONTH_CLOSE,
        title="Month close",
        about="One month on paper: trial balance, result, payouts three ways, open exceptions,"
        " forecast against actual. A draft until the month is closed, then frozen.",
        read=month.pack,
        formats=SEVERAL_TABLES,
    ),
)
REPORTS: Final[Mapping[str, Report]] = {report.name: report for report in _ALL}
