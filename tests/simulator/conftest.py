"""Stripe's official SDK against the simulator, as the platform's adapter uses it."""

from collections.abc import Iterator

import pytest
import stripe

from simulator.testing import RunningSimulator
from tests.simulator.payments import connect
from tests.simulator.receiver import Receiver


@pytest.fixture
def client(simulator: RunningSimulator) -> Iterator[stripe.StripeClient]:
    with connect(simulator.psp_url) as connected:
        yield connected


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening
