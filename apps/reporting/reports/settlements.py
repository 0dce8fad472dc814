"""Reports of when gateways pay out: what is expected, and how right that was."""

from collections.abc import Iterator, Sequence
from typing import Final

from apps.backoffice.kit.dashboard import Bar, Chart
from apps.backoffice.kit.display import Tone, money
from apps.backoffice.sheets import Cell, Sheet
from apps.reporting.policies import mean_error_percent
from apps.reporting.reports.cells import major, percent, share
from apps.reporting.selectors import Comparison, compare_forecasts, forecast_of, gateway_accounts
from apps.reporting.spans import Span

_COLUMNS: Final = ("gateway", "currency", "arrives", "booked", "low", "expected", "high")


def forecast(span: Span) -> Sequence[Sheet]:
    """Return what each gateway is expected to pay out in the days after the end of the span."""
    return [Sheet(_COLUMNS, _forecast_rows(span))]


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
                *(major(amount, currency) for amount in amounts),
            )


def accuracy(span: Span) -> Sequence[Sheet]:
    """Return each payout of the span's days beside its forecast."""
    columns = (
        "gateway", "currency", "arrives", "forecast_on", "low", "expected", "high", "arrived",
        "error_percent", "in_band",
    )  # fmt: skip
    return [Sheet(columns, [_accuracy_row(row) for row in _comparisons(span)], title=ACCURACY)]


ACCURACY: Final = "Forecast against actual"


def _accuracy_row(row: Comparison) -> Sequence[Cell]:
    made, currency = row.forecast, row.forecast.currency
    error = None if not row.arrived else share(made.expected - row.arrived, abs(row.arrived))
    held = {None: "", True: "yes", False: "no"}[row.is_held]
    return (
        made.gateway, currency, made.arrives_on.isoformat(), made.made_on.isoformat(),
        major(made.low, currency), major(made.expected, currency), major(made.high, currency),
        major(row.arrived, currency), error, held,
    )  # fmt: skip


def _comparisons(span: Span) -> list[Comparison]:
    rows = compare_forecasts(scope=span.scope, first=span.since.date(), last=span.last_day)
    return [row for row in rows if span.covers(row.forecast.currency)]


def draw_forecast(span: Span) -> Chart:
    """Return the expected payouts of all gateways in one currency, with their band."""
    days: dict[str, list[int]] = {}
    for gateway, currency in gateway_accounts(span.scope):
        if currency != span.currency:
            continue
        for payout in forecast_of(
            scope=span.scope, gateway=gateway, currency=currency, now=span.until
        ):
            sums = days.setdefault(payout.arrives_on.isoformat(), [0, 0, 0])
            for place, part in enumerate((payout.low, payout.expected, payout.high)):
                sums[place] += part
    return Chart(
        title="Expected payouts",
        hint=f"{span.currency}; the thin line is from the 10th to the 90th percentile",
        columns=("Day", "Expected"),
        bars=[
            Bar(
                label=day[5:],
                height=expected,
                text=f"{money(expected, span.currency)} ({money(low, span.currency)} to"
                f" {money(high, span.currency)})",
                low=low,
                high=high,
                tone=Tone.GOOD,
                is_open=True,
            )
            for day, (low, expected, high) in sorted(days.items())
        ],
    )


def draw_accuracy(span: Span) -> Chart:
    """Return what arrived on each day, with the band that was forecast for it."""
    rows = [row for row in _comparisons(span) if row.forecast.currency == span.currency]
    came = [(row.forecast.expected, row.arrived) for row in rows if row.arrived is not None]
    error = percent(mean_error_percent(came))
    held = sum(bool(row.is_held) for row in rows)
    told = f"; {held} of {len(came)} within it, mean error {error} %" if came else ""
    return Chart(
        title="Arrived payouts",
        hint=f"{span.currency}; the thin line is the band that was forecast{told}",
        columns=("Payout", "Arrived"),
        bars=[_accuracy_bar(row) for row in rows],
    )


def _accuracy_bar(row: Comparison) -> Bar:
    made = row.forecast
    arrived = "not yet" if row.arrived is None else money(row.arrived, made.currency)
    tones = {None: Tone.NEUTRAL, True: Tone.GOOD, False: Tone.WARNING}
    return Bar(
        label=f"{made.arrives_on:%d %b} {made.gateway}",
        height=row.arrived or 0,
        text=f"{arrived}, forecast {money(made.expected, made.currency)}"
        f" ({money(made.low, made.currency)} to {money(made.high, made.currency)})",
        low=made.low,
        high=made.high,
        tone=tones[row.is_held],
        is_open=row.arrived is None,
    )
