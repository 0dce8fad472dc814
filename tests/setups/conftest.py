"""Every test of setups talks to a gateway with a script."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fake_gateway import FakeGateway, use_gateways
from tests.history import rows_are_the_fold_of_their_events  # noqa: F401 - for every test
from tests.patient_redis import patient_redis  # noqa: F401 - for every test


@pytest.fixture
def gateway(settings: Any) -> Iterator[FakeGateway]:
    fake = FakeGateway()
    with use_gateways(settings, fake):
        yield fake
