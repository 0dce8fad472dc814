"""Reconciliation is tested over payments that a gateway with a script has taken."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from simulator.testing import RunningSimulator
from tests.fake_gateway import FakeGateway, use_gateways
from tests.history import rows_are_the_fold_of_their_events  # noqa: F401 - for every test
from tests.reconciliation.at_gateways import Till, open_till, today


@pytest.fixture
def till_at(simulator: RunningSimulator) -> Iterator[Callable[[str], Till]]:
    """Return a function that opens a till at a simulated gateway, closed after the test."""
    with ExitStack() as open_ones:
        yield lambda psp: open_ones.enter_context(open_till(simulator, psp, today()))


@pytest.fixture
def gateway(settings: Any) -> Iterator[FakeGateway]:
    # 2.9 % and 0.30 of 100.00.
    fake = FakeGateway(fee=320)
    settings.RECONCILIATION_DUE_DAYS = 0
    with use_gateways(settings, fake):
        yield fake
