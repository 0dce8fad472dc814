"""`manage.py rebuild --verify`: prove that intents and payouts are the fold of their events."""

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.payments import history as payment_history
from apps.payments.models import PaymentIntent
from apps.payouts import history as payout_history
from apps.payouts.models import Payout

# More lines than this say nothing that the first ones do not.
MAX_LINES = 100


class Command(BaseCommand):
    help = "Fold the event history of payment intents and payouts, and compare it with their rows."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--verify", action="store_true", required=True, help="compare and change nothing"
        )

    def handle(self, *_args: Any, **_options: Any) -> None:
        count = 0
        for line in _differences():
            count += 1
            if count <= MAX_LINES:
                self.stdout.write(line)
        total = f"{PaymentIntent.objects.count()} intents and {Payout.objects.count()} payouts"
        if count:
            raise CommandError(f"{count} differences in {total}")
        self.stdout.write(f"{total} are the fold of their events")


def _differences() -> Iterator[str]:
    for intent in payment_history.find_differences():
        yield _line(intent.intent_id, intent.field, intent.stored, intent.folded)
    for payout in payout_history.find_differences():
        yield _line(payout.payout_id, payout.field, payout.stored, payout.folded)


def _line(object_id: str, field: str, stored: Any, folded: Any) -> str:
    return f"{object_id} {field}: the row says {stored!r}, its events say {folded!r}"
