"""Create the ledger's partitions ahead of need."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.ledger.partitions import MONTHS_AHEAD, add_partitions


class Command(BaseCommand):
    help = "Create the partitions of entries and postings for this month and the next ones."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--months-ahead",
            type=int,
            default=MONTHS_AHEAD,
            help="how many months after this one (default %(default)s)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        created = add_partitions(now=timezone.now(), months_ahead=options["months_ahead"])
        self.stdout.write(f"Created: {', '.join(created) or 'none, all there'}.")
