"""The whole platform: in which order its parts start, and what a visitor needs to know."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from demo.environment import (
    build_environment,
    keep_secrets,
    read_own_settings,
    write_json,
    write_variables,
)
from demo.ports import LOOPBACK, SIMULATOR_PORT, WEB_PORT, choose_port
from demo.screen import Screen
from demo.services import Services
from demo.supervisor import Supervisor
from embedded.processes import NotReady, Process, stop_leftovers, wait_for
from embedded.servers import EmbeddedPostgres, EmbeddedValkey, Place

_READY_SECONDS = 60.0
# Long enough for every migration on a slow disk.
_PREPARE_SECONDS = 300.0
_PROBE_SECONDS = 2.0
_OK = 200


class AlreadyRunning(Exception):
    """Another `make run` of this checkout is at work."""


class World:
    """Everything that `make run` starts; `start()` and `stop()` belong together."""

    def __init__(
        self, *, root: Path, screen: Screen, port: int | None, simulator_port: int | None
    ) -> None:
        self._root = root
        self._screen = screen
        self._local = root / ".local"
        self._asked_ports = (port, simulator_port)
        self._place = Place.below(self._local / "run", checkout=root)
        self.supervisor = Supervisor(screen)
        self.base_url = ""
        self.simulator_url = ""
        self._variables: dict[str, str] = {}
        self._credentials: dict[str, Any] = {}

    def start(self) -> None:
        """
        Bring everything up.

        :raises NotReady: a part did not come up; the text carries the end of its log
        :raises PortTaken: somebody else listens on a port that was asked for
        """
        self._clear()
        read_own_settings(self._root)
        web_port, simulator_port, psp_port = self._choose_ports()
        self.base_url = f"http://{LOOPBACK}:{web_port}"
        self.simulator_url = f"http://{LOOPBACK}:{simulator_port}"

        self._variables = build_environment(
            kept=keep_secrets(self._local / "secrets.env"),
            servers=self._start_servers(),
            web_port=web_port,
            simulator_port=simulator_port,
            psp_port=psp_port,
        )
        self._variables["PROMETHEUS_MULTIPROC_DIR"] = str(self._empty_folder("metrics"))
        services = Services(
            root=self._root, place=self._place, environment={**os.environ, **self._variables}
        )
        simulator = services.simulator(
            port=simulator_port,
            psp_port=psp_port,
            webhooks_url=f"{self.base_url}/webhooks",
        )
        self.supervisor.start(simulator)
        self._await(f"{self.simulator_url}/_sim/health", simulator, "The PSP simulator")
        self._prepare(services)
        self._start_platform(services, web_port=web_port)

    def announce(self) -> None:
        """Leave the files from which programs and `bin/manage` learn what runs where."""
        write_variables(self._local / "demo.env", self._variables)
        write_json(self._local / "demo.json", self.description())

    def description(self) -> dict[str, Any]:
        """Return what a program needs to use the platform."""
        return {
            "base_url": self.base_url,
            "simulator_url": self.simulator_url,
            "database_url": self._variables["DATABASE_URL"],
            "redis_url": self._variables["REDIS_URL"],
            "secret_key": self._credentials["secret_key"],
            "publishable_key": self._credentials["publishable_key"],
            "staff": self._credentials["staff"],
        }

    def stop(self) -> None:
        """Stop everything and take the files back: what they say is no longer true."""
        for name in ("demo.json", "demo.env"):
            (self._local / name).unlink(missing_ok=True)
        if self.supervisor.has_services:
            self._screen.step("Stopping")
            self.supervisor.stop()
            self._screen.step("Everything is stopped")

    def _clear(self) -> None:
        """Remove what a killed run left: its processes, its files, its logs."""
        for name in stop_leftovers(self._place.pids):
            self._screen.step(f"Stopped {name}, left over from a run that was killed")
        for name in ("demo.json", "demo.env"):
            (self._local / name).unlink(missing_ok=True)
        shutil.rmtree(self._place.logs, ignore_errors=True)
        self._place.logs.mkdir(mode=0o700)

    def _empty_folder(self, name: str) -> Path:
        """Return a folder without what the processes of an earlier run counted."""
        folder = self._place.data / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        return folder

    def _choose_ports(self) -> tuple[int, int, int]:
        port, simulator_port = self._asked_ports
        web = choose_port(asked=port, default=WEB_PORT, variable="PORT")
        simulator = choose_port(
            asked=simulator_port, default=SIMULATOR_PORT, variable="SIM_PORT", taken=[web]
        )
        # The PSPs listen apart from the simulator's controls, so that they can be "down".
        psp = choose_port(
            asked=None, default=simulator + 1, variable="SIM_PORT", taken=[web, simulator]
        )
        return web, simulator, psp

    def _start_servers(self) -> dict[str, str]:
        """Start the servers that the environment does not name, and return all addresses."""
        addresses = {name: os.environ.get(name, "") for name in ("DATABASE_URL", "REDIS_URL")}
        if addresses["DATABASE_URL"]:
            self._screen.step("PostgreSQL: the one that DATABASE_URL names")
        else:
            postgres = EmbeddedPostgres(self._place)
            self.supervisor.start(postgres)
            addresses["DATABASE_URL"] = postgres.url
            self._screen.step(
                f"PostgreSQL {postgres.version} is up (as {postgres.privileges.name})"
            )
        if addresses["REDIS_URL"]:
            self._screen.step("Redis: the one that REDIS_URL names")
        else:
            valkey = EmbeddedValkey(self._place)
            self.supervisor.start(valkey)
            addresses["REDIS_URL"] = valkey.url
            self._screen.step(f"Valkey {valkey.version} is up")
        return addresses

    def _prepare(self, services: Services) -> None:
        credentials = self._local / "credentials.json"
        prepare = services.prepare(credentials=credentials)
        self._screen.step("Bringing the database up to date and seeding the demo")
        prepare.start()
        try:
            wait_for(
                lambda: prepare.exit_code() == 0,
                process=prepare,
                seconds=_PREPARE_SECONDS,
                what="The preparation of the database",
            )
        finally:
            prepare.stop()
        self._credentials = json.loads(credentials.read_text())
        self._screen.step("The database is ready")

    def _start_platform(self, services: Services, *, web_port: int) -> None:
        """Start the web first: it is what somebody waits for, and two cores start few at once."""
        web = services.web(port=web_port)
        self.supervisor.start(web, services.dispatcher())
        self._await(f"{self.base_url}/readyz", web, "The web server")
        self.supervisor.start(services.worker(), services.beat())
        self._screen.step("Dispatcher, worker and beat are started")

    def _await(self, url: str, process: Process, what: str) -> None:
        wait_for(lambda: _answers(url), process=process, seconds=_READY_SECONDS, what=what)
        self._screen.step(f"{what} answers at {url}")
        if dead := self.supervisor.dead():
            raise NotReady(f"{dead[0].name} ended while starting (log: {dead[0].log})")


@contextmanager
def only_one(root: Path) -> Iterator[None]:
    """
    Hold this checkout for one run.

    :raises AlreadyRunning: another run holds it
    """
    (root / ".local").mkdir(mode=0o700, exist_ok=True)
    with (root / ".local" / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                "The platform is running from this checkout already; .local/demo.json says where. "
                "Stop it with Ctrl-C in its terminal."
            ) from None
        yield


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=_PROBE_SECONDS, trust_env=False).status_code == _OK
    except httpx.HTTPError:
        return False
