"""Every test of disputes talks to a gateway with a script."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.disputes.worlds import world  # noqa: F401 - a fixture
from tests.fake_gateway import FakeGateway, use_gateways
from tests.history import rows_are_the_fold_of_their_events  # noqa: F401 - for every test


@pytest.fixture
def gateway(settings: Any) -> Iterator[FakeGateway]:
    fake = FakeGateway()
    with use_gateways(settings, fake):
        yield fake
