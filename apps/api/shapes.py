"""
The shapes of answers, for the OpenAPI document: what an object of the API always has.

A shape tells and does not check: answers are made by the `render_...` functions, and a test
compares what those return with the shapes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

Json = dict[str, Any]
Property = Mapping[str, Any]


def _one(kind: str, **limits: Any) -> Property:
    return MappingProxyType({"type": kind, **limits})


def _or_null(kind: str) -> Property:
    return MappingProxyType({"type": [kind, "null"]})


TEXT: Final = _one("string")
TEXT_OR_NULL: Final = _or_null("string")
INTEGER: Final = _one("integer")
INTEGER_OR_NULL: Final = _or_null("integer")
NUMBER: Final = _one("number")
NUMBER_OR_NULL: Final = _or_null("number")
BOOLEAN: Final = _one("boolean")
MAP: Final = _one("object", additionalProperties=True)
MAP_OR_NULL: Final = MappingProxyType({"type": ["object", "null"], "additionalProperties": True})
METADATA: Final = _one("object", additionalProperties={"type": "string"})
TEXTS: Final = _one("array", items={"type": "string"})
INTEGERS: Final = _one("array", items={"type": "integer"})
OBJECTS: Final = _one("array", items={"type": "object"})
# What Stripe's clients look for, and this platform has nothing to say about.
NULL: Final = _one("null")
# Times are Unix seconds; amounts are minor units of the currency beside them.
TIME: Final = INTEGER
TIME_OR_NULL: Final = INTEGER_OR_NULL
AMOUNT: Final = INTEGER
# Amounts by currency.
AMOUNTS: Final = _one("object", additionalProperties={"type": "integer"})
# An id, or the object itself when the request asks to expand it.
EXPANDABLE: Final = MappingProxyType({"type": ["string", "object", "null"]})


def record(
    properties: Mapping[str, Property], *, optional: Mapping[str, Property] | None = None
) -> Property:
    """Return the property that is a map which always has these properties."""
    known = {**properties, **(optional or {})}
    return _one(
        "object",
        required=sorted(properties),
        properties={name: dict(known[name]) for name in sorted(known)},
    )


def records(
    properties: Mapping[str, Property], *, optional: Mapping[str, Property] | None = None
) -> Property:
    """Return the property that is a list of such maps."""
    return _one("array", items=dict(record(properties, optional=optional)))


def one_of(words: Sequence[str]) -> Property:
    """Return the property that is one of a few words."""
    return _one("string", enum=[str(word) for word in words])


def _leads_on(kind: Property) -> bool:
    """Return whether ids may stand there; what is always null may hold one at Stripe."""
    kinds = kind["type"] if isinstance(kind["type"], list) else [kind["type"]]
    return bool({"array", "object"} & set(kinds)) or kinds == ["null"]


@dataclass(frozen=True, slots=True)
class Shape:
    """An object of the API: its name in the document, its kind, and what it always has."""

    name: str
    kind: str
    properties: Mapping[str, Property]
    # What only some objects of the kind have, such as the `card` of a payment method.
    optional: Mapping[str, Property] = field(default_factory=dict)

    @property
    def ids(self) -> frozenset[str]:
        """Return the names of its ids of other objects."""
        return frozenset(name for name, kind in self._all.items() if kind is EXPANDABLE)

    @property
    def expandable(self) -> frozenset[str]:
        """Return the names a path of `expand[]` may begin with: ids, and what can hold some."""
        return frozenset(name for name, kind in self._all.items() if _leads_on(kind))

    @property
    def _all(self) -> Mapping[str, Property]:
        return {**self.properties, **self.optional}

    def schema(self) -> Json:
        """Return the JSON schema. More properties may come in time, so they are allowed."""
        always: dict[str, Property] = {"object": {"type": "string", "const": self.kind}}
        always |= self.properties
        return {
            "type": "object",
            "required": sorted(always),
            "properties": {
                name: dict(always.get(name) or self.optional[name])
                for name in sorted({*always, *self.optional})
            },
        }


@dataclass(frozen=True, slots=True)
class ListOf:
    """A page of objects of one shape; `more` is what some pages say beside their entries."""

    entry: Shape
    more: Mapping[str, Property] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name in the document."""
        return f"{self.entry.name}List"


@dataclass(frozen=True, slots=True)
class SearchOf:
    """What a search found; the same as a list but for its kind."""

    entry: Shape

    @property
    def name(self) -> str:
        """Its name in the document."""
        return f"{self.entry.name}Search"


@dataclass(frozen=True, slots=True)
class Download:
    """The bytes of a file, of one of these media types."""

    media_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EitherOf:
    """An object of one of these shapes, which their `object` and `deleted` tell apart."""

    shapes: tuple[Shape, ...]

    @property
    def name(self) -> str:
        """Its name in the document."""
        return "Or".join(shape.name for shape in self.shapes)


Answer = Shape | ListOf | SearchOf | EitherOf | Download


def deleted(name: str, kind: str) -> Shape:
    """Return the shape of what is left of a deleted object."""
    return Shape(f"Deleted{name}", kind, {"id": TEXT, "deleted": _one("boolean", const=True)})


def list_schema(entry: Json, more: Mapping[str, Property], *, kind: str = "list") -> Json:
    """Return the JSON schema of a page whose entries have the schema `entry`."""
    return {
        "type": "object",
        "required": ["data", "has_more", "object", "url"],
        "properties": {
            "data": {"type": "array", "items": entry},
            "has_more": dict(BOOLEAN),
            "object": {"type": "string", "const": kind},
            "url": dict(TEXT),
            **{name: dict(property_) for name, property_ in more.items()},
        },
    }
