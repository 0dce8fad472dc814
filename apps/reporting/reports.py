"""The reports that can be had as a file: what each of them shows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from apps.backoffice.sheets import Cell, Sheet
from apps.common.money import to_major
from apps.common.origin import Scope
from apps.ledger.selectors import list_trial_balance
from apps.reporting.selectors import (
    Interval,
    Money,
    Tries,
    forecast_of,
    gateway_accounts,
    summarise_money,
    summarise_tries,
)


@dataclass(frozen=True, slots=True)
class Span:
    """What a report is about: whose, from when until when, and one currency or all ("")."""

    scope: Scope
    since: datetime
    until: datetime
    currency: str = ""

    def covers(self, currency: str) -> bool:
        return self.currency in {"", currency}


def payments_by_day(span: Span) -> Sheet:
    """Return a row per day and currency: what was tried, taken, given back, and what it cost."""
    columns = (
        "day", "currency", "attempts", "approved", "declined", "captures", "captured", "refunds",
        "refunded", "disputed", "fees", "net",
    )  # fmt: skip
    return Sheet(columns, _payment_rows(span))


def _payment_rows(span: Span) -> Iterator[Sequence[Cell]]:
    window = {"scope": span.scope, "since": span.since, "until": span.until}
    money = summarise_money(**window, interval=Interval.DAY)  # type: ignore[arg-type]
    tries = summarise_tries(**window, interval=Interval.DAY)  # type: ignore[arg-type]
    for day, currency in sorted({*money, *tries}):
        if not span.covers(currency):
            continue
        paid = money.get((day, currency), Money())
        tried = tries.get((day, currency), Tries())
        yield (
            day.date().isoformat(), currency, tried.attempts, tried.approved, tried.declined,
            paid.captures, _major(paid.captured, currency), paid.refunds,
            _major(paid.refunded, currency), _major(paid.disputed, currency),
            _major(paid.fees, currency), _major(paid.net, currency),
        )  # fmt: skip


def trial_balance(span: Span) -> Sheet:
    """Return every account's debits and credits as they stood at the end of the span."""
    rows = (
        (line.code, line.owner, line.currency, _major(line.debit, line.currency),
         _major(line.credit, line.currency))
        for line in list_trial_balance(scope=span.scope, as_of=span.until)
        if span.covers(line.currency)
    )  # fmt: skip
    return Sheet(("account", "owner", "currency", "debit", "credit"), rows)


def settlement_forecast(span: Span) -> Sheet:
    """Return what each gateway is expected to pay out in the days after the end of the span."""
    return Sheet(
        ("gateway", "currency", "arrives", "booked", "low", "expected", "high"),
        _forecast_rows(span),
    )


def _forecast_rows(span: Span) -> Iterator[Sequence[Cell]]:
    for gateway, currency in gateway_accounts(span.scope):
        if not span.covers(currency):
            continue
        for payout in forecast_of(
            scope=span.scope, gateway=gateway, currency=currency, now=span.until
        ):
            amounts = (payout.known, payout.low, payout.expected, payout.high)
            yield (
                gateway,
                currency,
                payout.arrives_on.isoformat(),
                *(_major(amount, currency) for amount in amounts),
            )


def _major(amount: int, currency: str) -> Decimal:
    return to_major(amount, currency)


REPORTS: Final[Mapping[str, Callable[[Span], Sheet]]] = {
    "ledger.trial_balance.1": trial_balance,
    "payments.by_day.1": payments_by_day,
    "settlement.forecast.1": settlement_forecast,
}
