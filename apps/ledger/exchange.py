"""Read exchange rates, and what of a payment's money lies with us in another currency."""

from collections.abc import Iterable
from datetime import datetime

from apps.common.origin import Scope
from apps.ledger import chart
from apps.ledger.errors import RateMissing
from apps.ledger.models import EntryKey, ExchangeRate, JournalEntry, Posting
from apps.ledger.policies import Conversion, Exchange, Position, Rate, convert
from apps.ledger.recipes.exchange import OUTER_ACCOUNTS, POSITION


def convert_today(amount: int, *, base: str, quote: str, now: datetime) -> Conversion:
    """
    Convert at the latest rate that was told, whoever told it.

    :raises RateMissing: nobody told one
    :raises RateStale: the latest is older than RATE_AGE_MAX
    Source: AC-46
    """
    told = (
        ExchangeRate.objects.filter(base=base, quote=quote, as_of__lte=now)
        .order_by("-as_of", "-id")
        .first()
    )
    if told is None:
        raise RateMissing(base=base, quote=quote)
    rate = Rate(base=base, quote=quote, value=told.value, source=told.source, as_of=told.as_of)
    return convert(amount, rate, now=now)


def find_position(*, scope: Scope, payment: str) -> Position | None:
    """Return what is left of a payment that the gateway exchanged; None when it did not."""
    entries = JournalEntry.objects.filter(
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        metadata__has_key=POSITION,
        **{f"metadata__{POSITION}": payment},
    ).order_by("id")
    booked = list(entries.prefetch_related("postings__account"))
    if not booked:
        return None
    rate = Rate.from_metadata(booked[0].metadata)
    legs = [leg for entry in booked for leg in entry.postings.all()]
    return Position(amount=_bridged(legs, rate.base), booked=-_bridged(legs, rate.quote), rate=rate)


def find_exchange(
    *, source_type: str, source_id: str, kinds: Iterable[str]
) -> tuple[int, Exchange] | None:
    """
    Return how a fact was exchanged when it was booked, and its amount in the payment's currency.

    None when it was not. For the entry that takes the fact back.
    """
    keys = EntryKey.objects.filter(
        source_type=source_type, source_id=source_id, kind__in=list(kinds)
    )
    entry = (
        JournalEntry.objects.filter(pk__in=keys.values("entry_id"), metadata__has_key=POSITION)
        .prefetch_related("postings__account")
        .first()
    )
    if entry is None:
        return None
    rate = Rate.from_metadata(entry.metadata)
    legs = list(entry.postings.all())
    settled = sum(
        leg.amount
        for leg in legs
        if leg.account.code in OUTER_ACCOUNTS and leg.currency == rate.quote
    )
    exchange = Exchange(
        settled=Conversion(abs(settled), rate.quote, rate), booked=abs(_bridged(legs, rate.quote))
    )
    return abs(_bridged(legs, rate.base)), exchange


def _bridged(legs: Iterable[Posting], currency: str) -> int:
    return sum(
        leg.amount
        for leg in legs
        if leg.account.code == chart.FX_CLEARING and leg.currency == currency
    )
