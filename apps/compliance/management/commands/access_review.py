"""`manage.py access_review`: who and what may come in, as a table for the quarterly review."""

from argparse import ArgumentParser
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.backoffice.sheets import Cell, Sheet, write_csv
from apps.compliance.access import Access, list_access


class Command(BaseCommand):
    help = (
        "Write every person of the back-office and every API key into a CSV file: roles or scopes, "
        "second factor, last use, end. Sign what you reviewed, and keep it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("file", type=Path)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Write the table."""
        sheet = Sheet(
            columns=[field.name for field in fields(Access)],
            rows=(
                [_cell(value) for value in astuple(access)]
                for access in list_access(now=timezone.now())
            ),
        )
        count = write_csv(sheet, options["file"])
        self.stdout.write(f"{count} people and keys are in {options['file'].name}.")


def _cell(value: Any) -> Cell:
    return ("yes" if value else "no") if isinstance(value, bool) else value
