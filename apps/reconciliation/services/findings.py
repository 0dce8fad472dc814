"""What a run or a look at the bank has found, before it becomes an exception."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of the temporary table `found`; `standing_id` is the exception that it had before."""

    kind: str
    subject: str
    subject_id: str
    entry_id: str
    reference: str
    day: date
    currency: str
    ledger_amount: int | None
    statement_amount: int | None
    standing_id: str | None
