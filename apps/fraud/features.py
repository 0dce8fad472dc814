"""
The numbers a model sees, computed the same way in checkout and in training.

They come from profiles and the purchase alone: no clock, no database, nothing from the future.
"""

import math
from collections.abc import Mapping
from typing import Final

from apps.fraud.profiles import (
    PLAIN_HALVES,
    SECONDS_PER_DAY,
    SECONDS_PER_HOUR,
    Day,
    Profile,
)

# Labels come late: a day counts as known to be clean only once it is this old. The model is told
# about frauds as soon as they are known; this only bounds what their absence may mean.
MATURITY_DAYS: Final = 7

# Seconds stand in for "never before", so that trees can split on them.
NEVER_HOURS: Final = 10_000.0

# A risk is smoothed towards this share, as if so many purchases had been seen before any was.
PRIOR_RISK: Final = 0.01
PRIOR_PURCHASES: Final = 5

_COUNT_WINDOWS: Final = (1, 7, 30)
_OUTLIER_WINDOWS: Final = (1, 7, 14)
_RECENT_DAYS: Final = 7
_FRAUD_WINDOWS: Final = (9, 11, 14, 21, 35)

# The first day of 1970 was a Thursday; weeks begin on Monday here.
_EPOCH_WEEKDAY: Final = 3
_SATURDAY: Final = 5

# Frauds this many days apart or less belong to one streak.
_STREAK_GAP_DAYS: Final = 8

# A model may be trained without absolute amounts, which differ from shop to shop.
ABSOLUTE: Final = frozenset({"amount"})


def describe_purchase(*, amount: int, at: int, card: Profile, seller: Profile) -> dict[str, float]:
    """
    Return the features of a purchase of `amount` hundredths at `at`, seconds since the epoch.

    The profiles tell of everything before it and of nothing else.
    """
    hour = at % SECONDS_PER_DAY // SECONDS_PER_HOUR
    features = {
        "amount": float(amount),
        "hour": float(hour),
        "is_weekend": float((at // SECONDS_PER_DAY + _EPOCH_WEEKDAY) % 7 >= _SATURDAY),
    }
    features.update(_describe(card, "card", amount=amount, at=at))
    features.update(_describe(seller, "seller", amount=amount, at=at))
    return features


def _describe(profile: Profile, who: str, *, amount: int, at: int) -> dict[str, float]:
    today = at // SECONDS_PER_DAY
    days = [(today - day, counts) for day, counts in profile.days.items()]
    features = {
        f"{who}_hours_since_last": _hours(profile.last, at),
        f"{who}_age_days": (at - profile.first) / SECONDS_PER_DAY if profile.first else -1.0,
    }
    features.update(_counts(days, who))
    features.update(_habit(days, who, amount=amount))
    features.update(_risk(days, who))
    features.update(_streak(days, who))
    return features


def _hours(before: int, at: int) -> float:
    return (at - before) / SECONDS_PER_HOUR if before else NEVER_HOURS


def _counts(days: list[tuple[int, Day]], who: str) -> dict[str, float]:
    features = {
        f"{who}_purchases_{window}d": float(sum(day.count for age, day in days if age < window))
        for window in _COUNT_WINDOWS
    }
    for window in _OUTLIER_WINDOWS:
        outliers = sum(day.outliers for age, day in days if age < window)
        features[f"{who}_outliers_{window}d"] = float(outliers)
    return features


def _habit(days: list[tuple[int, Day]], who: str, *, amount: int) -> dict[str, float]:
    """Compare the amount with what is usual; scale-free, so any currency and any shop will do."""
    count = sum(day.count - day.outliers for _, day in days)
    if not count:
        return {f"{who}_amount_ratio": 1.0, f"{who}_amount_z": 0.0, f"{who}_amount_ratio_7d": 1.0}
    total = sum(day.amount for _, day in days)
    mean = total / count
    variance = max(0.0, sum(day.squares for _, day in days) / count - mean * mean)
    recent_count = sum(day.count - day.outliers for age, day in days if age < _RECENT_DAYS)
    recent = sum(day.amount for age, day in days if age < _RECENT_DAYS)
    # Half the mean is added, as a handful of equal purchases says little about the spread.
    return {
        f"{who}_amount_ratio": amount / mean,
        f"{who}_amount_z": (amount - mean) / (math.sqrt(variance) + mean / 2),
        f"{who}_amount_ratio_7d": amount * recent_count / recent if recent else 1.0,
    }


def _risk(days: list[tuple[int, Day]], who: str) -> dict[str, float]:
    features = {}
    for window in _FRAUD_WINDOWS:
        frauds = sum(day.frauds for age, day in days if age < window)
        plain = sum(day.plain_frauds for age, day in days if age < window)
        known = sum(day.count for age, day in days if MATURITY_DAYS <= age < window) or frauds
        features[f"{who}_frauds_{window}d"] = float(frauds)
        features[f"{who}_plain_frauds_{window}d"] = float(plain)
        features[f"{who}_risk_{window}d"] = (frauds + PRIOR_RISK * PRIOR_PURCHASES) / (
            known + PRIOR_PURCHASES
        )
    return features


def _streak(days: list[tuple[int, Day]], who: str) -> dict[str, float]:
    """Tell how long a run of frauds has lasted, and whether it seems to be over."""
    ages = sorted(age for age, day in days if day.frauds)
    if not ages:
        return {
            f"{who}_streak_age": -1.0,
            f"{who}_streak_since_last": -1.0,
            f"{who}_streak_share": 0.0,
            f"{who}_clean_after": 0.0,
        }
    last = start = ages[0]
    for age in ages:
        if age - start > _STREAK_GAP_DAYS:
            break
        start = age
    inside = [day for age, day in days if last <= age <= start]
    clean = sum(day.count for age, day in days if MATURITY_DAYS < age < last)
    return {
        f"{who}_streak_age": float(start),
        f"{who}_streak_since_last": float(last),
        f"{who}_streak_share": sum(day.frauds for day in inside) / sum(d.count for d in inside),
        f"{who}_clean_after": float(clean),
    }


NAMES: Final = tuple(describe_purchase(amount=100, at=0, card=Profile(), seller=Profile()))

# What a feature means to a person; `group` joins those that tell the same story.
_REASONS: Final[Mapping[str, str]] = {
    "amount": "Amount of the payment",
    "hour": "Hour of the day",
    "is_weekend": "Day of the week",
    "amount_ratio": "Amount far from the {who}'s habit",
    "amount_z": "Amount far from the {who}'s habit",
    "hours_since_last": "Time since the {who}'s last purchase",
    "age_days": "How long the {who} has been known",
    "purchases": "Number of recent purchases of the {who}",
    "outliers": "Recent unusual amounts of the {who}",
    "plain_frauds": "Earlier fraud of the {who}",
    "frauds": "Earlier fraud of the {who}",
    "risk": "Earlier fraud of the {who}",
    "streak": "A running series of fraud of the {who}",
    "clean_after": "A running series of fraud of the {who}",
}


def reason_for(feature: str) -> str:
    """Return in words what a feature tells; features of one story have the same words."""
    who, _, rest = feature.partition("_")
    name, subject = (rest, who) if who in {"card", "seller"} else (feature, "")
    for beginning, words in _REASONS.items():
        if name == beginning or (subject and name.startswith(beginning)):
            return words.format(who=subject)
    raise KeyError(feature)


def is_plain_amount(features: Mapping[str, float]) -> bool:
    """Return whether the purchase of these features had an everyday amount for its card."""
    is_known = features.get("card_age_days", -1.0) >= 0
    return is_known and 2 * features.get("card_amount_ratio", math.inf) <= PLAIN_HALVES
