"""
The kinds of parameters: each reads one value strictly and names what is wrong with it.

They are fields of Django REST framework, so that the OpenAPI document knows them, but a schema
calls `read` and nothing else of the framework: see `apps.api.schemas`.
A value is `FormText` when it came from a form or a query string; only then may text be a number.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol, cast

from django.core.files.uploadedfile import UploadedFile
from rest_framework import serializers

from apps.api.errors import StringInvalid
from apps.api.parsers import FormText
from apps.common.errors import InvalidParameter
from apps.common.ids import ID_LENGTH
from apps.common.metadata import METADATA_MAX_KEYS, MetadataInvalid
from apps.common.money import CURRENCIES, AmountInvalid, CurrencyInvalid

METADATA_MAX_KEY_LENGTH: Final = 40
METADATA_MAX_VALUE_LENGTH: Final = 500
# The year 9999; more does not fit a timestamp of PostgreSQL or Python.
MAX_UNIX_SECONDS: Final = 253_402_300_799
MAX_INTEGER: Final = 999_999_999_999

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\Z", re.ASCII)


class Field(serializers.Field):  # type: ignore[type-arg]  # the stubs want four, none matters
    """A parameter; `required`, `allow_null` and `default` mean what they mean in the framework."""

    def read(self, value: Any, param: str) -> Any:
        """
        Return the value as services take it.

        :raises DomainError: status 400, with `param`
        """
        raise NotImplementedError


def read_integer(value: Any) -> int | None:
    """Return the integer, or None for anything but a JSON integer or its text in a form."""
    if type(value) is int:
        return value
    if isinstance(value, FormText) and _INTEGER.match(value) and value != "-0":
        return int(value)
    return None


class IntegerField(Field, serializers.IntegerField):
    """An integer between `min_value` and `max_value`."""

    def __init__(self, *, min_value: int = 0, max_value: int = MAX_INTEGER, **options: Any) -> None:
        super().__init__(min_value=min_value, max_value=max_value, **options)
        self.least, self.most = min_value, max_value

    def read(self, value: Any, param: str) -> int:
        number = read_integer(value)
        if number is None:
            raise InvalidParameter(f"{param} must be an integer.", param=param)
        if not self.least <= number <= self.most:
            raise InvalidParameter(
                f"{param} must be between {self.least} and {self.most}.", param=param
            )
        return number


class AmountField(Field, serializers.IntegerField):
    """An amount in minor units; the currency's own limits are the service's business."""

    def __init__(self, *, min_value: int = 1, **options: Any) -> None:
        super().__init__(min_value=min_value, **options)
        self.least = min_value

    def read(self, value: Any, param: str) -> int:
        amount = read_integer(value)
        if amount is None:
            raise AmountInvalid(
                f"{param} must be an integer of minor units, such as 1050 for EUR 10.50.",
                param=param,
            )
        if amount < self.least:
            raise AmountInvalid(f"{param} must be at least {self.least}.", param=param)
        if amount > MAX_INTEGER:
            raise AmountInvalid(f"{param} must be at most {MAX_INTEGER}.", param=param)
        return amount


class CurrencyField(Field, serializers.CharField):
    """A lower-case ISO 4217 code."""

    def read(self, value: Any, param: str) -> str:
        known = isinstance(value, str) and value.islower() and value.upper() in CURRENCIES
        if not known:
            shown = value[:10] if isinstance(value, str) else type(value).__name__
            raise CurrencyInvalid(
                f"{param} must be a lower-case ISO 4217 code that can be charged; got {shown!r}.",
                param=param,
            )
        return str(value)


class EnumField(Field, serializers.ChoiceField):
    """One of a few words."""

    def __init__(self, choices: Sequence[str], **options: Any) -> None:
        super().__init__(choices=choices, **options)
        self._words = frozenset(choices)

    def read(self, value: Any, param: str) -> str:
        if not isinstance(value, str) or value not in self._words:
            allowed = ", ".join(sorted(self._words))
            raise InvalidParameter(f"{param} must be one of: {allowed}.", param=param)
        return str(value)


class TextField(Field, serializers.CharField):
    """Text of at most `max_length` characters, kept as it is."""

    def __init__(self, *, max_length: int = 500, min_length: int = 0, **options: Any) -> None:
        # `trim_whitespace` speaks to the framework only; nothing here alters a text.
        super().__init__(
            max_length=max_length, min_length=min_length, trim_whitespace=False, **options
        )
        self.shortest, self.longest = min_length, max_length

    def read(self, value: Any, param: str) -> str:
        if not isinstance(value, str):
            raise StringInvalid(f"{param} must be a string.", param=param)
        if not self.shortest <= len(value) <= self.longest:
            raise StringInvalid(
                f"{param} must have {self.shortest} to {self.longest} characters;"
                f" it has {len(value)}.",
                param=param,
            )
        return str(value)


class IdField(TextField):
    """An id with one of the prefixes; whether the object exists is looked up later."""

    def __init__(self, *prefixes: str, **options: Any) -> None:
        super().__init__(max_length=255, min_length=1, **options)
        self._pattern = re.compile(rf"(?:{'|'.join(prefixes)})_[A-Za-z0-9_]+\Z", re.ASCII)
        self.prefixes = prefixes

    def read(self, value: Any, param: str) -> str:
        text = super().read(value, param)
        if not self._pattern.match(text):
            wanted = " or ".join(f"{prefix}_..." for prefix in self.prefixes)
            raise InvalidParameter(f"{param} must be an id like {wanted}", param=param)
        return text


class BooleanField(Field, serializers.BooleanField):
    """`true` or `false`, also as text in a form."""

    def read(self, value: Any, param: str) -> bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, FormText) and value in ("true", "false"):
            return value == "true"
        raise InvalidParameter(f"{param} must be true or false.", param=param)


class OffField(BooleanField):
    """A switch of Stripe's that is not offered: it may be said to be off, which it is."""

    def read(self, value: Any, param: str) -> bool:
        if super().read(value, param):
            raise InvalidParameter(f"{param} is not offered; only false is taken.", param=param)
        return False


class TimestampField(Field, serializers.IntegerField):
    """Unix seconds; services get an aware datetime."""

    def read(self, value: Any, param: str) -> datetime:
        seconds = read_integer(value)
        if seconds is None or not 0 <= seconds <= MAX_UNIX_SECONDS:
            raise InvalidParameter(f"{param} must be a time in Unix seconds.", param=param)
        return datetime.fromtimestamp(seconds, UTC)


class MetadataField(Field, serializers.DictField):
    """
    The caller's own notes: up to 50 keys of 40 characters, values of 500.

    An empty value unsets its key and an empty text instead of the map unsets all; services merge
    with `with_metadata`.
    """

    def __init__(self, **options: Any) -> None:
        options.setdefault("required", False)
        super().__init__(child=serializers.CharField(), **options)

    def read(self, value: Any, param: str) -> dict[str, str] | None:
        if isinstance(value, str) and value == "":
            return None
        if not isinstance(value, dict):
            raise MetadataInvalid(f"{param} must be a map of strings.", param=param)
        if len(value) > METADATA_MAX_KEYS:
            raise MetadataInvalid(f"{param} has more than {METADATA_MAX_KEYS} keys.", param=param)
        for key, text in value.items():
            _check_metadata_entry(key, text, f"{param}[{key[:METADATA_MAX_KEY_LENGTH]}]")
        return {key: "" if text is None else str(text) for key, text in value.items()}


def _check_metadata_entry(key: str, text: Any, param: str) -> None:
    if not key or len(key) > METADATA_MAX_KEY_LENGTH or "[" in key or "]" in key:
        raise MetadataInvalid(
            f"A metadata key has 1 to {METADATA_MAX_KEY_LENGTH} characters and no brackets.",
            param=param,
        )
    if text is not None and not isinstance(text, str):
        raise MetadataInvalid(f"{param} must be a string.", param=param)
    if text and len(text) > METADATA_MAX_VALUE_LENGTH:
        raise MetadataInvalid(
            f"{param} has more than {METADATA_MAX_VALUE_LENGTH} characters.", param=param
        )


class Entry(Protocol):
    """What a list may hold: a field or a schema."""

    def read(self, value: Any, param: str, /) -> Any:
        """Check one entry."""


class ListField(Field, serializers.ListField):
    """A list of at most `max_length` values of one kind; an empty text in a form is no values."""

    def __init__(self, child: Entry, *, max_length: int = 100, **options: Any) -> None:
        super().__init__(child=cast("Field", child), max_length=max_length, **options)
        # The framework copies a child; this one is shared, since reading changes nothing in it.
        self.entry, self.most = child, max_length

    def read(self, value: Any, param: str) -> list[Any]:
        if isinstance(value, FormText) and value == "":
            return []
        if not isinstance(value, list):
            raise InvalidParameter(f"{param} must be a list.", param=param)
        if len(value) > self.most:
            raise InvalidParameter(f"{param} has more than {self.most} entries.", param=param)
        return [self.entry.read(entry, f"{param}[{place}]") for place, entry in enumerate(value)]


class FileField(Field, serializers.FileField):
    """An uploaded file of a multipart body."""

    def read(self, value: Any, param: str) -> "UploadedFile[bytes]":
        if not isinstance(value, UploadedFile):
            raise InvalidParameter(f"{param} must be a file of a multipart body.", param=param)
        return value


def looks_like_id(text: str, prefix: str) -> bool:
    """Return whether `text` could be an id that this platform made."""
    return len(text) == len(prefix) + 1 + ID_LENGTH and text.startswith(f"{prefix}_")
