"""No process outlives its supervisor, and none that is not ours is touched."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from embedded.processes import NotReady, Process, _start_time, stop_leftovers, wait_for

SUPERVISOR = """
import os, sys
from pathlib import Path
from embedded.processes import Process
folder = Path(sys.argv[1])
child = Process(name="child", command=["sleep", "60"], log=folder / "log", pid_file=folder / "pid")
child.start()
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def sleeper(folder: Path, *, command: tuple[str, ...] = ("sleep", "60")) -> Process:
    return Process(
        name="sleeper",
        command=command,
        log=folder / "log",
        pid_file=folder / "pids" / "sleeper",
    )


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 30
    while _start_time(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not _start_time(pid)


def test_stop_ends_the_process_and_removes_its_pid_file(tmp_path: Path) -> None:
    process = sleeper(tmp_path)
    process.start()
    assert process.exit_code() is None

    process.stop()

    assert process.exit_code() == -signal.SIGTERM
    assert not process.pid_file.exists()


def test_a_process_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    deaf = sleeper(tmp_path, command=("sh", "-c", "trap '' TERM; while true; do sleep 0.1; done"))
    deaf.start()
    time.sleep(0.2)

    deaf.stop(grace_seconds=0.3)

    assert deaf.exit_code() == -signal.SIGKILL


def test_grandchildren_end_with_their_parent(tmp_path: Path) -> None:
    process = sleeper(tmp_path, command=("sh", "-c", "sleep 60 & echo $!; wait"))
    process.start()
    wait_for(lambda: bool(process.log.read_text()), process=process, seconds=5, what="the shell")
    grandchild = int(process.log.read_text())

    process.stop()

    assert gone(grandchild)


def test_a_second_start_ends_what_the_first_left(tmp_path: Path) -> None:
    process = sleeper(tmp_path, command=("sh", "-c", "sleep 60 & echo $!; wait"))
    process.start()
    wait_for(lambda: bool(process.log.read_text()), process=process, seconds=5, what="the shell")
    grandchild = int(process.log.read_text())
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: process.exit_code() is not None, process=None, seconds=5, what="its end")

    process.start()

    assert gone(grandchild)
    assert process.exit_code() is None
    process.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_a_killed_supervisor_takes_its_children_along(tmp_path: Path) -> None:
    supervisor = subprocess.run(
        [sys.executable, "-c", SUPERVISOR, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert supervisor.returncode == -signal.SIGKILL
    assert gone(int(supervisor.stdout))


def test_leftovers_of_a_killed_run_are_stopped(tmp_path: Path) -> None:
    left = sleeper(tmp_path)
    left.start()
    assert left.pid is not None

    stopped = stop_leftovers(tmp_path / "pids")

    assert stopped == ["sleeper"]
    assert gone(left.pid)
    assert not list((tmp_path / "pids").iterdir())
    left.stop()


def test_a_pid_that_now_belongs_to_another_process_is_left_alone(tmp_path: Path) -> None:
    stranger = sleeper(tmp_path)
    stranger.start()
    started = _start_time(os.getpid())
    stranger.pid_file.write_text(f"{stranger.pid} {int(started) - 1} 15")

    stopped = stop_leftovers(tmp_path / "pids")

    assert stopped == []
    assert stranger.exit_code() is None
    stranger.stop()


def test_what_dies_while_starting_is_reported_with_its_last_words(tmp_path: Path) -> None:
    process = sleeper(tmp_path, command=("sh", "-c", "echo no such table; exit 3"))
    process.start()

    with pytest.raises(NotReady) as failure:
        wait_for(lambda: False, process=process, seconds=5, what="Web")

    assert "Web ended with code 3 while starting" in str(failure.value)
    assert "no such table" in str(failure.value)


def test_what_never_gets_ready_is_reported_in_time(tmp_path: Path) -> None:
    process = sleeper(tmp_path)
    process.start()

    with pytest.raises(NotReady, match="Web was not ready within 0 s"):
        wait_for(lambda: False, process=process, seconds=0.1, what="Web")

    process.stop()
