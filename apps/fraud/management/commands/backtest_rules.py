"""Try a rule on the decisions of the past, and say what it would have met."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.common.errors import DomainError
from apps.common.origin import Scope
from apps.fraud.backtest import backtest_expression
from apps.fraud.states import Action


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("expression")
        parser.add_argument("--merchant", required=True)
        parser.add_argument("--live", action="store_true")
        parser.add_argument("--action", choices=Action.values, default=Action.BLOCK)
        parser.add_argument("--days", type=int, default=90)

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            result = backtest_expression(
                scope=Scope(options["merchant"], livemode=options["live"]),
                action=options["action"],
                expression=options["expression"],
                days=options["days"],
                now=timezone.now(),
            )
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(json.dumps(result.render(), indent=2))
