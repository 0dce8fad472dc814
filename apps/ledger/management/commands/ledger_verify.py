"""Prove that the books are true."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.ledger.verification import WINDOW_ENTRIES, verify_books


class Command(BaseCommand):
    help = (
        "Check every entry, digest, seal and cached balance of the ledger; name the first bad row "
        "of each check and exit with 1 if there is any."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--window",
            type=int,
            default=WINDOW_ENTRIES,
            help="entries checked in one query (default %(default)s)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        findings = 0
        for finding in verify_books(window=options["window"]):
            findings += 1
            self.stderr.write(f"{finding.check}: {finding.row}: {finding.detail}")
        if findings:
            raise CommandError(f"The books are not true: {findings} checks failed.")
        self.stdout.write("The books are true.")
