"""Every test of payouts talks to a gateway with a script."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fake_gateway import FakeGateway, use_gateways
from tests.live.conftest import simulator

__all__ = ["simulator"]  # a fixture for those who want real HTTP


@pytest.fixture
def gateway(settings: Any) -> Iterator[FakeGateway]:
    settings.PAYOUT_CANCEL_WINDOW_SECONDS = 0
    fake = FakeGateway()
    with use_gateways(settings, fake):
        yield fake
