"""Reconciliation is tested over payments that a gateway with a script has taken."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fake_gateway import FakeGateway, use_gateways
from tests.history import rows_are_the_fold_of_their_events  # noqa: F401 - for every test


@pytest.fixture
def gateway(settings: Any) -> Iterator[FakeGateway]:
    # 2.9 % and 0.30 of 100.00.
    fake = FakeGateway(fee=320)
    settings.RECONCILIATION_DUE_DAYS = 0
    with use_gateways(settings, fake):
        yield fake
