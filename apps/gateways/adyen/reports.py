"""
Adyen's settlement detail reports: one per batch, announced by a notification.

Nothing lists them, so what was announced is kept as a fact like everything else that Adyen tells,
under a reference of the day it was announced on. Source: Adyen's page "Get reports automatically".
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date
from typing import Final

from apps.gateways.adyen.client import AdyenCalls
from apps.gateways.adyen.journal import Fact, Journal

REPORT_AVAILABLE: Final = "REPORT_AVAILABLE"
_SETTLEMENT: Final = re.compile(r"settlement_detail_report_batch_[0-9]{1,12}\.csv")

Write = Callable[[bytes], object]


def file_by_day(fact: Fact) -> Fact:
    """Return the fact with the reference by which a report is found; any other as it is."""
    if fact.code != REPORT_AVAILABLE:
        return fact
    return replace(fact, merchant_reference=_day_reference(fact.occurred_at.astimezone(UTC).date()))


def write_day(calls: AdyenCalls, journal: Journal, day: date, *, write: Write) -> bool:
    """
    Write the reports of the batches that were closed on a day, below one header.

    False when none was announced.

    :raises GatewayError: see `apps.gateways.errors`
    """
    told = journal.find({_day_reference(day)})
    names = sorted({fact.reference for fact in told if _SETTLEMENT.fullmatch(fact.reference)})
    for place, name in enumerate(names):
        calls.download_report(name, write=_WithoutHeader(write) if place else write)
    return bool(names)


def _day_reference(day: date) -> str:
    return f"report_{day}"


class _WithoutHeader:
    """Passes a file on from its second line."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._is_below = False

    def __call__(self, piece: bytes) -> None:
        if not self._is_below:
            _, end, piece = piece.partition(b"\n")
            self._is_below = bool(end)
        if piece:
            self._write(piece)
