"""
Rules: expressions of Common Expression Language over a closed set of typed attributes.

Everything that could make an expression slow or surprising is refused when it is saved: unknown
names, loops, lengths. An expression that fails on a payment counts as no match and is recorded.
Source: docs/adr/0021-risk-rules-are-cel-expressions.md
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

import cel

from apps.fraud.errors import RuleInvalid
from apps.fraud.states import Action

MAX_LENGTH: Final = 2_000
MAX_DEPTH: Final = 20

# The order in which actions win. A match of `allow` ends the search, one of `block` too; a rule
# that asks for 3DS does not end it.
PRECEDENCE: Final = (Action.ALLOW, Action.BLOCK, Action.REVIEW, Action.THREE_D_SECURE)


@dataclass(frozen=True, slots=True)
class Attribute:
    """What a rule may ask about; `absent` stands for "not known"."""

    name: str
    type: type
    description: str
    absent: Any


def _counted(entity: str, words: str) -> list[Attribute]:
    return [
        Attribute(f"{entity}_{what}_{window}", int, f"{text} {words} within {window}", 0)
        for what, text in (
            ("attempts", "Attempts, this one included,"),
            ("amount", "Sum of attempts in hundredths"),
            ("declines", "Declines"),
        )
        for window in ("1h", "24h", "7d")
    ]


ATTRIBUTES: Final[Mapping[str, Attribute]] = {
    attribute.name: attribute
    for attribute in (
        Attribute("amount", int, "Amount in minor units of the currency", 0),
        Attribute("currency", str, "Currency, upper case", ""),
        Attribute("gateway", str, "Gateway account that is to charge", ""),
        Attribute("method_type", str, "card, sepa_debit", ""),
        Attribute("customer", str, "Id of the customer", ""),
        Attribute("seller", str, "Id of the seller the money is for", ""),
        Attribute("is_live", bool, "Live or test mode", absent=False),
        Attribute("is_off_session", bool, "The payer is not there", absent=False),
        Attribute("is_setup", bool, "A card is saved and nothing charged", absent=False),
        Attribute("is_duplicate", bool, "A like attempt within the last minute", absent=False),
        Attribute("card_fingerprint", str, "The card, if the gateway has told it before", ""),
        Attribute("card_brand", str, "visa, mastercard, ...", ""),
        Attribute("card_country", str, "Country of the card's bank", ""),
        Attribute("card_funding", str, "credit, debit, prepaid", ""),
        Attribute("ip", str, "Address of the payer", ""),
        Attribute("ip_country", str, "Country of that address, if the merchant sent it", ""),
        Attribute("email", str, "E-mail of the payer", ""),
        Attribute("email_domain", str, "Its part behind the @", ""),
        Attribute("device", str, "The merchant's id of the payer's device", ""),
        Attribute("metadata", dict, "The payment's metadata", {}),
        Attribute("risk_score", int, "0 to 99; -1 when not scored", -1),
        Attribute("risk_level", str, "normal, elevated, highest, not_assessed", "not_assessed"),
        Attribute("like_attempts_1m", int, "Like attempts in a minute, this one included", 0),
        Attribute("ip_cards_1h", int, "Different cards of the address within an hour", 0),
        Attribute("ip_cards_24h", int, "Different cards of the address within a day", 0),
        Attribute("customer_cards_1h", int, "Different cards of the customer in an hour", 0),
        Attribute("customer_cards_24h", int, "Different cards of the customer in a day", 0),
        *_counted("card", "of the card"),
        *_counted("customer", "of the customer"),
        *_counted("ip", "from the address"),
        *_counted("email", "with the e-mail"),
        *_counted("email_domain", "with the e-mail domain"),
        *_counted("device", "from the device"),
    )
}

# What an expression may call. `in_list('alias', value)` asks a value list.
_FUNCTIONS: Final = frozenset(
    {
        "_&&_", "_||_", "!_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in", "_+_", "_-_",
        "_*_", "_/_", "_%_", "-_", "_?_:_", "_[_]", "in_list", "startsWith", "endsWith",
        "contains", "size", "has",
    }
)  # fmt: skip

_STRINGS = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
_LOOPS = re.compile(r"\.\s*(map|filter|all|exists|exists_one|reduce|existsOne)\s*\(")
_LISTS = re.compile(r"in_list\s*\(\s*(?:'([a-z0-9_]+)'|\"([a-z0-9_]+)\")\s*,")

# What an expression can raise on a payment: a missing key, types that clash, division by zero.
_FAILURES: Final = (ArithmeticError, KeyError, RuntimeError, TypeError, ValueError)

# Whether a value is on a list: (alias, value).
Membership = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule ready to be asked; `is_live` is False for one that only runs in the shadow."""

    id: str
    version: int
    action: Action
    is_live: bool
    program: cel.Program

    @property
    def label(self) -> str:
        """The rule and its version, as a decision records it."""
        return f"{self.id}@{self.version}"


def compile_expression(expression: str, *, lists: Collection[str]) -> cel.Program:
    """
    Return the program of an expression, after everything that can be checked has been.

    :raises RuleInvalid: says what is wrong, and what might have been meant
    """
    _check_size(expression)
    bare = _STRINGS.sub("''", expression)
    loop = _LOOPS.search(bare)
    if loop:
        raise RuleInvalid(f"'{loop[1]}' is not allowed: a rule has no loops.", param="expression")
    try:
        program = cel.compile(expression)
    except ValueError as error:
        raise RuleInvalid(f"The expression cannot be read: {error}", param="expression") from error
    references = program.references()
    _check_names(references["variables"], ATTRIBUTES, "attribute")
    _check_names(references["functions"], _FUNCTIONS, "function")
    _check_names(lists_of(expression), lists, "value list")
    if bare.count("in_list") != len(lists_of(expression)):
        raise RuleInvalid("in_list takes the alias as text.", param="expression")
    _check_result(program)
    return program


def _check_size(expression: str) -> None:
    if not 0 < len(expression.strip()) <= MAX_LENGTH:
        raise RuleInvalid(f"An expression has 1 to {MAX_LENGTH} characters.", param="expression")
    depth = deepest = 0
    for character in expression:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise RuleInvalid(f"An expression nests at most {MAX_DEPTH} deep.", param="expression")


def _check_names(used: Iterable[str], known: Collection[str], kind: str) -> None:
    for name in sorted(set(used)):
        if name not in known:
            close = get_close_matches(name, list(known), n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise RuleInvalid(f"There is no {kind} '{name}'.{hint}", param="expression")


def lists_of(expression: str) -> list[str]:
    """Return the aliases of the value lists which the expression asks, each time it does."""
    return [single or double for single, double in _LISTS.findall(expression)]


def _check_result(program: cel.Program) -> None:
    """Run it once on a payment of which nothing is known: types that clash show up here."""
    context = build_context({}, lambda _alias, _value: False)
    try:
        answer = program.execute(context)
    except KeyError:
        return  # a key of the metadata, which some payments have
    except _FAILURES as error:
        raise RuleInvalid(f"The expression fails: {error}", param="expression") from error
    if not isinstance(answer, bool):
        raise RuleInvalid(
            f"An expression answers true or false; this one gives {type(answer).__name__}.",
            param="expression",
        )


def build_context(facts: Mapping[str, Any], is_listed: Membership) -> cel.Context:
    """Return what all rules of one assessment are asked with."""
    values = {name: facts.get(name, spec.absent) for name, spec in ATTRIBUTES.items()}
    context = cel.Context(variables=values)
    context.add_function("in_list", is_listed)
    return context


@dataclass(frozen=True, slots=True)
class RuleResult:
    """Labels of the rules that matched, live and shadow, and of those that failed."""

    action: Action | None
    matched: list[str]
    shadow: list[str]
    failed: list[str]
    asks_three_d_secure: bool


def run_rules(rules: Iterable[CompiledRule], context: cel.Context) -> RuleResult:
    """
    Ask the rules in their order and return what they say together.

    Allow wins over block, block over review; a rule that asks for 3DS is heard beside a review or
    no rule at all.
    """
    hits: list[CompiledRule] = []
    shadow: list[str] = []
    failed: list[str] = []
    decided = False
    for rule in rules:
        if rule.is_live and decided:
            continue
        try:
            is_match = rule.program.execute(context) is True
        except _FAILURES:
            failed.append(rule.label)
            continue
        if is_match and rule.is_live:
            hits.append(rule)
            decided = rule.action in {Action.ALLOW, Action.BLOCK}
        elif is_match:
            shadow.append(f"{rule.label}:{rule.action}")
    actions = {rule.action for rule in hits}
    winner = next((action for action in PRECEDENCE if action in actions), None)
    return RuleResult(
        action=winner,
        matched=[rule.label for rule in hits],
        shadow=shadow,
        failed=failed,
        asks_three_d_secure=Action.THREE_D_SECURE in actions and Action.ALLOW not in actions,
    )


# Rules are asked in this order of their actions, as Radar does.
ORDER: Final = {
    Action.THREE_D_SECURE: 0,
    Action.ALLOW: 1,
    Action.BLOCK: 2,
    Action.REVIEW: 3,
}
