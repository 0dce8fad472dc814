"""Every test of billing talks to a gateway with a script."""

from collections.abc import Iterator
from typing import Any

import pytest

from apps.outbox.history import find_differences
from tests.fake_gateway import FakeGateway, use_gateways


@pytest.fixture
def gateway(settings: Any) -> Iterator[FakeGateway]:
    fake = FakeGateway()
    with use_gateways(settings, fake):
        yield fake


@pytest.fixture(autouse=True)
def _every_row_is_the_fold_of_its_events(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hold every test of billing to it that its rows can be told from their history."""
    yield
    if "db" in request.fixturenames or "transactional_db" in request.fixturenames:
        assert list(find_differences()) == []
