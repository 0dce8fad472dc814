"""Reads Stripe's form encoding: bracket notation into nested values, and those into types."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes
from typing import Any
from urllib.parse import parse_qsl

from simulator.stripe.errors import InvalidParameter

# More than any honest request has.
_MAX_FIELDS = 1_000
_MAX_DEPTH = 7

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_CURRENCY = re.compile(r"[a-z]{3}")
_MAX_METADATA_KEYS = 50
_MAX_METADATA_KEY_CHARS = 40
_MAX_METADATA_VALUE_CHARS = 500


def parse_fields(text: str) -> list[tuple[str, str]]:
    """
    Return the fields as they were sent.

    :raises InvalidParameter: too many, or not UTF-8
    """
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError:
        raise InvalidParameter("The request's form is malformed.") from None


def parse_body(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """
    Return the fields of a form; of an uploaded file its size and SHA-256, which is all it is for.

    :raises InvalidParameter: the form is malformed
    """
    if not content_type.startswith("multipart/form-data"):
        return parse_fields(body.decode("utf-8", "replace"))
    message = message_from_bytes(b"Content-Type: %s\r\n\r\n%s" % (content_type.encode(), body))
    if not message.is_multipart():
        raise InvalidParameter("The request's form is malformed.")
    fields = []
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            is_file = part.get_filename() is not None
            fields.append((name, _digest(content) if is_file else content.decode()))
    return fields


def _digest(content: bytes) -> str:
    return f"{len(content)}:{hashlib.sha256(content).hexdigest()}"


def nest(fields: list[tuple[str, str]]) -> dict[str, Any]:
    """
    Return the values by their names: `card[token]=x` becomes `{"card": {"token": "x"}}`.

    Lists stay mappings of their positions until `Params` reads them as lists.

    :raises InvalidParameter: a name is malformed or used for two kinds of values
    """
    nested: dict[str, Any] = {}
    for name, value in fields:
        path = _split(name)
        place = nested
        for step in path[:-1]:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise InvalidParameter("Invalid request form.", param=name)
        last = path[-1] or str(len(place))
        place[last] = value
    return nested


def _split(name: str) -> list[str]:
    matched = _KEY.fullmatch(name)
    if matched is None or name.count("[") >= _MAX_DEPTH:
        raise InvalidParameter("Invalid parameter name.", param=name)
    return [matched[1], *re.findall(r"\[([^\[\]]*)\]", matched[2])]


@dataclass(frozen=True, slots=True)
class Params:
    """The values of one request, read by type. An empty text means "unset", as at Stripe."""

    values: Mapping[str, Any]
    prefix: str = ""

    def check_known(self, accepted: frozenset[str]) -> None:
        """
        Refuse what the endpoint does not know.

        :raises InvalidParameter: with the first unknown name
        """
        for name in self.values:
            if name not in accepted:
                raise InvalidParameter(
                    f"Received unknown parameter: {name}", code="parameter_unknown", param=name
                )

    def has(self, name: str) -> bool:
        """Return whether the parameter was sent, even empty."""
        return name in self.values

    def text(self, name: str, default: str = "") -> str:
        """
        Return a text.

        :raises InvalidParameter: it is an object
        """
        value = self.values.get(name, default)
        if not isinstance(value, str):
            raise self.invalid(name, "Invalid string")
        return value

    def required_text(self, name: str) -> str:
        """
        Return a text that must be there.

        :raises InvalidParameter: it is missing, empty or an object
        """
        value = self.text(name)
        if not value:
            raise InvalidParameter(
                f"Missing required param: {self._full(name)}.",
                code="parameter_missing",
                param=self._full(name),
            )
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """
        Return one of the choices, the first by default.

        :raises InvalidParameter: it is another
        """
        value = self.text(name) or choices[0]
        if value not in choices:
            raise self.invalid(name, f"Invalid {name}: must be one of {', '.join(choices)}")
        return value

    def integer(self, name: str) -> int | None:
        """
        Return a whole number, None when absent.

        :raises InvalidParameter: it is none
        """
        value = self.text(name)
        if not value:
            return None
        if not _INTEGER.fullmatch(value):
            raise InvalidParameter(
                f"Invalid integer: {value}",
                code="parameter_invalid_integer",
                param=self._full(name),
            )
        return int(value)

    def required_integer(self, name: str) -> int:
        """
        Return a whole number that must be there.

        :raises InvalidParameter: it is missing or none
        """
        self.required_text(name)
        return self.integer(name) or 0

    def boolean(self, name: str) -> bool:
        """
        Return a truth value, False when absent.

        :raises InvalidParameter: it is neither true nor false
        """
        value = self.text(name) or "false"
        if value not in {"true", "false"}:
            raise self.invalid(name, f"Invalid boolean: {value}")
        return value == "true"

    def currency(self, name: str = "currency") -> str:
        """
        Return a lower-case currency code.

        :raises InvalidParameter: it is missing or none
        """
        value = self.required_text(name).lower()
        if not _CURRENCY.fullmatch(value):
            raise self.invalid(name, f"Invalid currency: {value}")
        return value

    def part(self, name: str) -> "Params":
        """
        Return the parameters below a name, none when absent.

        :raises InvalidParameter: it is a text
        """
        value = self.values.get(name) or {}
        if not isinstance(value, Mapping):
            raise self.invalid(name, "Invalid object")
        return Params(value, self._full(name))

    def texts(self, name: str) -> list[str]:
        """
        Return a list of texts.

        :raises InvalidParameter: it is something else
        """
        part = self.part(name)
        return [part.text(position) for position in part.values]

    def metadata(self, before: Mapping[str, str] | None = None) -> dict[str, str]:
        """
        Return the metadata merged into what was before; an empty value removes its key.

        :raises InvalidParameter: over Stripe's limits
        """
        merged = dict(before or {})
        if self.has("metadata") and self.values["metadata"] == "":
            return {}
        part = self.part("metadata")
        for key in part.values:
            value = part.text(key)
            if len(key) > _MAX_METADATA_KEY_CHARS or len(value) > _MAX_METADATA_VALUE_CHARS:
                raise part.invalid(key, "Metadata keys have 40 characters, values 500 at most")
            merged[key] = value
        merged = {key: value for key, value in merged.items() if value}
        if len(merged) > _MAX_METADATA_KEYS:
            raise self.invalid("metadata", "Metadata has 50 keys at most")
        return merged

    def _full(self, name: str) -> str:
        return f"{self.prefix}[{name}]" if self.prefix else name

    def invalid(self, name: str, message: str) -> InvalidParameter:
        """Return the refusal of a value."""
        return InvalidParameter(message, param=self._full(name))
