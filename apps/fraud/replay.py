"""
Replay a history of purchases in order, and say what was known at each of them.

Training and benchmarks read features from here; a label takes effect only when it was observed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from apps.fraud.features import describe_purchase
from apps.fraud.profiles import SECONDS_PER_DAY, Profile


@dataclass(frozen=True, slots=True)
class Purchase:
    """
    A purchase of the past: `amount` in hundredths, `at` in seconds since the epoch.

    `known_at` is the second since which it was known to be fraud; None: it was none.
    """

    id: int
    at: int
    card: str
    seller: str
    amount: int
    known_at: int | None = None


def replay(
    purchases: Iterable[Purchase], *, from_day: int = 0
) -> Iterator[tuple[Purchase, dict[str, float]]]:
    """
    Yield each purchase since `from_day` with its features; `purchases` are in order of time.

    Earlier ones are only remembered, which is much faster.
    """
    cards: defaultdict[str, Profile] = defaultdict(Profile)
    sellers: defaultdict[str, Profile] = defaultdict(Profile)
    labels: list[tuple[int, int, Purchase, bool]] = []
    for purchase in purchases:
        while labels and labels[0][0] <= purchase.at:
            _, _, known, is_plain = heappop(labels)
            cards[known.card].learn_fraud(at=known.at, is_plain=is_plain)
            sellers[known.seller].learn_fraud(at=known.at, is_plain=is_plain)
        card, seller = cards[purchase.card], sellers[purchase.seller]
        day = purchase.at // SECONDS_PER_DAY
        card.forget(day)
        seller.forget(day)
        if day >= from_day:
            yield (
                purchase,
                describe_purchase(amount=purchase.amount, at=purchase.at, card=card, seller=seller),
            )
        if purchase.known_at is not None:
            is_plain = card.is_plain(purchase.amount)
            heappush(labels, (purchase.known_at, purchase.id, purchase, is_plain))
        is_outlier = card.is_outlier(purchase.amount)
        card.remember(amount=purchase.amount, at=purchase.at, is_outlier=is_outlier)
        seller.remember(amount=purchase.amount, at=purchase.at, is_outlier=is_outlier)
