"""The platform as processes of its own on the test's database, with the simulated gateway."""

from collections.abc import Iterator
from typing import Any

import pytest

from apps.api.models import Merchant
from simulator.testing import RunningSimulator
from tests.live.environment import platform_environment, use_simulated_gateway
from tests.live.running import RunningWeb


@pytest.fixture
def simulator(running_simulator: RunningSimulator, settings: Any) -> Iterator[RunningSimulator]:
    """The gateway with empty books; this process talks to it through the real adapter."""
    running_simulator.reset()
    use_simulated_gateway(settings, running_simulator)
    yield running_simulator
    running_simulator.reset()


@pytest.fixture
def web(
    merchant: Merchant,
    simulator: RunningSimulator,
) -> Iterator[RunningWeb]:
    with RunningWeb(platform_environment(simulator), threads=64) as running:
        yield running
