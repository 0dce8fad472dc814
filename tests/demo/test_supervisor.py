"""Starting in order, stopping in reverse, starting again what dies."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.interrupts import Interrupts, Leave
from demo.restarts import Backoff
from demo.screen import Screen
from demo.supervisor import Supervisor


class Recorder:
    """A service that notes what is done to it."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name = name
        self.log = Path(f"{name}.log")
        self.code: int | None = None
        self._notes = notes

    def start(self) -> None:
        self.code = None
        self._notes.append(f"start {self.name}")

    def exit_code(self) -> int | None:
        return self.code

    def ask_to_stop(self) -> None:
        self._notes.append(f"ask {self.name}")

    def stop(self, *, grace_seconds: float) -> None:
        assert grace_seconds > 0
        self._notes.append(f"stop {self.name}")

    def kill(self) -> None:
        self._notes.append(f"kill {self.name}")


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def service(notes: list[str]) -> Callable[[str], Recorder]:
    return lambda name: Recorder(name, notes)


def test_the_last_tier_stops_first_and_its_members_together(
    notes: list[str], service: Callable[[str], Recorder]
) -> None:
    supervisor = Supervisor(Screen())
    supervisor.start(service("database"))
    supervisor.start(service("web"), service("worker"))
    notes.clear()

    supervisor.stop()

    assert notes == [
        *("ask web", "ask worker", "stop web", "stop worker"),
        *("ask database", "stop database"),
    ]


def test_a_service_that_fails_to_start_is_stopped_with_the_others(notes: list[str]) -> None:
    class Broken(Recorder):
        def start(self) -> None:
            raise RuntimeError("half up")

    supervisor = Supervisor(Screen())
    with pytest.raises(RuntimeError, match="half up"):
        supervisor.start(Broken("web", notes))

    supervisor.stop()

    assert notes == ["ask web", "stop web"]


def test_a_dead_service_is_started_again_after_its_delay(
    notes: list[str],
    service: Callable[[str], Recorder],
    capsys: pytest.CaptureFixture[str],
) -> None:
    web = service("web")
    supervisor = Supervisor(Screen())
    supervisor.start(web)
    web.code = -9
    notes.clear()

    assert supervisor.dead() == [web]
    supervisor.revive(web, now=1e9)
    supervisor.revive(web, now=1e9 + 0.9)
    assert notes == []
    supervisor.revive(web, now=1e9 + 1.0)

    assert notes == ["start web"]
    assert supervisor.dead() == []
    assert (
        "web ended with code -9; starting it again in 1 s (log: web.log)" in capsys.readouterr().out
    )


def test_delays_double_up_to_thirty_seconds_and_start_over_after_a_quiet_minute() -> None:
    backoff, now, delays = Backoff(started_at=0.0), 0.0, []
    for _ in range(7):
        now += 1.0
        delays.append(backoff.died(now=now))
        now += delays[-1]
        backoff.started(now=now)

    assert delays == [1, 2, 4, 8, 16, 30, 30]
    assert backoff.died(now=now + 60.0) == 1


def test_a_restart_is_due_when_its_delay_is_over_and_only_then() -> None:
    backoff = Backoff(started_at=0.0)
    assert not backoff.is_due(now=5.0)

    backoff.died(now=5.0)

    assert not backoff.is_due(now=5.9)
    assert backoff.is_due(now=6.0)


def press(interrupts: Interrupts, number: signal.Signals = signal.SIGINT) -> None:
    interrupts._on_signal(number, None)


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Exit codes with which the process would have ended at once."""
    codes: list[int] = []
    monkeypatch.setattr("demo.interrupts.os._exit", codes.append)
    return codes


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    times = [100.0]
    monkeypatch.setattr("demo.interrupts.time.monotonic", lambda: times[0])
    return times


def test_the_first_ctrl_c_leaves_and_a_later_one_kills(
    clock: list[float], killed: list[int]
) -> None:
    kills: list[str] = []
    interrupts = Interrupts(kill=lambda: kills.append("all"))

    with pytest.raises(Leave):
        press(interrupts)
    clock[0] += 0.3
    press(interrupts)
    assert kills == []
    clock[0] += 2.0
    press(interrupts)

    assert kills == ["all"]
    assert killed == [130]


def test_a_repeated_term_never_kills(clock: list[float], killed: list[int]) -> None:
    interrupts = Interrupts(kill=lambda: pytest.fail("killed"))

    with pytest.raises(Leave):
        press(interrupts, signal.SIGTERM)
    clock[0] += 5.0
    press(interrupts, signal.SIGTERM)

    assert killed == []


def test_a_ctrl_c_while_stopping_does_not_interrupt_the_stop(
    clock: list[float], killed: list[int]
) -> None:
    interrupts = Interrupts(kill=lambda: pytest.fail("killed"))

    interrupts.shield()
    press(interrupts)

    assert killed == []
    assert clock == [100.0]
