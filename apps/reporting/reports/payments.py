"""Reports of what payers did, from the figures by the hour."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from apps.backoffice.kit.dashboard import Bar, Chart
from apps.backoffice.kit.display import Tone, money, words
from apps.backoffice.sheets import Cell, Sheet
from apps.disputes.ratios import VAMP_LIMIT
from apps.reporting.reports.cells import major, percent, share
from apps.reporting.selectors import (
    Interval,
    Money,
    Period,
    Tries,
    count_declines,
    count_events,
    gateways_of,
    summarise_money,
    summarise_tries,
)
from apps.reporting.spans import Span

# A chart of more days than this shows months.
DAYS_DRAWN: Final = 62
_WHOLE: Final = 10_000
_BILLING: Final = (
    "invoice.paid",
    "invoice.payment_failed",
    "dunning.attempt_scheduled",
    "dunning.exhausted",
    "customer.subscription.created",
    "customer.subscription.deleted",
)


def by_day(span: Span) -> Sequence[Sheet]:
    """Return a row per day and currency: what was tried, taken, given back, and what it cost."""
    columns = (
        "day", "currency", "attempts", "approved", "declined", "captures", "captured", "refunds",
        "refunded", "disputed", "fees", "net",
    )  # fmt: skip
    return [Sheet(columns, _rows_by_day(span))]


def _rows_by_day(span: Span) -> Iterator[Sequence[Cell]]:
    taken = summarise_money(**span.window, interval=Interval.DAY)
    tries = summarise_tries(**span.window, interval=Interval.DAY)
    for day, currency in sorted({*taken, *tries}):
        if not span.covers(currency):
            continue
        paid = taken.get((day, currency), Money())
        tried = tries.get((day, currency), Tries())
        yield (
            day.date().isoformat(), currency, tried.attempts, tried.approved, tried.declined,
            paid.captures, major(paid.captured, currency), paid.refunds,
            major(paid.refunded, currency), major(paid.disputed, currency),
            major(paid.fees, currency), major(paid.net, currency),
        )  # fmt: skip


def by_gateway(span: Span) -> Sequence[Sheet]:
    """Return a row per gateway and currency: how many attempts it approved, and its price."""
    columns = (
        "gateway", "currency", "attempts", "approved", "declined", "approval_percent", "captured",
        "fees", "fee_percent",
    )  # fmt: skip
    return [Sheet(columns, _rows_by_gateway(span))]


def _rows_by_gateway(span: Span) -> Iterator[Sequence[Cell]]:
    for gateway in gateways_of(**span.window):
        taken = _summed(summarise_money(**span.window, interval=Interval.MONTH, gateway=gateway))
        tries = _tried(summarise_tries(**span.window, interval=Interval.MONTH, gateway=gateway))
        for currency in sorted({*taken, *tries}):
            if not span.covers(currency):
                continue
            paid, tried = taken.get(currency, Money()), tries.get(currency, Tries())
            yield (
                gateway, currency, tried.attempts, tried.approved, tried.declined,
                percent(tried.approval_rate), major(paid.captured, currency),
                major(paid.fees, currency), share(paid.fees, paid.captured),
            )  # fmt: skip


def declines(span: Span) -> Sequence[Sheet]:
    """Return a row per gateway and reason."""
    counted = count_declines(**span.window)
    failed = sum(counted.values())
    rows = (
        (gateway, words(reason), number, share(number, failed))
        for (gateway, reason), number in sorted(counted.items())
    )
    return [Sheet(("gateway", "reason", "failed", "share_percent"), rows)]


def refunds(span: Span) -> Sequence[Sheet]:
    """Return a row per day and currency on which something was given back."""
    taken = summarise_money(**span.window, interval=Interval.DAY)
    rows = (
        (
            day.date().isoformat(), currency, row.refunds, major(row.refunded, currency),
            major(row.captured, currency), share(row.refunded, row.captured),
        )
        for (day, currency), row in sorted(taken.items())
        if span.covers(currency) and (row.refunds or row.refunded)
    )  # fmt: skip
    columns = ("day", "currency", "refunds", "refunded", "captured", "refunded_percent")
    return [Sheet(columns, rows)]


def disputes(span: Span) -> Sequence[Sheet]:
    """Return a row per month and currency with disputes or captures."""
    taken = summarise_money(**span.window, interval=Interval.MONTH)
    rows = (
        (
            f"{month:%Y-%m}", currency, row.disputes, row.captures,
            share(row.disputes, row.captures), major(row.disputed, currency),
            major(row.dispute_fees, currency),
        )
        for (month, currency), row in sorted(taken.items())
        if span.covers(currency) and (row.disputes or row.disputed or row.captures)
    )  # fmt: skip
    columns = (
        "month", "currency", "disputes", "captures", "ratio_percent", "disputed", "dispute_fees",
    )  # fmt: skip
    return [Sheet(columns, rows)]


def dunning(span: Span) -> Sequence[Sheet]:
    """Return a row per day on which billing had something to tell."""
    counted = count_events(**span.window, types=_BILLING)
    rows: list[Sequence[Cell]] = [
        (day.date().isoformat(), *(events.get(type_, 0) for type_ in _BILLING))
        for day, events in sorted(counted.items())
    ]
    columns = (
        "day", "invoices_paid", "payments_failed", "retries_scheduled", "given_up",
        "subscriptions_begun", "subscriptions_ended",
    )  # fmt: skip
    return [Sheet(columns, rows)]


def draw_volume(span: Span) -> Chart:
    """Return what was captured in each period."""
    return _draw_money(span, "captured", title="Captured", tone=Tone.BUSY)


def draw_refunds(span: Span) -> Chart:
    """Return what was given back in each period."""
    return _draw_money(span, "refunded", title="Refunded", tone=Tone.WARNING)


def _draw_money(span: Span, name: str, *, title: str, tone: Tone) -> Chart:
    interval = _interval(span)
    taken = summarise_money(**span.window, interval=interval)
    bars = []
    for start in _periods(span, interval):
        amount = getattr(taken.get((start, span.currency), Money()), name)
        bars.append(
            Bar(
                label=_label(start, interval),
                height=amount,
                text=money(amount, span.currency),
                tone=tone,
            )
        )
    return Chart(
        title=title,
        hint=f"{span.currency}, by {interval} of UTC",
        columns=(str(interval).capitalize(), title),
        bars=bars if any(bar.height for bar in bars) else (),
    )


def draw_approval(span: Span) -> Chart:
    """Return the share of decided attempts that each gateway approved, over all currencies."""
    bars = []
    for gateway in gateways_of(**span.window):
        found = summarise_tries(**span.window, interval=Interval.MONTH, gateway=gateway)
        every = _add_tries(found.values())
        if every.approval_rate is None:
            continue
        rate, decided = percent(every.approval_rate), every.approved + every.declined
        text = f"{rate} % ({every.approved:,} of {decided:,})"
        bars.append(Bar(label=gateway, height=every.approval_rate, text=text, tone=Tone.GOOD))
    return Chart(
        title="Approval rate",
        hint="approved of all decided attempts, every currency",
        columns=("Gateway", "Approved"),
        bars=bars,
        most=_WHOLE,
    )


def draw_declines(span: Span) -> Chart:
    """Return the failed attempts by reason, over all gateways."""
    counted: dict[str, int] = {}
    for (_, reason), number in count_declines(**span.window).items():
        counted[reason] = counted.get(reason, 0) + number
    ordered = sorted(counted.items(), key=lambda row: (-row[1], row[0]))
    return Chart(
        title="Failed attempts",
        hint="by reason, every gateway and currency",
        columns=("Reason", "Attempts"),
        bars=[
            Bar(label=words(reason), height=number, text=f"{number:,}", tone=Tone.BAD)
            for reason, number in ordered
        ],
    )


def draw_disputes(span: Span) -> Chart:
    """Return each month's disputes of its captures, below the schemes' line."""
    taken = summarise_money(**span.window, interval=Interval.MONTH)
    bars = []
    for start in _periods(span, Interval.MONTH):
        row = taken.get((start, span.currency), Money())
        ratio = row.disputes * _WHOLE // row.captures if row.captures else 0
        text = f"{percent(ratio)} % ({row.disputes:,} of {row.captures:,})"
        bars.append(Bar(label=f"{start:%b %Y}", height=ratio, text=text, tone=Tone.WARNING))
    return Chart(
        title="Dispute ratio",
        hint=f"{span.currency}, disputes that took money of the month's captures",
        columns=("Month", "Ratio"),
        bars=bars if taken else (),
        limit=int(VAMP_LIMIT * 100),
        limit_text=f"Visa's line: {VAMP_LIMIT} %",
    )


def draw_dunning(span: Span) -> Chart:
    """Return how many payments of invoices failed in each period."""
    interval = _interval(span)
    counted = count_events(**span.window, types=_BILLING)
    failed: dict[datetime, int] = {}
    for day, events in counted.items():
        start = day if interval == Interval.DAY else day.replace(day=1)
        failed[start] = failed.get(start, 0) + events.get("invoice.payment_failed", 0)
    return Chart(
        title="Failed payments of invoices",
        hint=f"by {interval} of UTC",
        columns=(str(interval).capitalize(), "Failed"),
        bars=[
            Bar(
                label=_label(start, interval),
                height=failed.get(start, 0),
                text=f"{failed.get(start, 0):,}",
                tone=Tone.BAD,
            )
            for start in _periods(span, interval)
        ]
        if counted
        else (),
    )


def _summed(taken: Mapping[Period, Money]) -> dict[str, Money]:
    sums: dict[str, Money] = {}
    for (_, currency), row in taken.items():
        total = sums.setdefault(currency, Money())
        total.captured += row.captured
        total.fees += row.fees
    return sums


def _tried(tries: Mapping[Period, Tries]) -> dict[str, Tries]:
    currencies = {currency for _, currency in tries}
    return {
        currency: _add_tries(row for (_, other), row in tries.items() if other == currency)
        for currency in currencies
    }


def _add_tries(rows: Iterable[Tries]) -> Tries:
    total = Tries()
    for row in rows:
        total.attempts += row.attempts
        total.approved += row.approved
        total.declined += row.declined
    return total


def _interval(span: Span) -> Interval:
    is_short = span.until - span.since <= timedelta(days=DAYS_DRAWN)
    return Interval.DAY if is_short else Interval.MONTH


def _periods(span: Span, interval: Interval) -> list[datetime]:
    start = span.since.replace(hour=0, minute=0)
    start = start.replace(day=1) if interval == Interval.MONTH else start
    starts = []
    while start < span.until:
        starts.append(start)
        step = timedelta(days=32 if interval == Interval.MONTH else 1)
        start = start + step
        start = start.replace(day=1) if interval == Interval.MONTH else start
    return starts


def _label(start: datetime, interval: Interval) -> str:
    return f"{start:%b %Y}" if interval == Interval.MONTH else f"{start:%d %b}"
