"""Every answer that is not a success: the error object, and which status and headers it has."""

import logging
from http import HTTPStatus
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from apps.common.errors import DomainError, InvalidParameter
from apps.common.ids import new_id

logger = logging.getLogger(__name__)

# Facts of a refusal that the error object shows by name; others stay in the message.
_SHOWN_FACTS = (
    "decline_code",
    "advice_code",
    "network_decline_code",
    "payment_intent",
    "payment_order",
    "setup_intent",
    "charge",
)
# What is worth sending again unchanged; the caller's own key makes that safe.
_RETRYABLE_STATUSES = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
RETRY_AFTER_SECONDS = "1"


class InvalidJson(InvalidParameter):
    code: ClassVar[str] = "invalid_json"


class DuplicateKey(InvalidParameter):
    code: ClassVar[str] = "duplicate_key"
    template: ClassVar[str] = "The parameter {param_name} was sent twice."


class ParameterUnknown(InvalidParameter):
    code: ClassVar[str] = "parameter_unknown"
    template: ClassVar[str] = "Received unknown parameter: {param_name}."


class ParameterMissing(InvalidParameter):
    code: ClassVar[str] = "parameter_missing"
    template: ClassVar[str] = "Missing required parameter: {param_name}."


class StringInvalid(InvalidParameter):
    code: ClassVar[str] = "string_invalid"


class AuthenticationFailed(DomainError):
    code: ClassVar[str] = "api_key_invalid"
    type: ClassVar[str] = "authentication_error"
    status: ClassVar[int] = 401
    template: ClassVar[str] = "Invalid API key."


class ApiKeyMissing(AuthenticationFailed):
    code: ClassVar[str] = "api_key_missing"
    template: ClassVar[str] = (
        "No API key: send it as a Bearer token or as the user name of HTTP Basic."
    )


class ApiKeyInUrl(AuthenticationFailed):
    code: ClassVar[str] = "api_key_in_url"
    template: ClassVar[str] = (
        "An API key was sent in the URL, where it ends up in logs. Roll that key, and send keys in"
        " the Authorization header."
    )


class PermissionRefused(DomainError):
    code: ClassVar[str] = "permission_denied"
    type: ClassVar[str] = "permission_error"
    status: ClassVar[int] = 403


class TlsRequired(DomainError):
    code: ClassVar[str] = "tls_required"
    type: ClassVar[str] = "authentication_error"
    status: ClassVar[int] = 403
    template: ClassVar[str] = (
        "Use https. If this request carried an API key, roll it: it was sent in clear."
    )


class NotFound(DomainError):
    code: ClassVar[str] = "resource_missing"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "There is no such object in this account and mode."


class UrlUnknown(DomainError):
    code: ClassVar[str] = "url_unknown"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "Unrecognized request URL ({method} {path})."


class MethodNotAllowed(DomainError):
    code: ClassVar[str] = "method_not_allowed"
    status: ClassVar[int] = 405
    template: ClassVar[str] = "{method} is not possible here; try {allowed}."


class NotAcceptable(DomainError):
    code: ClassVar[str] = "not_acceptable"
    status: ClassVar[int] = 406
    template: ClassVar[str] = "Answers are application/json."


class BodyTooLarge(DomainError):
    code: ClassVar[str] = "body_too_large"
    status: ClassVar[int] = 413
    template: ClassVar[str] = "The body is over {limit} bytes."


class MediaTypeUnsupported(DomainError):
    code: ClassVar[str] = "media_type_unsupported"
    status: ClassVar[int] = 415
    template: ClassVar[str] = (
        "Send application/json, application/x-www-form-urlencoded or multipart/form-data, in UTF-8"
        " and without Content-Encoding."
    )


class RateLimited(DomainError):
    code: ClassVar[str] = "rate_limit"
    type: ClassVar[str] = "rate_limit_error"
    status: ClassVar[int] = 429
    template: ClassVar[str] = (
        "Too many requests: the limit is {limit} per second for one {subject}."
    )


class ServiceUnavailable(DomainError):
    """The database did not say whether the work was kept; the key makes asking again safe."""

    code: ClassVar[str] = "service_unavailable"
    type: ClassVar[str] = "api_error"
    status: ClassVar[int] = 503
    template: ClassVar[str] = "Temporarily unavailable. Retry with the same Idempotency-Key."


class InternalError(DomainError):
    code: ClassVar[str] = "internal_error"
    type: ClassVar[str] = "api_error"
    status: ClassVar[int] = 500
    template: ClassVar[str] = "Something went wrong on our side. Retry with the same key."


def error_body(error: DomainError, *, request_id: str) -> dict[str, Any]:
    """Return the error object of the public contract."""
    body: dict[str, Any] = {
        "type": error.type,
        "code": error.code,
        "message": error.message,
        "doc_url": f"{settings.PUBLIC_BASE_URL}/docs/errors#{error.code}",
        "request_id": request_id,
        "retryable": is_retryable(error),
    }
    if error.param:
        body["param"] = error.param
    for name in _SHOWN_FACTS:
        if error.context.get(name) is not None:
            body[name] = error.context[name]
    return {"error": body}


def is_retryable(error: DomainError) -> bool:
    """
    Return whether another try may succeed; a refusal can say so itself.

    After a decline that is a new request, such as another confirm: the answer to this one is kept.
    """
    stated = error.context.get("retryable")
    return bool(stated) if stated is not None else error.status in _RETRYABLE_STATUSES


def error_headers(error: DomainError) -> dict[str, str]:
    """Return the headers which tell a client, and Stripe's SDKs, whether to try again."""
    headers = {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="api"'
    if error.status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = str(error.context.get("allowed", ""))
    if error.status == HTTPStatus.CONFLICT:
        headers["Stripe-Should-Retry"] = "true" if is_retryable(error) else "false"
    if is_retryable(error) and error.status != HTTPStatus.PAYMENT_REQUIRED:
        headers["Retry-After"] = str(error.context.get("retry_after", RETRY_AFTER_SECONDS))
        headers["Stripe-Should-Retry"] = "true"
    return headers


def as_refusal(error: Exception, *, request_id: str = "") -> DomainError:
    """
    Return the refusal that answers any exception of a request.

    What is unforeseen is logged with its traceback and answered without any detail.
    """
    if isinstance(error, DomainError):
        return error
    if isinstance(error, OperationalError | InterfaceError):
        logger.error("database did not answer, request %s", request_id, exc_info=error)
        return ServiceUnavailable()
    refusal = _framework_refusal(error)
    if refusal is None:
        logger.error("unhandled error, request %s", request_id, exc_info=error)
        return InternalError()
    return refusal


def _framework_refusal(error: Exception) -> DomainError | None:
    if isinstance(error, Http404 | exceptions.NotFound):
        return NotFound()
    if isinstance(error, PermissionDenied | exceptions.PermissionDenied):
        return PermissionRefused()
    if isinstance(error, exceptions.AuthenticationFailed | exceptions.NotAuthenticated):
        return AuthenticationFailed()
    if isinstance(error, SuspiciousOperation | exceptions.ValidationError | exceptions.ParseError):
        return InvalidParameter("The request is malformed.")
    return None


def error_response(error: Exception, request: HttpRequest) -> HttpResponse:
    """Answer a request that never reached a view of the API."""
    request_id = new_id("req")
    if isinstance(error, Http404):
        refusal: DomainError = UrlUnknown(method=request.method, path=request.path[:200])
    else:
        refusal = as_refusal(error, request_id=request_id)
    response = JsonResponse(error_body(refusal, request_id=request_id), status=refusal.status)
    headers = {"Request-Id": request_id, "Cache-Control": "no-store", **error_headers(refusal)}
    for name, value in headers.items():
        response[name] = value
    return response


def handle_exception(error: Exception, context: dict[str, Any]) -> Response:
    """Answer an exception of a view of plain Django REST framework with the error object."""
    refusal = as_refusal(error)
    request_id = getattr(context.get("request"), "request_id", "")
    return Response(
        error_body(refusal, request_id=request_id),
        status=refusal.status,
        headers=error_headers(refusal),
    )
