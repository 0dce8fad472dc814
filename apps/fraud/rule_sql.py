"""
A rule as a condition of SQL over the facts that decisions keep, so that history is judged as a set.

Only names and operators of the closed language get into the text; every literal is a parameter.
A property test holds both readings of a rule equal.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from apps.fraud.errors import RuleInvalid
from apps.fraud.policies import PERSONAL
from apps.fraud.rules import ATTRIBUTES

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<string>'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)|(?P<mark>&&|\|\||[<>=!]=|[-+*/%<>!?:(),.\[\]]))"
)

# From the loosest to the tightest binding; how each is written in SQL.
_LEVELS: Final[tuple[Mapping[str, str], ...]] = (
    {"||": "OR"},
    {"&&": "AND"},
    {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "in": "in"},
    {"+": "+", "-": "-"},
    {"*": "*", "/": "/", "%": "%%"},
)
_DIVISIONS: Final = ("/", "%%")
_TYPES: Final = {int: "bigint", bool: "boolean", str: "text"}

# Facts which name a person are not kept, so history cannot be asked for them.
_NOT_KEPT: Final = (*PERSONAL, "metadata")


class RuleSql:
    """Reads one expression, which `compile_expression` has found sound."""

    def __init__(self, expression: str, *, lists: Mapping[str, list[str]]) -> None:
        self._tokens = _tokens(expression)
        self._lists = lists
        self._place = 0
        self.params: list[Any] = []

    def condition(self) -> str:
        """
        Return the condition on the column `facts`; its values are in `params`.

        :raises RuleInvalid: it asks for something that history does not keep
        """
        sql = self._choice()
        if self._place < len(self._tokens):
            raise _cannot(self._tokens[self._place])
        return sql

    def _choice(self) -> str:
        condition = self._binary(0)
        if not self._take("?"):
            return condition
        yes = self._choice()
        self._expect(":")
        return f"(CASE WHEN {condition} THEN {yes} ELSE {self._choice()} END)"

    def _binary(self, level: int) -> str:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self._peek() in _LEVELS[level]:
            operator = _LEVELS[level][self._next()]
            if operator == "in":
                left = f"({left} = ANY({self._list()}))"
            elif operator in _DIVISIONS:
                # Nothing, as in the rule itself, where a division by zero is no match.
                left = f"({left} {operator} nullif({self._binary(level + 1)}, 0))"
            else:
                left = f"({left} {operator} {self._binary(level + 1)})"
        return left

    def _unary(self) -> str:
        if self._take("!"):
            return f"(NOT {self._unary()})"
        if self._take("-"):
            return f"(- {self._unary()})"
        return self._methods(self._atom())

    def _methods(self, subject: str) -> str:
        while self._take("."):
            name = self._next()
            self._expect("(")
            argument = self._choice()
            self._expect(")")
            subject = _method(name, subject, argument)
        return subject

    def _atom(self) -> str:
        word = self._next()
        if word == "(":
            inner = self._choice()
            self._expect(")")
            return f"({inner})"
        if word[0] in "'\"":
            return self._literal(_unquote(word), "text")
        if word[0].isdigit():
            return self._literal(word, "numeric" if "." in word else "bigint")
        return self._call(word) if word in {"in_list", "size"} else _attribute(word)

    def _call(self, name: str) -> str:
        self._expect("(")
        if name == "size":
            text = self._choice()
            self._expect(")")
            return f"char_length({text})"
        alias = _unquote(self._next())
        self._expect(",")
        value = self._choice()
        self._expect(")")
        values = self._literal(self._lists.get(alias, []), "text[]")
        return f"(lower({value}) = ANY({values}))"

    def _list(self) -> str:
        self._expect("[")
        entries = []
        while not self._take("]"):
            entries.append(self._choice())
            self._take(",")
        return f"ARRAY[{', '.join(entries)}]"

    def _literal(self, value: Any, kind: str) -> str:
        self.params.append(value)
        return f"%s::{kind}"

    def _peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise _cannot("the end")
        self._place += 1
        return token

    def _take(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self._place += 1
        return True

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise _cannot(self._peek())


def _tokens(expression: str) -> list[str]:
    found, place = [], 0
    text = expression.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _cannot(text[place : place + 10])
        found.append(match[match.lastgroup or 0])
        place = match.end()
    return found


def _attribute(name: str) -> str:
    if name in {"true", "false"}:
        return name
    if name in _NOT_KEPT:
        raise RuleInvalid(
            f"'{name}' cannot be tried on history: it is not kept, to protect payers.",
            param="expression",
        )
    spec = ATTRIBUTES.get(name)
    if spec is None:
        raise _cannot(name)
    kind = _TYPES[spec.type]
    absent = f"'{spec.absent}'" if spec.type is str else str(spec.absent).lower()
    return f"coalesce((facts->>'{name}')::{kind}, {absent})"


def _method(name: str, subject: str, argument: str) -> str:
    if name == "startsWith":
        return f"starts_with({subject}, {argument})"
    if name == "endsWith":
        # Backwards, the end is the beginning; so the argument stands in the text once.
        return f"starts_with(reverse({subject}), reverse({argument}))"
    if name == "contains":
        return f"(position({argument} in {subject}) > 0)"
    raise _cannot(name)


def _unquote(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1])


def _cannot(token: str) -> RuleInvalid:
    return RuleInvalid(f"'{token}' cannot be tried on history.", param="expression")
