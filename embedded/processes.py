"""
Processes that never outlive whoever started them.

Three nets, because each has a hole: a stop in order on the way out; the kernel's parent-death
signal when the parent is killed; a file with pid and start time, swept by the next start, for what
slipped through both.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.05
_KILL_GRACE_SECONDS = 5.0
_LOG_TAIL_LINES = 15


@dataclass
class Process:
    """One child: its command, its log, and the signal by which it stops in good order."""

    name: str
    command: Sequence[str]
    log: Path
    pid_file: Path
    environment: Mapping[str, str] | None = None
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    options: Mapping[str, object] = field(default_factory=dict)
    _popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it in a session of its own, so that the terminal's Ctrl-C reaches only us."""
        if self._popen is not None:
            # A killed server's own children may still hold its port.
            _signal_group(self._popen.pid, signal.SIGKILL)
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.pid_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.environment) if self.environment is not None else None,
                cwd=self.cwd,
                start_new_session=True,
                # Forked by a main thread that has started no other: nothing can hold a lock.
                preexec_fn=_die_with_parent(self.stop_signal),  # noqa: PLW1509
                **self.options,  # type: ignore[call-overload]
            )
        started = _start_time(self._popen.pid)
        self.pid_file.write_text(f"{self._popen.pid} {started} {int(self.stop_signal)}")

    @property
    def pid(self) -> int | None:
        return self._popen.pid if self._popen else None

    def exit_code(self) -> int | None:
        """Return how it ended, or None while it runs (or never started)."""
        return self._popen.poll() if self._popen else None

    def ask_to_stop(self) -> None:
        """Send the polite signal and do not wait."""
        if self._popen and self._popen.poll() is None:
            self._popen.send_signal(self.stop_signal)

    def stop(self, *, grace_seconds: float = 10.0) -> None:
        """Ask, wait, then insist; afterwards nothing of its session is left."""
        if self._popen is None:
            return
        self.ask_to_stop()
        try:
            self._popen.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        _signal_group(self._popen.pid, signal.SIGKILL)
        self.pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End it and its children at once."""
        if self._popen is None:
            return
        _signal_group(self._popen.pid, signal.SIGKILL)
        self._popen.wait(_KILL_GRACE_SECONDS)

    def log_tail(self) -> str:
        """Return the last lines it wrote, for the message that says that it died."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(f"    {line}" for line in lines[-_LOG_TAIL_LINES:])


def stop_leftovers(pid_folder: Path) -> list[str]:
    """
    Stop what a killed run left behind, and return the names.

    A pid alone would not do: the number may belong to somebody else by now, so the process must
    have started when ours did.
    """
    stopped = []
    for pid_file in sorted(pid_folder.glob("*")):
        match pid_file.read_text().split():
            case [pid, started, stop_signal] if _start_time(int(pid)) == started:
                _stop_stranger(int(pid), started=started, stop_signal=int(stop_signal))
                stopped.append(pid_file.name)
        pid_file.unlink(missing_ok=True)
    return stopped


def wait_for(
    ready: Callable[[], bool], *, process: Process | None, seconds: float, what: str
) -> None:
    """
    Wait until `ready()` is true.

    :raises NotReady: the process ended first, or the time ran out
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if process is not None and process.exit_code() is not None:
            raise NotReady(
                f"{what} ended with code {process.exit_code()} while starting:\n"
                f"{process.log_tail()}\n(all of it: {process.log})"
            )
        if time.monotonic() > deadline:
            tail = f":\n{process.log_tail()}\n(all of it: {process.log})" if process else ""
            raise NotReady(f"{what} was not ready within {seconds:.0f} s{tail}")
        time.sleep(_POLL_SECONDS)


class NotReady(Exception):
    """Something did not come up; the text carries the end of its log."""


def die_with_parent(parent_signal: signal.Signals) -> None:
    """Ask the kernel to signal this process when its parent ends, however it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(parent_signal))


def _die_with_parent(parent_signal: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()
    # Loaded before the fork: the child of a program with threads should do as little as it can.
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def in_child() -> None:
        if prctl is None:
            return
        prctl(_PR_SET_PDEATHSIG, int(parent_signal))
        if os.getppid() != parent:  # It died between fork and prctl: no signal will come.
            os._exit(1)

    return in_child


def _start_time(pid: int) -> str:
    """Return when the process started, in the kernel's ticks; empty when it is gone or unknown."""
    try:
        # The name in brackets may hold blanks, so count the fields from behind it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    state, start_time = fields[0], fields[19]
    return "" if state == "Z" else start_time


def _stop_stranger(pid: int, *, started: str, stop_signal: int) -> None:
    """Stop a process that is not our child, so it cannot be waited for."""
    for signal_number in (stop_signal, signal.SIGKILL):
        _signal_group(pid, signal_number)
        deadline = time.monotonic() + _KILL_GRACE_SECONDS
        while _start_time(pid) == started and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)


def _signal_group(pid: int, signal_number: int) -> None:
    try:
        os.killpg(pid, signal_number)
    except (ProcessLookupError, PermissionError):
        return
