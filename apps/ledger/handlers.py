"""What the books do when a person decides; wired in config/approvals.py."""

from datetime import datetime

from apps.backoffice.models import Approval
from apps.common.origin import Origin
from apps.ledger.services.manual import book_journal


def on_manual_journal_approved(approval: Approval, *, origin: Origin, now: datetime) -> None:
    """Book the journal; who asked and who agreed stands in it, so `origin` adds nothing."""
    del origin
    book_journal(approval, now=now)
