"""
Run one command beside servers of its own, which are new, fast, and gone afterwards.

`python -m embedded pytest -q`. DATABASE_URL and REDIS_URL, where set, replace the servers.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from embedded.processes import die_with_parent, stop_leftovers
from embedded.servers import EmbeddedPostgres, EmbeddedValkey, Place

ROOT = Path(__file__).resolve().parents[1]
THROW_AWAY = ROOT / ".local" / "throw-away"

_USAGE_EXIT_CODE = 2
_INTERRUPTED_EXIT_CODE = 130


def main(command: list[str]) -> int:
    """Run `command` and return its exit code."""
    if not command:
        print("usage: python -m embedded COMMAND [ARGUMENT ...]", file=sys.stderr)
        return _USAGE_EXIT_CODE
    if "MAKELEVEL" in os.environ:
        die_with_parent(signal.SIGTERM)
    signal.signal(signal.SIGTERM, _leave)
    # A script's background job starts with Ctrl-C ignored, and would hand that on to the command.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with servers() as addresses:
            return _run(command, {**os.environ, **addresses})
    except KeyboardInterrupt:
        return _INTERRUPTED_EXIT_CODE


@contextmanager
def servers() -> Iterator[dict[str, str]]:
    """Yield the variables that lead to the servers; stop and forget them afterwards."""
    variables: dict[str, str] = {}
    with ExitStack() as stack:
        if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
            yield variables
            return
        place = stack.enter_context(_throw_away_place())
        if not os.environ.get("DATABASE_URL"):
            postgres = EmbeddedPostgres(place, throw_away=True)
            stack.callback(postgres.stop)
            postgres.start()
            variables["DATABASE_URL"] = postgres.url
            # Tests that tamper with the books as an intruder with all rights would.
            variables["TEST_SUPERUSER_URL"] = postgres.superuser_url
        if not os.environ.get("REDIS_URL"):
            valkey = EmbeddedValkey(place, throw_away=True)
            stack.callback(valkey.stop)
            valkey.start()
            variables["REDIS_URL"] = valkey.url
        yield variables


@contextmanager
def _throw_away_place() -> Iterator[Place]:
    """Yield a folder of this run alone; folders of killed runs are swept on the way."""
    THROW_AWAY.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in THROW_AWAY.iterdir():
        _sweep(folder)
    folder = THROW_AWAY / str(os.getpid())
    place = Place.below(folder, checkout=ROOT)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield place
        finally:
            _forget(place, folder)


def _sweep(folder: Path) -> None:
    """Remove what a killed run left, unless the run is alive and holds its lock."""
    try:
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stop_leftovers(folder / "pids")
    except BlockingIOError:
        return
    except FileNotFoundError:
        pass
    shutil.rmtree(folder, ignore_errors=True)


def _forget(place: Place, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(place.sockets, ignore_errors=True)


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Run the command in our own group: a Ctrl-C reaches it directly, and it ends first."""
    child = subprocess.Popen(command, env=environment)
    try:
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                continue
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()


def _leave(_number: int, _frame: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
