"""What is refused about people's data."""

from typing import ClassVar

from apps.common.errors import DomainError


class CustomerStillNeeded(DomainError):
    """Something about the customer is under way, and nobody could finish it without them."""

    code: ClassVar[str] = "customer_still_needed"
    template: ClassVar[str] = "{customer} cannot be erased yet: {what}."
