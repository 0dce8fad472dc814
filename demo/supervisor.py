"""Keeps processes running, and stops them in the reverse of the order in which they started."""

import time
from pathlib import Path
from typing import NoReturn, Protocol

from demo.restarts import Backoff
from demo.screen import Screen
from embedded.processes import NotReady

_WATCH_SECONDS = 0.2
_STOP_SECONDS = 10.0


class Service(Protocol):
    """What can be started, watched and stopped: an embedded server or a process of the platform."""

    name: str

    @property
    def log(self) -> Path: ...
    def start(self) -> None: ...
    def exit_code(self) -> int | None: ...
    def ask_to_stop(self) -> None: ...
    def stop(self, *, grace_seconds: float) -> None: ...
    def kill(self) -> None: ...


class Supervisor:
    """Services in tiers: those of a tier do not need each other, but they need the tiers before."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._tiers: list[list[Service]] = []
        self._backoffs: dict[str, Backoff] = {}

    def start(self, *services: Service) -> None:
        """Start one tier."""
        tier: list[Service] = []
        self._tiers.append(tier)
        for service in services:
            tier.append(service)  # First noted, then started: what comes up half is stopped too.
            service.start()
            self._backoffs[service.name] = Backoff(started_at=time.monotonic())

    @property
    def has_services(self) -> bool:
        return bool(self._tiers)

    def dead(self) -> list[Service]:
        """Return the services that ended without being asked."""
        return [s for tier in self._tiers for s in tier if s.exit_code() is not None]

    def watch(self) -> NoReturn:
        """Start again what dies, with growing delays; only an interrupt ends this."""
        while True:
            for service in self.dead():
                self.revive(service, now=time.monotonic())
            time.sleep(_WATCH_SECONDS)

    def revive(self, service: Service, *, now: float) -> None:
        """Note a death, or start the service again when its delay is over."""
        backoff = self._backoffs[service.name]
        if backoff.restart_at is None:
            delay = backoff.died(now=now)
            self._screen.step(
                f"{service.name} ended with code {service.exit_code()}; "
                f"starting it again in {delay:.0f} s (log: {service.log})"
            )
        elif backoff.is_due(now=now):
            backoff.started(now=now)
            try:
                service.start()
            except NotReady as failure:
                self._screen.trouble(str(failure))
            else:
                self._screen.step(f"{service.name} is started again")

    def stop(self) -> None:
        """Stop the last tier first; within a tier all are asked before any is waited for."""
        for tier in reversed(self._tiers):
            for service in tier:
                service.ask_to_stop()
            for service in tier:
                service.stop(grace_seconds=_STOP_SECONDS)

    def kill(self) -> None:
        """End everything at once."""
        for tier in reversed(self._tiers):
            for service in tier:
                service.kill()
