"""`manage.py rebuild --verify`: prove that rows are the fold of their events."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from apps.outbox.history import differences_of, event_sourced_models

# More lines than this say nothing that the first ones do not.
MAX_LINES = 100


class Command(BaseCommand):
    help = "Fold the event history of all objects that have one, and compare it with their rows."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--verify", action="store_true", required=True, help="compare and change nothing"
        )

    def handle(self, *_args: Any, **_options: Any) -> None:
        differences = 0
        for model in event_sourced_models():
            found = 0
            for difference in differences_of(model):
                found += 1
                if differences + found <= MAX_LINES:
                    self.stdout.write(
                        f"{difference.object_id} {difference.field}: the row says"
                        f" {difference.stored!r}, its events say {difference.folded!r}"
                    )
            differences += found
            rows, name = QuerySet(model).count(), model._meta.verbose_name_plural
            self.stdout.write(f"{rows} {name}: {found} differences")
        if differences:
            raise CommandError(f"{differences} differences in all")
