"""The platform as processes of its own on the test's database, with the simulated gateway."""

from collections.abc import Iterator
from typing import Any

import pytest
from simulator.testing import RunningSimulator

from apps.api.models import Merchant
from tests.live.environment import platform_environment, use_simulated_gateway
from tests.live.running import RunningWeb


@pytest.fixture
def simulator(simulator_process: RunningSimulator, settings: Any) -> Iterator[RunningSimulator]:
    """The gateway with empty books; this process talks to it too."""
    simulator_process.reset()
    use_simulated_gateway(settings, simulator_process)
    yield simulator_process
    simulator_process.reset()


@pytest.fixture
def web(
    merchant: Merchant,
    simulator: RunningSimulator,
) -> Iterator[RunningWeb]:
    with RunningWeb(platform_environment(simulator), threads=64) as running:
        yield running
