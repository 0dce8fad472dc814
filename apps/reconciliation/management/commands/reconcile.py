"""Reconcile a day by hand, with statements from files if there are some."""

import re
from argparse import ArgumentParser
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.common.errors import DomainError
from apps.common.origin import Origin, Scope
from apps.reconciliation.selectors import list_scopes
from apps.reconciliation.services import import_statement, reconcile_day
from apps.reconciliation.states import StatementFormat

_ORIGIN = Origin(actor="command:reconcile")


class Command(BaseCommand):
    help = (
        "Compare what the gateways reported for a day with the books and the bank; with --file, "
        "take the statement in first. As often as wanted: a second run changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--date", type=date.fromisoformat, help="default: yesterday")
        parser.add_argument("--gateway", help="one gateway account; default: all")
        parser.add_argument("--merchant", help="one merchant; default: all with statements")
        parser.add_argument("--live", action="store_true", help="live data of --merchant")
        parser.add_argument("--file", type=Path, help="a statement, of --merchant and --source")
        parser.add_argument("--source", help="the gateway or bank account of the statement")
        parser.add_argument("--format", choices=StatementFormat.values)

    def handle(self, *_args: Any, **options: Any) -> None:
        now = timezone.now()
        day = options["date"] or now.date() - timedelta(days=1)
        try:
            if options["file"]:
                self._import(options)
            for scope, gateway in self._wanted(options):
                run = reconcile_day(scope=scope, gateway=gateway, day=day, origin=_ORIGIN, now=now)
                self.stdout.write(
                    f"{scope.merchant_id} {gateway} {day}: {run.lines_matched} of {run.lines} lines"
                    f" matched, {run.facts_expected} expected, {run.exceptions_opened} exceptions"
                    f" opened, {run.exceptions_closed} closed, {run.exceptions_open} open"
                )
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal

    def _wanted(self, options: dict[str, Any]) -> list[tuple[Scope, str]]:
        found = list_scopes()
        if options["merchant"]:
            scope = Scope(options["merchant"], livemode=options["live"])
            found = [(scope, name) for name in settings.GATEWAYS]
        return [pair for pair in found if options["gateway"] in {None, pair[1]}]

    def _import(self, options: dict[str, Any]) -> None:
        missing = [name for name in ("merchant", "source", "format") if not options[name]]
        if missing:
            raise CommandError(f"--file needs --{missing[0]}")
        path: Path = options["file"]
        with path.open("rb") as stream:
            file = import_statement(
                scope=Scope(options["merchant"], livemode=options["live"]),
                source=options["source"],
                format=StatementFormat(options["format"]),
                stream=stream,
                name=re.sub(r"[^\w.-]", "_", path.name),
                origin=_ORIGIN,
                now=timezone.now(),
            )
        self.stdout.write(
            f"{file.id}: {file.lines_new} lines new, {file.lines_known} known,"
            f" {file.lines_duplicate} twice, {file.lines_refused} refused"
        )
        for refusal in file.refusals.order_by("number"):
            self.stderr.write(f"line {refusal.number}: {refusal.reason}: {refusal.text}")
