"""Decisions of the back-office that need no database; time is passed in."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

# Long enough for a weekend, short enough that nobody decides about a situation long gone.
APPROVAL_LIFETIME: Final = timedelta(hours=72)


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalKind:
    """
    Something that needs a second person; config/approvals.py lists all of them.

    `approve` and `reject` are paths of `(approval: Approval, *, origin: Origin, now: datetime)`.
    They run in the transaction that stores the decision, so a decision and its effect are one;
    what needs the network is therefore queued, not called. `reject` also runs when nobody decided
    in time; without one nothing happens then. A refusal (DomainError) leaves the request waiting.
    `permission` is what the second person needs, as `<app>.<codename>`.
    """

    label: str
    permission: str
    approve: str
    reject: str = ""
