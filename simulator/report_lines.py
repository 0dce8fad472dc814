"""A line of a settlement report before a PSP gives it its own form."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from simulator.books import Charge, Paid, Refund

# Currencies without decimals that the simulator is used with.
_WHOLE = frozenset({"jpy", "krw", "vnd", "clp"})

# Money that a later round about the same dispute takes; such a round gives none back.
SECOND_DISPUTE = "second_dispute"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportLine:
    """
    What moved on the merchant's account, in minor units: gross less fee.

    `source` is the PSP's id of what moved, `payout` that of the payout it went into. `paid` is what
    exchanged money was before. The amount of a broken line cannot be read.
    """

    id: str
    psp: str
    kind: str
    source: str
    gross: int
    fee: int
    currency: str
    created: int
    charge: Charge | None = None
    refund: Refund | None = None
    paid: Paid | None = None
    payout: str = ""
    is_broken: bool = False

    @property
    def net(self) -> int:
        return self.gross - self.fee

    @property
    def moment(self) -> str:
        """When it happened, in UTC."""
        return datetime.fromtimestamp(self.created, UTC).strftime("%Y-%m-%d %H:%M:%S")

    @property
    def is_dispute(self) -> bool:
        return self.kind in {"adjustment", "dispute", SECOND_DISPUTE}


def day_of(created: int) -> str:
    """Return the day in UTC."""
    return datetime.fromtimestamp(created, UTC).date().isoformat()


def major(amount: int, currency: str) -> str:
    """Return minor units as a decimal of major units."""
    return str(amount) if currency in _WHOLE else str(Decimal(amount).scaleb(-2))
