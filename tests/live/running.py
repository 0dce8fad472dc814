"""The platform's web server as a process of its own, for tests and benchmarks over real HTTP."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
START_SECONDS = 30.0
# Outside the range from which the kernel takes ports for outgoing connections.
_PORTS = range(20_000, 32_000)


def free_port() -> int:
    """Return a port nobody listens on."""
    start = os.getpid() % len(_PORTS)
    for offset in range(len(_PORTS)):
        port = _PORTS[(start + offset * 7) % len(_PORTS)]
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


class RunningWeb:
    """`with RunningWeb(environment) as web:` serves at `web.url` until the block ends."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        application: str = "config.wsgi:application",
        workers: int = 1,
        threads: int = 16,
        log: Path | None = None,
    ) -> None:
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self._environment = {**os.environ, **environment}
        self._log = log or Path(os.devnull)
        self._command = [
            sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws",
            "--host", LOOPBACK, "--port", str(self.port),
            "--workers", str(workers), "--blocking-threads", str(threads),
            "--backpressure", str(threads * 4),
            application,
        ]  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """Kill -9 the server with all its processes."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2, trust_env=False).is_success:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)
            if self.process is not None and self.process.poll() is not None:
                break
        self.kill()
        raise RuntimeError(f"the web server did not come up; its log: {self._log}")
