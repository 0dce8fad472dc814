"""The page of figures: how disputes ended, and how near the card schemes' limits are."""

from datetime import datetime, timedelta

from apps.backoffice.kit.display import NOTHING, Tone, chip, money, words
from apps.backoffice.kit.pages import Facts, Page, Panel, Table, Text
from apps.common.origin import Scope
from apps.disputes.models import Dispute, SchemeStanding
from apps.disputes.ratios import ECM_COUNT, ECM_LIMIT, VAMP_COUNT, VAMP_LIMIT, WinRate
from apps.disputes.tallies import VISA, Grouping, Outcome, count_outcomes_by, first_of_month

_SPAN = timedelta(days=365)
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
        main=(_standings(now), *outcomes),
        side=(_limits(),),
    )


def _scopes() -> list[Scope]:
    """Return whose disputes are counted: the live ones, or test ones while there are no others."""
    pairs = set(Dispute.objects.values_list("merchant_id", "livemode").distinct())
    live = [pair for pair in pairs if pair[1]] or pairs
    return [Scope(merchant_id, livemode=livemode) for merchant_id, livemode in sorted(live)]


def _outcomes_by(grouping: Grouping, scopes: list[Scope], *, now: datetime) -> Panel:
    rows = [
        _row(outcome)
        for scope in scopes
        for outcome in count_outcomes_by(scope, grouping, since=now - _SPAN, until=now)
    ]
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


def rate_in_words(rate: WinRate) -> str:
    """Return the rate with its interval, or that there are too few for one."""
    if rate.percent is None or not rate.is_telling:
        return "Too few for a rate"
    return f"{rate.percent} % (likely {rate.low} to {rate.high} %)"


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
    tones = {0: Tone.GOOD, 50: Tone.BUSY, 75: Tone.WARNING, 100: Tone.BAD}
    used = f"{row.alert} % used" if row.alert else "Below half"
    label = f"{row.programme}: {used}" if row.programme else used
    return (
        words(row.network),
        str(row.disputes),
        str(row.fraud_reports),
        str(row.payments),
        f"{row.percent} %",
        f"{row.projected} %",
        chip(label, tones[row.alert]),
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
