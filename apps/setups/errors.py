"""What setting a payment method up refuses."""

from typing import Any, ClassVar

from apps.common.errors import DomainError


class SetupNotConfirmable(DomainError):
    code: ClassVar[str] = "setup_intent_unexpected_state"
    template: ClassVar[str] = "{setup} is {status}: it cannot be confirmed."


class SetupNotUpdatable(DomainError):
    code: ClassVar[str] = "setup_intent_unexpected_state"
    template: ClassVar[str] = "{setup} is {status}: {fields} cannot be changed any more."


class SetupNotCancelable(DomainError):
    code: ClassVar[str] = "setup_intent_unexpected_state"
    template: ClassVar[str] = "{setup} is {status}: it cannot be canceled."


class SetupMethodRequired(DomainError):
    code: ClassVar[str] = "payment_method_required"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{setup} has no payment method; give one to confirm it."


class SetupDeclined(DomainError):
    """The bank or risk does not let the card be saved; the error carries the setup intent."""

    code: ClassVar[str] = "card_declined"
    type: ClassVar[str] = "card_error"
    status: ClassVar[int] = 402

    def __init__(self, error: dict[str, Any], *, setup: dict[str, Any]) -> None:
        super().__init__(
            error["message"],
            decline_code=error["decline_code"],
            setup_intent=setup,
            retryable=False,
        )
        self.code = error["code"]  # type: ignore[misc]
