"""Every test of risk has a merchant of its own, since counts in Redis outlive a test."""

from collections.abc import Iterator
from typing import Any

import pytest

from apps.common.ids import new_id
from apps.common.origin import Scope
from tests.fake_gateway import FakeGateway, use_gateways
from tests.patient_redis import patient_redis  # noqa: F401 - for every test


@pytest.fixture
def scope() -> Scope:
    return Scope(new_id("mer"), livemode=False)


@pytest.fixture
def gateway(settings: Any) -> Iterator[FakeGateway]:
    fake = FakeGateway()
    with use_gateways(settings, fake):
        yield fake
