"""The page of figures: how disputes ended, and how near the card schemes' limits are."""

from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from apps.backoffice.kit.dashboard import Bar, Chart, Rows, Stacks
from apps.backoffice.kit.display import NOTHING, Tone, chip, money, words
from apps.backoffice.kit.pages import Drawings, Facts, Page, Panel, Table, Text
from apps.common.origin import Scope
from apps.disputes.admin.display import SOON, URGENT, rate_in_words
from apps.disputes.models import Dispute, SchemeStanding
from apps.disputes.ratios import (
    ECM_COUNT,
    ECM_LIMIT,
    LIMITS,
    VAMP_COUNT,
    VAMP_LIMIT,
    win_rate,
)
from apps.disputes.selectors import OpenDispute, list_open
from apps.disputes.tallies import VISA, Grouping, Outcome, count_outcomes_by, first_of_month

_SPAN = timedelta(days=365)
_MONTHS = 12
# How far ahead deadlines are shown.
_DAYS = 21
# By the step of the limit that was reached.
_STEP_TONES = {0: Tone.GOOD, 50: Tone.BUSY, 75: Tone.WARNING, 100: Tone.BAD}
_COLUMNS = ("Closed", "Won", "Lost", "Prevented", "Win rate", "Recovered", "Fees", "Net")
# More merchants than this have pages of their own, not one table.
_STANDINGS_MAX = 50


def figures_page(*, now: datetime) -> Page:
    """Return the figures of the year until now, of live payments, else of test ones."""
    scopes = _scopes()
    outcomes = [
        _outcomes_by(grouping, scopes, now=now)
        for grouping in (Grouping.REASON, Grouping.NETWORK, Grouping.GATEWAY, Grouping.PERSON)
    ]
    return Page(
        heading="Dispute figures",
        subtitle="Disputes that were closed within a year. A rate below 30 decisions is chance.",
        main=(
            Drawings([draw_deadlines(list_open(), now=now)]),
            Drawings([_endings(scopes, now=now), _win_rates(scopes, now=now)]),
            _standings(now),
            *outcomes,
        ),
        side=(Drawings([_nearness(now)]), _limits()),
    )


def _scopes() -> list[Scope]:
    """Return whose disputes are counted: the live ones, or test ones while there are no others."""
    pairs = set(Dispute.objects.values_list("merchant_id", "livemode").distinct())
    live = [pair for pair in pairs if pair[1]] or pairs
    return [Scope(merchant_id, livemode=livemode) for merchant_id, livemode in sorted(live)]


def draw_deadlines(rows: Collection[OpenDispute], *, now: datetime) -> Chart:
    """Return how many of the open disputes that wait for us end on each of the next days."""
    ends = [row.due_at for row in rows if row.is_waiting and row.due_at is not None]
    last = now + timedelta(days=_DAYS)
    due = Counter(at.astimezone(UTC).date() for at in ends if now <= at < last)
    today = now.astimezone(UTC).date()
    days = [today + timedelta(days=place) for place in range(_DAYS + 1)]
    return Chart(
        title="What falls due",
        hint="unanswered disputes by the gateway's deadline, three weeks ahead",
        columns=("Day", "Disputes"),
        bars=[
            Bar(
                label=f"{day:%d %b}",
                height=due[day],
                text=str(due[day]),
                tone=_tone_of(timedelta(days=place)),
            )
            for place, day in enumerate(days)
        ]
        if due
        else [],
    )


def _tone_of(left: timedelta) -> Tone:
    if left < URGENT:
        return Tone.BAD
    return Tone.WARNING if left < SOON else Tone.GOOD


def _endings(scopes: list[Scope], *, now: datetime) -> Stacks:
    """Return how disputes ended in each month, those that no bank decided left out."""
    ended: dict[str, Counter[str]] = {month: Counter() for month in _months(now)}
    for outcome in _count(Grouping.MONTH, scopes, now=now):
        if outcome.name in ended:
            ended[outcome.name].update(
                won=outcome.won, lost=outcome.lost, prevented=outcome.prevented
            )
    return Stacks(
        title="How disputes ended",
        hint="by the month in which they were closed",
        first_column="Month",
        parts=(("Won", Tone.GOOD), ("Lost", Tone.BAD), ("Prevented", Tone.NEUTRAL)),
        stacks=[
            (month, (counts["won"], counts["lost"], counts["prevented"]))
            for month, counts in ended.items()
        ],
    )


def _win_rates(scopes: list[Scope], *, now: datetime) -> Rows:
    """Return the win rate of each reason with its band, which is wide while there are few."""
    decided: dict[str, Counter[str]] = {}
    for outcome in _count(Grouping.REASON, scopes, now=now):
        counts = decided.setdefault(outcome.name, Counter())
        counts.update(won=outcome.won, lost=outcome.lost)
    rates = {name: win_rate(won=each["won"], lost=each["lost"]) for name, each in decided.items()}
    return Rows(
        title="Win rate by reason",
        hint="of what banks decided; the line shows where the true rate likely lies",
        bars=[
            Bar(
                label=words(name),
                height=int(rate.percent),
                text=f"{rate.percent} %, likely {rate.low} to {rate.high} %"
                f" ({rate.won} of {rate.won + rate.lost})",
                low=int(rate.low),
                high=int(rate.high),
                tone=Tone.GOOD if rate.is_telling else Tone.NEUTRAL,
            )
            for name, rate in rates.items()
            if rate.percent is not None
        ],
        most=100,
    )


def _nearness(now: datetime) -> Rows:
    """Return how much of each scheme's limit is used up, and will be at the month's end."""
    rows = SchemeStanding.objects.filter(month=first_of_month(now)).order_by("network", "-percent")
    worst = {row.network: row for row in reversed(rows[:_STANDINGS_MAX])}
    bars = []
    for row in worst.values():
        for label, percent, is_open in (
            (words(row.network), row.percent, False),
            (f"{words(row.network)} at the month's end", row.projected, True),
        ):
            bars.append(
                Bar(
                    label=label,
                    height=int(percent * 100),
                    text=f"{percent} %; the limit is {LIMITS[row.network]} %",
                    tone=_STEP_TONES[row.alert],
                    is_open=is_open,
                )
            )
    return Rows(
        title="How near the schemes' limits are",
        hint="this month's ratio, and what it comes to if the month goes on like this",
        bars=bars,
        limit=int(VAMP_LIMIT * 100),
        # A few disputes of a few payments are a ratio off every scale.
        most=int(VAMP_LIMIT * 200),
    )


def _months(now: datetime) -> list[str]:
    """Return the months of the last year with the current one, oldest first."""
    first = first_of_month(now)
    months = [first]
    while len(months) < _MONTHS:
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    return [f"{month:%Y-%m}" for month in reversed(months)]


def _count(grouping: Grouping, scopes: list[Scope], *, now: datetime) -> list[Outcome]:
    return [
        outcome
        for scope in scopes
        for outcome in count_outcomes_by(scope, grouping, since=now - _SPAN, until=now)
    ]


def _outcomes_by(grouping: Grouping, scopes: list[Scope], *, now: datetime) -> Panel:
    rows = [_row(outcome) for outcome in _count(grouping, scopes, now=now)]
    title = f"By {grouping}"
    return Table(
        title,
        (words(str(grouping)), *_COLUMNS),
        rows,
        "No dispute was closed yet.",
        numbers=(1, 2, 3, 4, 6, 7, 8),
    )


def _row(outcome: Outcome) -> tuple[Text, ...]:
    return (
        words(outcome.name)
        if outcome.name and "@" not in outcome.name
        else outcome.name or NOTHING,
        str(outcome.closed),
        str(outcome.won),
        str(outcome.lost),
        str(outcome.prevented),
        rate_in_words(outcome.rate),
        money(outcome.recovered, outcome.currency),
        money(outcome.fees, outcome.currency),
        money(outcome.recovered_net, outcome.currency),
    )


def _standings(now: datetime) -> Panel:
    month = first_of_month(now)
    rows = SchemeStanding.objects.filter(month=month).order_by("-percent")[:_STANDINGS_MAX]
    return Table(
        f"The card schemes' ratios in {month:%B %Y}",
        ("Scheme", "Disputes", "Fraud reports", "Payments", "Ratio", "At the month's end", "Limit"),
        [_standing(row) for row in rows],
        "No dispute and no report of fraud this month.",
        numbers=(1, 2, 3, 4, 5),
    )


def _standing(row: SchemeStanding) -> tuple[Text, ...]:
    used = f"{row.alert} % used" if row.alert else "Below half"
    label = f"{row.programme}: {used}" if row.programme else used
    return (
        words(row.network),
        str(row.disputes),
        str(row.fraud_reports),
        str(row.payments),
        f"{row.percent} %",
        f"{row.projected} %",
        chip(label, _STEP_TONES[row.alert]),
    )


def _limits() -> Panel:
    return Facts(
        "The limits",
        [
            (words(VISA), f"{VAMP_LIMIT} % of the month's payments, from {VAMP_COUNT} cases on"),
            ("Mastercard", f"{ECM_LIMIT} % of last month's payments, from {ECM_COUNT} disputes on"),
            ("Warned at", "50, 75 and 100 % of the limit"),
        ],
    )
