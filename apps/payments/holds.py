"""What is held of a charge by others than refunds: the question is ours, the answer is not."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import cast

from django.conf import settings
from django.db.models import Exists
from django.utils.module_loading import import_string


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """
    What disputes hold, or took, of a captured charge: minor units of its currency.

    With `blocks_refunds` nothing is refunded for now, as the payer's bank has the money (AC-86).
    """

    amount: int = 0
    blocks_refunds: bool = False


def find_held(attempt_id: str) -> Held:
    """Ask who settings name; the caller holds the intent's lock, and so do those who answer."""
    return _source(settings.PAYMENT_HOLDS)(attempt_id)


def is_disputed() -> Exists:
    """Return the condition on a charge that somebody disputed it, for `annotate`."""
    condition: Callable[[], Exists] = import_string(settings.CHARGE_IS_DISPUTED)
    return condition()


@cache
def _source(path: str) -> Callable[[str], Held]:
    return cast("Callable[[str], Held]", import_string(path))
