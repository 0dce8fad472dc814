"""Decisions of risk that need no database and no network."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from apps.fraud.rules import RuleResult
from apps.fraud.states import Action, ItemType, Level

# The whole assessment may take this long; a confirm has seconds, but the payer waits for each.
BUDGET_SECONDS: Final = 0.05

# Radar's own thresholds, so that a score means what people expect.
ELEVATED_SCORE: Final = 65
HIGHEST_SCORE: Final = 75

# A review that nobody closed by then is late; the payer has been waiting for that long.
REVIEW_LIFETIME: Final = timedelta(hours=24)

# Rules every merchant has. In test mode they run in the shadow: it flags and blocks nothing (the
# API contract's rule), unless the merchant says so by a rule of their own.
PRESETS: Final[Mapping[str, tuple[Action, str]]] = {
    "preset_card_testing_ip": (Action.BLOCK, "ip_cards_1h >= 5"),
    "preset_card_testing_card": (Action.BLOCK, "card_declines_1h >= 4"),
    "preset_card_testing_amounts": (
        Action.BLOCK,
        "amount < 200 && (ip_attempts_1h > 10 || device_attempts_1h > 10)",
    ),
}

# The code of a payment or setup that risk blocked; merchants see it, payers only a refusal.
BLOCK_CODE: Final = "fraud_block"

# A duplicate is flagged in every decision; merchants who want more write `is_duplicate` in a rule.
DUPLICATE_FLAG: Final = "duplicate_suspect"

# Which fact the values of a list are compared with when it acts by its alias alone.
FACT_OF_LIST: Final[Mapping[str, str]] = {
    "card_fingerprint": "card_fingerprint",
    "customer_id": "customer",
    "email": "email",
    "ip_address": "ip",
    "country": "card_country",
}


# What the alias of a list ends in that acts without any rule.
BLOCKLIST_ENDING: Final = "_blocklist"
ALLOWLIST_ENDING: Final = "_allowlist"


def as_listed(value: str, item_type: str) -> str:
    """Return a value as lists of this type keep and compare it."""
    return value if item_type == ItemType.CASE_SENSITIVE_STRING else value.strip().lower()


def makes_stricter(alias: str, *, is_added: bool) -> bool:
    """Return whether a value more, or one less, on the list lets fewer payments through."""
    return alias.endswith(BLOCKLIST_ENDING if is_added else ALLOWLIST_ENDING)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What is done, and whether the payer is asked to prove who they are."""

    action: Action
    asks_three_d_secure: bool
    matched: tuple[str, ...]


def level_of(score: int | None) -> Level:
    """Return Radar's word for the score."""
    if score is None:
        return Level.NOT_ASSESSED
    if score >= HIGHEST_SCORE:
        return Level.HIGHEST
    return Level.ELEVATED if score >= ELEVATED_SCORE else Level.NORMAL


def decide(
    *,
    blocked_by: list[str],
    allowed_by: list[str],
    rules: RuleResult,
    score: int | None,
    is_blind: bool,
) -> Verdict:
    """
    Bring lists, rules and the champion's score together; the strongest word wins.

    The order is: a block list, an allow list or rule, a block rule, a review rule, a rule that
    asks for 3DS, the score, and last the want of information (`is_blind`, with fail mode closed).
    `score` is None unless a champion gave it.
    """
    if blocked_by:
        return Verdict(action=Action.BLOCK, asks_three_d_secure=False, matched=tuple(blocked_by))
    matched = (*allowed_by, *rules.matched)
    if allowed_by or rules.action == Action.ALLOW:
        return Verdict(action=Action.ALLOW, asks_three_d_secure=False, matched=matched)
    action: Action | None = rules.action
    if action is None and score is not None:
        action = _action_of(score)
    if is_blind and action in {None, Action.THREE_D_SECURE}:
        action = Action.REVIEW
    asks = rules.asks_three_d_secure or action == Action.THREE_D_SECURE
    return Verdict(
        action=action or Action.ALLOW,
        asks_three_d_secure=asks and action != Action.BLOCK,
        matched=matched,
    )


def _action_of(score: int) -> Action | None:
    return {
        Level.HIGHEST: Action.BLOCK,
        Level.ELEVATED: Action.THREE_D_SECURE,
    }.get(level_of(score))


def email_domain(email: str) -> str:
    """Return what is behind the @, in lower case."""
    return email.rpartition("@")[2].strip().lower() if "@" in email else ""


# Facts that name a person; a record keeps their digests, never themselves.
PERSONAL: Final = ("email", "ip", "device")


def without_personal(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts as they may be stored."""
    hidden = {*PERSONAL, "metadata"}
    return {name: value for name, value in facts.items() if name not in hidden}
