"""JSON of the hot path: what requests answer, and what SQL functions are given."""

from typing import Any

import orjson
from django.core.serializers.json import DjangoJSONEncoder

_plain = DjangoJSONEncoder().default


def to_text(value: Any) -> str:
    """
    Return compact JSON, with times and decimals in the form that Django gives them.

    :raises TypeError: the value holds what JSON cannot, or an integer beyond 64 bits
    """
    return orjson.dumps(value, _plain, orjson.OPT_PASSTHROUGH_DATETIME).decode()


def from_text(text: str) -> Any:
    """
    Return the value of a JSON text.

    :raises ValueError: it is none
    """
    return orjson.loads(text)
