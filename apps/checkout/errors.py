"""What checkout refuses."""

from typing import ClassVar

from apps.common.errors import DomainError


class SessionNotOpen(DomainError):
    """The session was paid, or is over."""

    code: ClassVar[str] = "checkout_session_not_open"
    template: ClassVar[str] = "{session} is {status}: {step} is not possible any more."


class SessionBeingPaid(DomainError):
    """A payment of the session is on its way; nobody knows yet how it ends."""

    code: ClassVar[str] = "checkout_session_being_paid"
    template: ClassVar[str] = "{session} is being paid right now; try again in a moment."


class LineItemsInvalid(DomainError):
    """What is sold does not make one amount in one currency."""

    code: ClassVar[str] = "line_items_invalid"
    status: ClassVar[int] = 400
