"""Tests of routing and circuits that need payments talk to a gateway with a script."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fake_gateway import FakeGateway, use_gateways


@pytest.fixture
def gateway(settings: Any) -> Iterator[FakeGateway]:
    fake = FakeGateway()
    with use_gateways(settings, fake):
        yield fake
