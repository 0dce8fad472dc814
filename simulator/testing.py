"""
The simulator for tests: starts it in a process of its own and asks it for faults and books.

Needs nothing but the standard library on this side, so any test can use it.
"""

import json
import random
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

_HOST = "127.0.0.1"
# Below the ports that the system gives to outgoing connections, so none of those is in the way.
_PORTS = range(20_000, 32_000)
_START_SECONDS = 30.0
_STOP_SECONDS = 5.0
_ANSWER_SECONDS = 30.0
_LOOK_SECONDS = 0.05
_TRIES = 20

# A proxy set for the machine is not for its own addresses.
_OPENER = build_opener(ProxyHandler({}))


class ControlRefused(Exception):
    """The simulator answered a control request with an error."""


class RunningSimulator:
    """
    Runs the simulator while the `with` block lasts.

    `url` serves everything, `psp_url` the PSPs alone: that port is closed while a PSP refuses.
    """

    def __init__(
        self,
        *,
        stripe_webhook: str = "",
        stripe_secret: str = "",
        adyen_webhook: str = "",
        adyen_secret: str = "",
        debit_delay: float | None = None,
        webhook_delay: float | None = None,
        seed: int | None = None,
        memory: Path | None = None,
    ) -> None:
        self._flags = [] if seed is None else ["--seed", str(seed)]
        if memory is not None:
            self._flags += ["--memory", str(memory)]
        if stripe_webhook:
            self._flags += ["--stripe-webhook", stripe_webhook, "--stripe-secret", stripe_secret]
        if adyen_webhook:
            self._flags += ["--adyen-webhook", adyen_webhook, "--adyen-secret", adyen_secret]
        for name, value in (("debit", debit_delay), ("webhook", webhook_delay)):
            if value is not None:
                self._flags += [f"--{name}-delay", str(value)]
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.psp_port = 0

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self.port}"

    @property
    def psp_url(self) -> str:
        return f"http://{_HOST}:{self.psp_port}"

    @property
    def pid(self) -> int:
        """Return the process's id, for measuring or killing it."""
        if self._process is None:
            raise RuntimeError("the simulator is not running")
        return self._process.pid

    def __enter__(self) -> Self:
        for _ in range(_TRIES):
            self.port, self.psp_port = _free_port(), _free_port()
            if self._start():
                return self
        raise RuntimeError("the simulator did not start")

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """
        Send a control request and return its answer; `path` begins below /_sim.

        :raises ControlRefused: with the simulator's words
        """
        request = Request(  # noqa: S310 - our own address
            f"{self.url}/_sim/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with _OPENER.open(request, timeout=_ANSWER_SECONDS) as answer:
                return json.load(answer)
        except HTTPError as refusal:
            with refusal:
                raise ControlRefused(refusal.read().decode()) from None

    def reset(self) -> None:
        """Return to empty books, no faults and the webhooks of the start."""
        self.control("POST", "reset")

    def fault(self, kind: str, *, psp: str = "stripe", **wish: Any) -> dict[str, Any]:
        """Let something go wrong: `rate`, `count`, `ms` and `match` as in `/_sim/faults`."""
        fault: dict[str, Any] = self.control("POST", "faults", {"psp": psp, "kind": kind, **wish})
        return fault

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults and how often each has struck."""
        return self._data("faults")

    def heal(self) -> None:
        """Remove all faults."""
        self.control("DELETE", "faults")

    def calls(self, *, psp: str = "", reference: str = "") -> list[dict[str, Any]]:
        """Return the calls that reached the PSPs, oldest first."""
        return self._data("calls?" + urlencode({"psp": psp, "reference": reference}))

    def charges(self, reference: str = "") -> list[dict[str, Any]]:
        """Return what was charged for one of our intents, or for all."""
        return self._data("charges?" + urlencode({"reference": reference}))

    def send_webhooks_to(
        self, url: str, secret: str, *, psp: str = "stripe", events: list[str] | None = None
    ) -> None:
        """Send a PSP's events there until the next reset."""
        wish = {"psp": psp, "url": url, "secret": secret, "events": events or []}
        self.control("POST", "webhooks", wish)

    def flush_webhooks(self) -> int:
        """Send everything that waits; return what could not be delivered."""
        pending: int = self.control("POST", "webhooks/flush")["pending"]
        return pending

    def deliveries(self) -> list[dict[str, Any]]:
        """Return the latest webhook deliveries, oldest first."""
        return self._data("webhooks")

    def advance(self, reference: str, action: str, **options: str) -> None:
        """Make the next thing happen to a payment: settle, expire, approve and so on."""
        path = f"payments/{quote(reference, safe='')}/advance"
        self.control("POST", path, {"action": action, **options})

    def change_settings(self, **seconds: float) -> None:
        """Change delays and lifetimes until the next reset."""
        self.control("POST", "settings", seconds)

    def exchange(self, currency: str, **rates: str) -> None:
        """Let the account be in `currency`, at these rates for a unit of others."""
        self.control("POST", "exchange", {"currency": currency, "rates": rates})

    def advance_clock(self, seconds: float) -> None:
        """Jump ahead in the PSPs' time."""
        self.control("POST", "clock", {"advance": seconds})

    def report(self, path: str) -> bytes:
        """Return a report as it is downloaded; `path` begins below /_sim."""
        with _OPENER.open(f"{self.url}/_sim/{path}", timeout=_ANSWER_SECONDS) as answer:
            content: bytes = answer.read()
            return content

    def _data(self, path: str) -> list[dict[str, Any]]:
        data: list[dict[str, Any]] = self.control("GET", path)["data"]
        return data

    def _start(self) -> bool:
        command = [sys.executable, "-m", "simulator", "--port", str(self.port)]
        command += ["--psp-port", str(self.psp_port), *self._flags]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.control("GET", "health")
            except (URLError, OSError):
                time.sleep(_LOOK_SECONDS)
            else:
                # Another simulator may answer on a port that was free a moment ago.
                return self._process.poll() is None
        self._stop()
        return False

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    while True:
        port = random.choice(_PORTS)  # noqa: S311 - any port will do
        with socket.socket() as probe:
            try:
                probe.bind((_HOST, port))
            except OSError:
                continue
            return port
