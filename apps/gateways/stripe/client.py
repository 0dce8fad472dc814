"""
The door to Stripe's SDK: sends one request, sorts what comes back.

Calls go through the SDK's `raw_request`, which encodes, signs and sorts errors like its typed
methods but leaves the answer a dict; building the SDK's objects, only to take them apart again,
costs four times the rest of the call. The SDK's typed parameters keep the calls checked by mypy.
"""

import logging
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from io import BytesIO
from typing import Any, cast
from urllib.parse import quote, urlsplit

import stripe

from apps.gateways.base import GatewayAccount
from apps.gateways.errors import (
    GatewayError,
    GatewayNotSent,
    GatewayRejected,
    GatewayUnknown,
)
from apps.gateways.transport import HttpTransport

# The shape of Stripe's objects that `translate` reads.
STRIPE_VERSION = "2026-10-28.endive"
UPLOADS_PATH = "/v1/files"

# Before any request: telemetry writes a file with a lasting id into the home directory and tells
# Stripe our latencies.
stripe.enable_telemetry = False

# The SDK's debug lines quote whole requests and answers, with tokens and names.
logging.getLogger("stripe").setLevel(logging.WARNING)

# Stripe's messages quote what they are about; tokens and keys do not belong into logs.
_SECRET_TEXT = re.compile(r"\b(tok|pm|card|src|ba|seti|sk|rk|pk|whsec)_[A-Za-z0-9_*]+")

_RATE_LIMITED = 429
_CONFLICT = 409
_MAX_REFERENCE_CHARS = 255


class CardRefused(Exception):
    """The answer 402: no fault, but the bank's no. `error` is Stripe's error object."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        self.error = error
        super().__init__()


class StripeCalls:
    """One account at Stripe. Every POST has a key, so that repeating it changes nothing."""

    def __init__(self, account: GatewayAccount) -> None:
        api_base = account.api_base or stripe.DEFAULT_API_BASE
        files_base = account.api_base or stripe.DEFAULT_UPLOAD_API_BASE
        self._api_key = account.api_key
        self._transport = HttpTransport(api_base, timeouts=account.timeouts)
        # Stripe takes files at a host of its own.
        self._uploads = HttpTransport(files_base, timeouts=account.timeouts)
        self._client = stripe.StripeClient(
            account.api_key,
            stripe_version=STRIPE_VERSION,
            base_addresses={"api": api_base, "files": files_base},
            http_client=_SdkTransport(self._transport, uploads=self._uploads),
            # The router decides on repeating, within its own time; the SDK must not do so too.
            max_network_retries=0,
        )

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """
        Read.

        :raises GatewayError: see `apps.gateways.errors`
        """
        return self._call("get", path, params or {})

    def post(self, path: str, params: Mapping[str, Any], *, key: str) -> Mapping[str, Any]:
        """
        Change something, once per key.

        Without a key the SDK would invent one, and a repeated call would pay twice.

        :raises GatewayError: see `apps.gateways.errors`
        :raises CardRefused: the bank said no
        """
        if not key:
            raise GatewayRejected("refused here: a call that changes something needs a key")
        return self._call("post", path, params, idempotency_key=key)

    def upload(self, content: bytes, *, purpose: str, key: str) -> Mapping[str, Any]:
        """
        Keep a file at Stripe, once per key.

        :raises GatewayError: see `apps.gateways.errors`
        """
        params = {"file": BytesIO(content), "purpose": purpose}
        options = {"base": "files", "content_type": "multipart/form-data", "idempotency_key": key}
        return self._call("post", UPLOADS_PATH, params, **options)

    def download(self, file_id: str, *, write: Callable[[bytes], object]) -> None:
        """
        Write a file that Stripe made, piece by piece.

        :raises GatewayError: see `apps.gateways.errors`
        """
        status = self._uploads.download(
            f"{UPLOADS_PATH}/{quote(file_id, safe='')}/contents",
            headers={"Authorization": f"Bearer {self._api_key}"},
            write=write,
        )
        if status != HTTPStatus.OK:
            raise GatewayUnknown(f"stripe answered {status} to a file")

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._transport.close()
        self._uploads.close()

    def _call(
        self, method: str, path: str, params: Mapping[str, Any], **options: str
    ) -> Mapping[str, Any]:
        try:
            answer = self._client.raw_request(method, path, **params, **options).data
        except stripe.CardError as refusal:
            raise CardRefused(_error_object(refusal)) from refusal
        except stripe.StripeError as error:
            raise sort_error(error) from error
        except (AttributeError, TypeError, ValueError) as error:
            # The SDK trips over error bodies that are JSON, but of no shape it knows.
            raise GatewayUnknown("the answer is unreadable") from error
        if not isinstance(answer, Mapping):
            raise GatewayUnknown("the answer is no object")
        return cast("Mapping[str, Any]", answer)


def sort_error(error: stripe.StripeError) -> GatewayError:
    """
    Return what an error of the SDK means for the money.

    A key that is in use, or was used for another request, leaves open what that one did. So does
    an error that is not in Stripe's form: something between us and Stripe wrote it.
    """
    status = error.http_status or 0
    details = _error_object(error)
    text = _describe(status, details, request_id=error.request_id or "")
    if status == _RATE_LIMITED:
        return GatewayNotSent(text)
    is_about_key = status == _CONFLICT or isinstance(error, stripe.IdempotencyError)
    if 400 <= status < 500 and details and not is_about_key:  # noqa: PLR2004
        return GatewayRejected(text, code=str(details.get("code") or details.get("type") or ""))
    return GatewayUnknown(text)


def _error_object(error: stripe.StripeError) -> Mapping[str, Any]:
    body = error.json_body
    details = body.get("error") if isinstance(body, Mapping) else None
    return details if isinstance(details, Mapping) else {}


def _describe(status: int, details: Mapping[str, Any], *, request_id: str) -> str:
    code = details.get("code") or details.get("type") or "no error object"
    message = _SECRET_TEXT.sub(r"\1_...", str(details.get("message") or ""))
    return f"stripe answered {status} {code} ({request_id or 'no request id'}): {message}"


class _SdkTransport(stripe.HTTPClient):
    """Lets the SDK send through our transport, whose errors pass the SDK untouched."""

    name = "payments"

    def __init__(self, transport: HttpTransport, *, uploads: HttpTransport) -> None:
        super().__init__()
        self._transport = transport
        self._uploads = uploads

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        parts = urlsplit(url)
        transport = self._uploads if parts.path == UPLOADS_PATH else self._transport
        # A form is text, a file is bytes.
        is_text = isinstance(post_data, str)
        answer = transport.send(
            method.upper(),
            f"{parts.path}?{parts.query}" if parts.query else parts.path,
            headers=headers or {},
            body=post_data.encode("ascii") if is_text else post_data,
        )
        # The SDK types the body as text but decodes bytes itself, and reports what is no UTF-8.
        headers_found = cast("Mapping[str, str]", answer.headers)
        return cast("str", answer.body), answer.status, headers_found

    def close(self) -> None:
        self._transport.close()
        self._uploads.close()
