"""Give a role of the database what the application needs."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from apps.ledger.rights import grant_application


class Command(BaseCommand):
    help = (
        "Let a role that does not own the tables run the platform. Run it as their owner, after "
        "the first migration."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role")

    def handle(self, *_args: Any, **options: Any) -> None:
        grant_application(options["role"])
        self.stdout.write(f"{options['role']} may run the platform.")
