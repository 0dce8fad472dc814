"""JSON of the hot path says what Django's encoder says."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.serializers.json import DjangoJSONEncoder

from apps.common.json_text import from_text, to_text
from apps.payments.states import IntentStatus


@pytest.mark.parametrize(
    "value",
    [
        {"created": datetime(2026, 11, 21, 9, 30, 15, 123456, tzinfo=UTC)},
        {"rate": Decimal("1.0842"), "none": None, "yes": True},
        {"name": "Zoë 日本 \u2028", "empty": {}, "list": [1, -5, 2**63 - 1]},
        {"status": IntentStatus.SUCCEEDED},
    ],
)
def test_text_is_that_of_the_framework(value: dict[str, object]) -> None:
    told = json.dumps(value, separators=(",", ":"), ensure_ascii=False, cls=DjangoJSONEncoder)
    assert to_text(value) == told
    assert from_text(to_text(value)) == json.loads(told)


def test_an_integer_beyond_64_bits_is_refused() -> None:
    with pytest.raises(TypeError, match="64-bit"):
        to_text({"amount": 2**70})
