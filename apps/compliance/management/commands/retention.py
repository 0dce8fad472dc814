"""Delete by hand what is older than its rule says, or only count it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.compliance.models import RetentionRun
from apps.compliance.services import count_due, keep_retention


class Command(BaseCommand):
    help = (
        "Delete what is older than its retention rule says (apps/compliance/policies.py); the "
        "schedule does the same once a day. With --dry-run only count."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="delete nothing")

    def handle(self, *_args: Any, **options: Any) -> None:
        now = timezone.now()
        if options["dry_run"]:
            for rule, count in count_due(now=now).items():
                self.stdout.write(f"{rule}: {count} rows would go")
            return
        while keep_retention(now=now):
            pass
        for run in RetentionRun.objects.filter(day=now.date()).order_by("pk"):
            self.stdout.write(f"{run.rule}: {run.deleted} rows went today")
