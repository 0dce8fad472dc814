"""Stripe's errors: status, type, code and the form they are answered in."""

from http import HTTPStatus
from typing import Any


class StripeError(Exception):
    """
    An error as Stripe answers it.

    `is_kept` tells whether it is the lasting answer for its idempotency key: what was refused
    before the work began is not, so the corrected request may use the key again.
    """

    status = HTTPStatus.BAD_REQUEST
    type = "invalid_request_error"
    is_kept = True

    def __init__(self, message: str, **details: Any) -> None:
        self.details = {"type": self.type, "message": message, **details}
        super().__init__(message)

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the body of the answer."""
        code = self.details.get("code")
        link = {"doc_url": f"https://stripe.com/docs/error-codes/{_as_slug(code)}"} if code else {}
        return {"error": {**self.details, **link, "request_id": request_id}}


class InvalidRequest(StripeError):
    """The work began, but what was asked for cannot be done."""


class InvalidParameter(StripeError):
    """The request is refused before any work."""

    is_kept = False


class ResourceMissing(StripeError):
    status = HTTPStatus.NOT_FOUND

    def __init__(self, kind: str, reference: str, *, param: str = "id") -> None:
        super().__init__(f"No such {kind}: '{reference}'", code="resource_missing", param=param)


class UnknownPath(StripeError):
    status = HTTPStatus.NOT_FOUND
    is_kept = False


class CardDeclined(StripeError):
    status = HTTPStatus.PAYMENT_REQUIRED
    type = "card_error"


class Unauthorized(StripeError):
    status = HTTPStatus.UNAUTHORIZED
    is_kept = False


class KeyReused(StripeError):
    type = "idempotency_error"
    is_kept = False


class KeyInUse(StripeError):
    status = HTTPStatus.CONFLICT
    is_kept = False


class TooManyRequests(StripeError):
    status = HTTPStatus.TOO_MANY_REQUESTS
    is_kept = False


class ServerBroken(StripeError):
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    type = "api_error"


def unexpected_state(kind: str, message: str, shown: dict[str, Any]) -> InvalidRequest:
    """Return the refusal of an action that the object's status does not allow."""
    return InvalidRequest(message, code=f"{kind}_unexpected_state", **{kind: shown})


def _as_slug(code: str) -> str:
    return code.replace("_", "-")
