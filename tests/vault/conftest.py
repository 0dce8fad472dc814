"""The vault's tests talk to two gateways with scripts."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fake_gateway import FakeGateway, use_gateways


@pytest.fixture
def gateways(settings: Any) -> Iterator[tuple[FakeGateway, FakeGateway]]:
    """Return two gateways that take the tokens of one tokeniser."""
    first, second = FakeGateway("stripe_main"), FakeGateway("stripe_spare")
    settings.TOKENISER_GATEWAYS = ["stripe_main", "stripe_spare"]
    with use_gateways(settings, first, second):
        yield first, second
