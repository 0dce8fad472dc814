"""`manage.py repeat_webhooks`: hear again what the gateways told, after a backup was restored."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.webhooks.inbound import repeat_processed


class Command(BaseCommand):
    help = (
        "Process the gateways' webhooks since a moment once more. What is known changes nothing; "
        "what a restored backup does not know is read from the gateways."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--since", type=datetime.fromisoformat, required=True, help="such as 2026-11-21T08:00Z"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Repeat them, and name those that failed."""
        since: datetime = options["since"]
        if timezone.is_naive(since):
            raise CommandError("--since needs a time zone: 2026-11-21T08:00Z")
        troubles = list(repeat_processed(since=since, now=timezone.now()))
        for trouble in troubles:
            self.stderr.write(trouble)
        if troubles:
            raise CommandError(f"{len(troubles)} webhooks failed again.")
        self.stdout.write("All webhooks since then are heard again.")
