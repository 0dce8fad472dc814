"""The processes of the demo: what each one runs."""

import sys
from collections.abc import Mapping
from pathlib import Path

from demo.ports import LOOPBACK
from embedded.processes import Process
from embedded.servers import Place

# Threads wait for gateways, processes use the cores: see docs/adr/0008-granian-with-threads.md.
WEB_PROCESSES = 2
WEB_THREADS = 64
_WORKER_PROCESSES = 2


class Services:
    """Makes the processes; starting them is the supervisor's work."""

    def __init__(self, *, root: Path, place: Place, environment: Mapping[str, str]) -> None:
        self._root = root
        self._place = place
        self._environment = environment

    def prepare(self, *, credentials: Path) -> Process:
        return self._process("prepare", "-m", "demo.prepare", str(credentials))

    def simulator(self, *, port: int, psp_port: int, webhooks_url: str) -> Process:
        """Return the PSPs of the development world; flags, so that a restart knows them again."""
        return self._process(
            "simulator",
            *("-m", "simulator", "--port", str(port), "--psp-port", str(psp_port)),
            *("--memory", str(self._place.data / "simulator.memory")),
            # Two days, as at a real one, and nobody would see a payout arrive.
            *("--available-after", "5"),
            *("--stripe-webhook", f"{webhooks_url}/stripe/stripe_main"),
            *("--stripe-secret", self._environment["GATEWAYS_STRIPE_MAIN_WEBHOOK_SECRET"]),
            *("--adyen-webhook", f"{webhooks_url}/adyen/adyen_main"),
            *("--adyen-secret", self._environment["GATEWAYS_ADYEN_MAIN_WEBHOOK_SECRET"]),
            *("--tokens-webhook", f"{webhooks_url}/tokens/token_service"),
            *("--tokens-secret", self._environment["TOKEN_SERVICE_WEBHOOK_SECRET"]),
        )

    def web(self, *, port: int) -> Process:
        return self._process(
            "web",
            *("-m", "granian", "--interface", "wsgi", "--no-ws"),
            *("--host", LOOPBACK, "--port", str(port)),
            *("--workers", str(WEB_PROCESSES), "--blocking-threads", str(WEB_THREADS)),
            *("--respawn-failed-workers", "--workers-kill-timeout", "5"),
            "config.wsgi:application",
        )

    def dispatcher(self) -> Process:
        """Return the process that moves events and webhooks in both directions."""
        return self._process("dispatcher", "manage.py", "run_dispatcher")

    def worker(self) -> Process:
        return self._process(
            "worker",
            *("-m", "celery", "-A", "config.celery", "worker", "--loglevel", "INFO"),
            *("--concurrency", str(_WORKER_PROCESSES)),
            # One worker has nobody to gossip with, and asking costs seconds at the start.
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        )

    def beat(self) -> Process:
        schedule = self._place.data / "beat-schedule"
        return self._process(
            "beat",
            *("-m", "celery", "-A", "config.celery", "beat", "--loglevel", "INFO"),
            *("--schedule", str(schedule), "--pidfile", ""),
        )

    def _process(self, name: str, *arguments: str) -> Process:
        return Process(
            name=name,
            command=[sys.executable, *arguments],
            log=self._place.logs / f"{name}.log",
            pid_file=self._place.pids / name,
            environment=self._environment,
            cwd=self._root,
        )
