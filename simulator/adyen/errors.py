"""Adyen's errors: status, code and the form they are answered in."""

from http import HTTPStatus
from typing import Any

_TYPES = {
    HTTPStatus.UNAUTHORIZED: "security",
    HTTPStatus.UNPROCESSABLE_ENTITY: "validation",
    HTTPStatus.BAD_REQUEST: "validation",
}


class AdyenError(Exception):
    """An error as Adyen answers it. `is_transient` asks for the same request again."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
        is_transient: bool = False,
    ) -> None:
        self.status = status
        self.code = code
        self.is_transient = is_transient
        self.message = message
        super().__init__(message)

    def body(self, psp_reference: str) -> dict[str, Any]:
        """Return the body of the answer."""
        return {
            "status": int(self.status),
            "errorCode": self.code,
            "message": self.message,
            "errorType": _TYPES.get(self.status, "internal"),
            "pspReference": psp_reference,
        }


def unauthorized() -> AdyenError:
    return AdyenError(
        "HTTP Status Response - Unauthorized", code="000", status=HTTPStatus.UNAUTHORIZED
    )


def not_found(path: str) -> AdyenError:
    return AdyenError(f"Nothing at {path}", code="002", status=HTTPStatus.NOT_FOUND)


def missing(field: str) -> AdyenError:
    return AdyenError(f"Required field '{field}' is not provided.", code="130")


def server_broken() -> AdyenError:
    return AdyenError(
        "An internal error has occurred", code="905", status=HTTPStatus.INTERNAL_SERVER_ERROR
    )


def too_many_requests() -> AdyenError:
    return AdyenError(
        "Too many requests", code="905_6", status=HTTPStatus.TOO_MANY_REQUESTS, is_transient=True
    )


def key_in_use() -> AdyenError:
    """The key was used for another request, or its request is still being worked on."""
    return AdyenError("request already processed or in progress", code="704", is_transient=True)
