"""`manage.py dr_drill`: rehearse the loss of the database, and print what it would cost."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from apps.compliance.drill import DrillFailed, rehearse
from apps.compliance.models import RestoreDrill


class Command(BaseCommand):
    help = (
        "Back the database up, restore it into a second one, verify ledger, events and audit trail "
        "there, hear the webhooks again, compare, and print RTO and RPO. The result is kept. See "
        "docs/recovery.md."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--database", help="the copy's name; default: the source's + _drill")
        parser.add_argument("--keep", action="store_true", help="do not drop the copy")
        parser.add_argument(
            "--hours", type=int, default=24, help="webhooks of so many hours are heard again"
        )
        parser.add_argument(
            "--recover",
            action="store_true",
            help="let the copy ask the gateways about open payments: not beside a live production",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Rehearse, and keep what came of it."""
        started_at = timezone.now()
        try:
            drill = rehearse(
                copy=options["database"] or f"{connection.settings_dict['NAME']}_drill",
                repeat_since=started_at - timedelta(hours=options["hours"]),
                recover=options["recover"],
                keep=options["keep"],
                tell=self._tell,
            )
        except (DrillFailed, psycopg.Error) as error:
            raise CommandError(str(error)) from error
        RestoreDrill.objects.create(
            started_at=started_at,
            backup_bytes=drill.backup_bytes,
            rto_ms=round(drill.rto_seconds * 1000),
            rpo_ms=round(drill.rpo_seconds * 1000),
            passed=not drill.faults,
            report="\n".join(drill.lines),
        )
        if drill.faults:
            raise CommandError("; ".join(drill.faults))
        self.stdout.write("The backup is worth its name.")

    def _tell(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
