"""Kinds of parameters that only billing has."""

import re
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from apps.api.errors import StringInvalid
from apps.api.fields import Field, TimestampField, read_integer
from apps.common.errors import InvalidParameter

_DECIMAL = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,12})?\Z", re.ASCII)


class DecimalTextField(Field, serializers.CharField):
    """A plain decimal as text, such as "0.5", with up to twelve decimals; or an integer."""

    def __init__(
        self, *, least: Decimal = Decimal(0), most: Decimal | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.least, self.most = least, most

    def read(self, value: Any, param: str) -> Decimal:
        """Return the number, exactly."""
        text = str(value) if read_integer(value) is not None else value
        if not isinstance(text, str) or not _DECIMAL.match(text):
            raise InvalidParameter(f"{param} must be a decimal as text.", param=param)
        number = Decimal(text)
        if number < self.least or (self.most is not None and number > self.most):
            raise InvalidParameter(f"{param} is out of range.", param=param)
        return number


class MomentField(TimestampField):
    """Unix seconds, or one of a few words such as `now`."""

    def __init__(self, *words: str, **options: Any) -> None:
        super().__init__(**options)
        self._words = words

    def read(self, value: Any, param: str) -> Any:
        """Return the time, or the word."""
        return str(value) if value in self._words else super().read(value, param)


class UpToField(Field, serializers.CharField):
    """The upper bound of a tier: an integer, or `inf`."""

    def read(self, value: Any, param: str) -> int | None:
        """Return the bound; None is without end."""
        if value == "inf":
            return None
        bound = read_integer(value)
        if bound is None or bound <= 0:
            raise InvalidParameter(f"{param} must be a positive integer or 'inf'.", param=param)
        return bound


class UsagePayloadField(Field, serializers.DictField):
    """The payload of a meter event: a customer and a value, as texts."""

    def read(self, value: Any, param: str) -> dict[str, str]:
        """Return the map."""
        if not isinstance(value, dict):
            raise InvalidParameter(f"{param} must be a map.", param=param)
        for name, text in value.items():
            if not isinstance(text, str):
                raise StringInvalid(f"{param}[{name}] must be a string.", param=param)
        return dict(value)
