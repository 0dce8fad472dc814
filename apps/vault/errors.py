"""What the vault refuses."""

from typing import ClassVar

from apps.common.errors import DomainError


class MethodDetached(DomainError):
    """A detached payment method is never charged again."""

    code: ClassVar[str] = "payment_method_detached"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{payment_method} was detached and cannot be used any more."


class MethodOfOtherCustomer(DomainError):
    code: ClassVar[str] = "payment_method_customer_mismatch"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{payment_method} does not belong to customer {customer}."


class MethodAlreadyAttached(DomainError):
    code: ClassVar[str] = "payment_method_already_attached"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{payment_method} belongs to a customer already."


class TokenRefused(DomainError):
    """The gateway does not know the token, or declined to keep it."""

    code: ClassVar[str] = "token_invalid"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "The gateway refused the token: {reason}"


class TokenDeclined(DomainError):
    """The bank refused the card when it was to be stored."""

    code: ClassVar[str] = "card_declined"
    type: ClassVar[str] = "card_error"
    status: ClassVar[int] = 402


class GatewaysAway(DomainError):
    """No gateway could be asked; nothing was stored or changed."""

    code: ClassVar[str] = "gateway_unavailable"
    type: ClassVar[str] = "api_error"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "The gateway could not be reached; nothing has changed."
