"""The PSP simulator for all tests: one process for the session, empty books for each test."""

from collections.abc import Iterator

import pytest

from simulator.testing import RunningSimulator


@pytest.fixture(scope="session")
def running_simulator() -> Iterator[RunningSimulator]:
    """Start the simulator once; tests ask for `simulator` instead."""
    with RunningSimulator() as running:
        yield running


@pytest.fixture
def simulator(running_simulator: RunningSimulator) -> Iterator[RunningSimulator]:
    """Return the simulator as if just started, and leave nothing of the test in it."""
    running_simulator.reset()
    yield running_simulator
    running_simulator.reset()
