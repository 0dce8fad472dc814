"""Let a trained model shadow, act, or retire; to act first it has to stand a comparison."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.common.errors import DomainError
from apps.fraud.services.models import promote_model
from apps.fraud.states import ModelStatus


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("version")
        parser.add_argument("--to", choices=["shadow", "champion", "retired"], default="shadow")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            model = promote_model(
                version=options["version"], to=ModelStatus(options["to"]), now=timezone.now()
            )
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"{model.version} is {model.status}")
