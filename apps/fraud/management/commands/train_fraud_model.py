"""Train a model on the platform's own labelled history; needs requirements/ml.txt."""

import json
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.fraud.errors import TooFewFrauds
from apps.fraud.services.models import register_model


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="start", help="first day, YYYY-MM-DD")
        parser.add_argument("--to", dest="end", help="day after the last, YYYY-MM-DD")
        parser.add_argument("--delay-days", type=int, default=60)
        parser.add_argument("--min-frauds", type=int, default=200)
        parser.add_argument("--holdout-weeks", type=int, default=4)
        parser.add_argument("--dry-run", action="store_true", help="train, but keep nothing")

    def handle(self, *_args: Any, **options: Any) -> None:
        # Imported here: the library is not installed where payments are answered.
        from apps.fraud.own_history import TrainingPlan, train_on_history  # noqa: PLC0415

        now = timezone.now()
        end = _day(options["end"]) if options["end"] else now
        start = _day(options["start"]) if options["start"] else end - timedelta(days=365)
        plan = TrainingPlan(
            start=start,
            end=end,
            delay=timedelta(days=options["delay_days"]),
            holdout=timedelta(weeks=options["holdout_weeks"]),
            min_frauds=options["min_frauds"],
        )
        try:
            result = train_on_history(plan)
        except TooFewFrauds as refusal:
            raise CommandError(f"{refusal} The model in use stays.") from refusal
        self.stdout.write(json.dumps(result.metrics, indent=2))
        if options["dry_run"]:
            return
        model = register_model(
            artifact=result.artifact, metrics=result.metrics, card=result.card, now=now
        )
        self.stdout.write(f"candidate {model.version}; see manage.py promote_fraud_model")


def _day(text: str) -> datetime:
    try:
        return timezone.make_aware(datetime.fromisoformat(text))
    except ValueError as error:
        raise CommandError(f"{text} is no day like 2026-11-01.") from error
