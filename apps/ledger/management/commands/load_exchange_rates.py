"""Load exchange rates from a file, as publishers offer them every day."""

import csv
from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.common.money import exponent
from apps.ledger.policies import Rate
from apps.ledger.services.rates import keep_rates

_COLUMNS = {"base", "quote", "rate", "as_of"}


class Command(BaseCommand):
    help = "Load a CSV file with the columns base, quote, rate and as_of, all of it or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", required=True, help="who publishes the rates, such as ecb")

    def handle(self, *_args: Any, **options: Any) -> None:
        with options["file"].open(newline="", encoding="utf-8") as file:
            lines = csv.DictReader(file)
            if not set(lines.fieldnames or ()) >= _COLUMNS:
                raise CommandError(f"The columns are {', '.join(sorted(_COLUMNS))}.")
            rates = [_read(line, number, options["source"]) for number, line in enumerate(lines, 2)]
        keep_rates(rates)
        self.stdout.write(f"{len(rates)} rates of {options['source']}.")


def _read(line: Mapping[str, str], number: int, source: str) -> Rate:
    try:
        base, quote = line["base"].upper(), line["quote"].upper()
        exponent(base)
        exponent(quote)
        value = Decimal(line["rate"])
        as_of = datetime.fromisoformat(line["as_of"])
    except (ValueError, InvalidOperation, KeyError) as error:
        raise CommandError(f"Line {number}: {error!r}") from error
    if not value.is_finite() or value <= 0 or base == quote:
        raise CommandError(f"Line {number}: no rate of {base} in {quote}: {value}")
    return Rate(base=base, quote=quote, value=value, source=source, as_of=_in_utc(as_of))


def _in_utc(moment: datetime) -> datetime:
    """A moment without a zone is UTC's."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
