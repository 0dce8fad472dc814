"""
A made-up world of payments and frauds, from which the shipped model learns its first manners.

Nothing in it was fitted to any data. It is seeded: the same seed makes the same world. Frauds are
stolen cards, tested cards, compromised sellers and friendly fraud, which is label noise; labels
come 3 to 40 days late, and some never.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from apps.fraud.profiles import SECONDS_PER_DAY
from apps.fraud.replay import Purchase

CARDS: Final = 1_500
SELLERS: Final = 1_200
DAYS: Final = 150
# How fast labels come, and how many never do.
_LABEL_DAYS: Final = (3, 40)
_UNLABELLED: Final = 0.1
# How many cards are stolen, how much of what they pay is the thief's then, and how much of what a
# compromised seller sells is fraud.
_STOLEN: Final = 0.12
_THIEF: Final = 0.4
_COMPROMISED: Final = 0.9
_SATURDAY: Final = 5
_FIRST_STRANGER: Final = 1_000_000
# Payers who come once: most cards nobody has seen before are good ones.
_STRANGERS: Final = 40_000
# Good payments that are disputed as fraud all the same.
_FRIENDLY: Final = 0.0005


@dataclass(slots=True)
class _Card:
    usual: float
    spread: float
    per_day: float
    sellers: list[int]
    stolen_from: int = -1
    stolen_days: int = 0


def make_world(seed: int) -> list[Purchase]:
    """Return the purchases of the whole world in order of time."""
    chance = random.Random(seed)  # noqa: S311 - a made-up world keeps no secrets
    cards = [_make_card(chance) for _ in range(CARDS)]
    taken = _compromise_sellers(chance)
    drafts = [draft for number, card in enumerate(cards) for draft in _live(chance, number, card)]
    drafts.extend(_test_cards(chance))
    drafts.extend(_strangers(chance))
    drafts.sort(key=lambda draft: draft[0])
    return [_purchase(chance, place, draft, taken) for place, draft in enumerate(drafts)]


# When, card, seller, amount, whether the card is in a thief's hands.
_Draft = tuple[int, int, int, int, bool]


def _make_card(chance: random.Random) -> _Card:
    usual = chance.lognormvariate(8.3, 0.7)
    card = _Card(
        usual=usual,
        spread=chance.uniform(0.3, 0.7),
        per_day=chance.uniform(0.2, 3.0),
        sellers=[chance.randrange(SELLERS) for _ in range(chance.randint(5, 40))],
    )
    if chance.random() < _STOLEN:
        card.stolen_from = chance.randrange(DAYS)
        card.stolen_days = chance.randint(2, 18)
    return card


def _live(chance: random.Random, number: int, card: _Card) -> Iterator[_Draft]:
    for day in range(DAYS):
        is_stolen = card.stolen_from <= day < card.stolen_from + card.stolen_days
        busy = card.per_day * (1.3 if day % 7 >= _SATURDAY else 1.0)
        for _ in range(_poisson(chance, busy)):
            at = day * SECONDS_PER_DAY + int(chance.triangular(0, SECONDS_PER_DAY - 1, 50_000))
            amount = abs(chance.gauss(card.usual, card.usual * card.spread))
            is_thief = is_stolen and chance.random() < _THIEF
            if is_thief:
                amount = card.usual * chance.uniform(1.5, 8)
            seller = chance.choice(card.sellers)
            yield at, number, seller, max(50, int(amount)), is_thief


def _test_cards(chance: random.Random) -> Iterator[_Draft]:
    """Bursts of small amounts with cards nobody has seen, at one seller within two hours."""
    unseen = CARDS
    for _ in range(25):
        start = chance.randrange(DAYS * SECONDS_PER_DAY)
        seller = chance.randrange(SELLERS)
        for _ in range(chance.randint(8, 40)):
            unseen += 1
            yield start + chance.randrange(7_200), unseen, seller, chance.randint(50, 300), True


def _strangers(chance: random.Random) -> Iterator[_Draft]:
    """Good payments with cards that are never seen again."""
    for number in range(_STRANGERS):
        amount = max(50, int(chance.lognormvariate(8.3, 0.9)))
        at = chance.randrange(DAYS * SECONDS_PER_DAY)
        yield at, _FIRST_STRANGER + number, chance.randrange(SELLERS), amount, False


def _compromise_sellers(chance: random.Random) -> dict[int, tuple[int, int]]:
    """Return the days on which nearly every sale of a seller is fraud."""
    taken = {}
    for seller in chance.sample(range(SELLERS), SELLERS // 10):
        first = chance.randrange(DAYS)
        taken[seller] = first, first + chance.randint(7, 42)
    return taken


def _purchase(
    chance: random.Random, place: int, draft: _Draft, taken: dict[int, tuple[int, int]]
) -> Purchase:
    at, card, seller, amount, is_thief = draft
    first, last = taken.get(seller, (0, 0))
    is_taken = first <= at // SECONDS_PER_DAY < last and chance.random() < _COMPROMISED
    is_fraud = is_thief or is_taken or chance.random() < _FRIENDLY
    known_at = None
    if is_fraud and chance.random() >= _UNLABELLED:
        known_at = at + int(chance.uniform(*_LABEL_DAYS) * SECONDS_PER_DAY)
    return Purchase(place, at, str(card), str(seller), amount, known_at)


def _poisson(chance: random.Random, mean: float) -> int:
    """Draw how often something happens in a day on which it happens `mean` times."""
    count, left = 0, chance.expovariate(mean)
    while left < 1:
        count += 1
        left += chance.expovariate(mean)
    return count
