"""`manage.py runsimulator`: play the PSPs at the address where the gateways of the settings are."""

import os
import sys
from argparse import REMAINDER
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

DEFAULT_PORT = 8100
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Command(BaseCommand):
    help = (
        "Play the PSPs on this machine until Ctrl-C: with the keys, webhook secrets and the port of"
        " the gateways in the settings. `make run` does so by itself."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, help="instead of the gateways' own")
        parser.add_argument(
            "more", nargs=REMAINDER, help="after --: what `python -m simulator` takes beside these"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        more = [word for word in options["more"] if word != "--"]
        self.stdout.flush()
        # In this process's place, so that signals and the exit code are the simulator's own. It is
        # a program of its own, which the platform runs and never imports.
        os.execv(  # noqa: S606 - no shell: the words are ours and the caller's
            sys.executable,
            [sys.executable, "-m", "simulator", *simulator_words(port=options["port"]), *more],
        )


def simulator_words(*, port: int | None = None) -> list[str]:
    """
    Return the command line of a simulator that stands for the configured gateways.

    :raises CommandError: a gateway is somewhere else than on this machine
    """
    words: list[str] = []
    ports: set[int] = set()
    for name, account in settings.GATEWAYS.items():
        kind, base = account["kind"], urlsplit(account["api_base"])
        if base.netloc and base.hostname not in LOOPBACK:
            raise CommandError(f"{name} is at {base.netloc}; only this machine can be played.")
        if base.port:
            ports.add(base.port)
        if account["api_key"]:
            words += [f"--{kind}-key", account["api_key"]]
        if account["webhook_secret"] and f"--{kind}-secret" not in words:
            address = f"{settings.PUBLIC_BASE_URL}/webhooks/{kind}/{name}"
            words += [f"--{kind}-webhook", address, f"--{kind}-secret", account["webhook_secret"]]
    wanted = port or min(ports, default=DEFAULT_PORT)
    others = ports - {wanted}
    if port is None and others:
        words += ["--psp-port", str(min(others))]
    return ["--port", str(wanted), *words]
