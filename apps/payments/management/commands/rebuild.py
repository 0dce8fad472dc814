"""`manage.py rebuild --verify`: prove that every intent is the fold of its events."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.payments.history import find_differences
from apps.payments.models import PaymentIntent

# More lines than this say nothing that the first ones do not.
MAX_LINES = 100


class Command(BaseCommand):
    help = "Fold the event history of all payment intents and compare it with their rows."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--verify", action="store_true", required=True, help="compare and change nothing"
        )

    def handle(self, *_args: Any, **_options: Any) -> None:
        count = 0
        for difference in find_differences():
            count += 1
            if count <= MAX_LINES:
                self.stdout.write(
                    f"{difference.intent_id} {difference.field}: the row says"
                    f" {difference.stored!r}, its events say {difference.folded!r}"
                )
        total = PaymentIntent.objects.count()
        if count:
            raise CommandError(f"{count} differences in {total} intents")
        self.stdout.write(f"{total} intents are the fold of their events")
