"""
One execution per Idempotency-Key: the claim on it, its answer, and what stands in the way.

A claim is taken in a statement of its own before the work (`take`), or by the statement that does
the work: the service hands `row()` to its SQL function, which calls `api_claim`, and gives what
that returned to `settle()`. The answer is stored in the transaction of the result, so that there
is never a result without its answer (ruling C10). See migration 0002 for the SQL.
"""

import hashlib
import json
import re
import uuid
from typing import Any, ClassVar, Final

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from apps.api.metrics import count_key
from apps.api.parsers import NotInteger, Params
from apps.common.errors import DomainError, InvalidParameter
from apps.common.json_text import from_text, to_text
from apps.common.origin import Scope

KEY_MAX_LENGTH: Final = 255
_PATH_MAX_LENGTH: Final = 255
# Visible ASCII and blanks. A comma is how two headers arrive when a proxy folds them into one.
_KEY: Final = re.compile(r"[\x20-\x2b\x2d-\x7e]+\Z")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\["\\])*)"\Z')


class IdempotencyKeyRequired(InvalidParameter):
    code: ClassVar[str] = "idempotency_key_required"
    template: ClassVar[str] = "Send an Idempotency-Key header with every POST."


class IdempotencyKeyInvalid(InvalidParameter):
    code: ClassVar[str] = "idempotency_key_invalid"
    template: ClassVar[str] = "An Idempotency-Key is one header of 1 to 255 visible characters."


class IdempotencyKeyReused(DomainError):
    code: ClassVar[str] = "idempotency_key_reused"
    type: ClassVar[str] = "idempotency_error"
    status: ClassVar[int] = 400
    template: ClassVar[str] = (
        "This Idempotency-Key was used for another request ({method} {path}), or with other"
        " parameters. Use a new key for a new request."
    )


class IdempotencyKeyInUse(DomainError):
    code: ClassVar[str] = "idempotency_key_in_use"
    type: ClassVar[str] = "idempotency_error"
    template: ClassVar[str] = "A request with this Idempotency-Key is still being executed."

    def __init__(self) -> None:
        super().__init__(retryable=True)


class AnsweredBefore(Exception):
    """The request has been executed: this is its answer."""

    def __init__(self, *, status: int, body: str, request_id: str) -> None:
        super().__init__()
        self.status = status
        self.body = body
        self.request_id = request_id


class ResumeNeeded(Exception):
    """An earlier run died half way: take the claim first, then go on from its recovery point."""


class Claim:
    """The right to execute one request once."""

    __slots__ = ("_row", "is_held", "is_stored", "object_id")

    def __init__(
        self, *, scope: Scope, key: str, fingerprint: str, method: str, path: str, request_id: str
    ) -> None:
        self.is_held = False
        self.is_stored = False
        self.object_id = ""
        self._row = {
            "merchant_id": scope.merchant_id,
            "livemode": scope.livemode,
            "key": key,
            "fingerprint": fingerprint,
            "method": method,
            "path": path[:_PATH_MAX_LENGTH],
            "lease_token": str(uuid.uuid4()),
            "lease_seconds": settings.IDEMPOTENCY_LEASE_SECONDS,
            "retention_hours": settings.IDEMPOTENCY_RETENTION_HOURS,
            "request_id": request_id,
        }

    @property
    def key(self) -> str:
        """The caller's key, as the event history keeps it."""
        return str(self._row["key"])

    def row(self, *, object_id: str = "") -> dict[str, Any]:
        """
        Return the claim for `api_claim(jsonb)` in a SQL function of the caller.

        `object_id` is the recovery point which that statement commits.
        """
        if object_id:
            self.object_id = object_id
        return {**self._row, "held": self.is_held, "object_id": self.object_id}

    def answer(self, status: int, body: str) -> dict[str, Any]:
        """
        Return the claim together with its answer.

        It is for `api_claim(jsonb)` when one statement does everything, and for
        `api_store_answer(jsonb)` when the claim is held already.
        """
        self.is_stored = True
        return {**self.row(), "response_status": status, "response_body": body}

    def settle(self, outcome: str | dict[str, Any] | None) -> None:
        """
        Take what `api_claim` returned: the claim is held now, or the caller has written nothing.

        :raises AnsweredBefore: the request was executed: send that answer
        :raises IdempotencyKeyReused: the key belongs to another request
        :raises IdempotencyKeyInUse: another run holds the claim
        :raises ResumeNeeded: the claim must be taken before the work, which was begun
        """
        standing = from_text(outcome) if isinstance(outcome, str) else outcome
        if standing is not None and "resumed" not in standing:
            self.is_stored = False
            self._raise_standing(standing)
        if not self.is_held:
            count_key("new")
        self.is_held = True
        if standing is not None:
            self.object_id = standing["resumed"]

    def take(self) -> None:
        """
        Claim the key in one statement; `object_id` tells how far a dead run had come.

        :raises AnsweredBefore, IdempotencyKeyReused, IdempotencyKeyInUse: as `settle`
        """
        self.settle(self._call("api_claim", {**self.row(), "may_resume": True}))

    def look_up(self) -> None:
        """
        Raise what `settle` would raise if the key were claimed by another run, in one read.

        A service that claims late may refuse a replay because of what the first run has done; so
        a refusal counts only when the key is not in use.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                _FIND,
                [self._row[name] for name in ("merchant_id", "livemode", "key")]
                + [self._row["retention_hours"]],
            )
            found = cursor.fetchone()
        if found is not None:
            fingerprint, status, body, request_id, method, path, lease_over = found
            self._raise_standing(
                {
                    "fingerprint": fingerprint,
                    "response_status": status,
                    "response_body": body,
                    "request_id": request_id,
                    "method": method,
                    "path": path,
                    "lease_over": lease_over,
                }
            )

    def store(self, status: int, body: str) -> None:
        """Store the answer in the caller's transaction, or on its own."""
        if self.is_held:
            self._call("api_store_answer", self.answer(status, body))
        else:
            self.settle(self._call("api_claim", self.answer(status, body)))

    def remember(self, object_id: str) -> None:
        """Set the recovery point in the transaction that commits the object."""
        self._call("api_remember_object", self.row(object_id=object_id))

    def release(self) -> None:
        """Give the key back after a refusal, so that a corrected request may use it."""
        if self.is_held:
            self._call("api_release_claim", self.row())

    def _raise_standing(self, standing: dict[str, Any]) -> None:
        if standing["fingerprint"] != self._row["fingerprint"]:
            count_key("conflict")
            raise IdempotencyKeyReused(method=standing["method"], path=standing["path"])
        if standing["response_status"] is not None:
            count_key("replay")
            raise AnsweredBefore(
                status=standing["response_status"],
                body=standing["response_body"],
                request_id=standing["request_id"],
            )
        if standing["lease_over"]:
            raise ResumeNeeded
        count_key("in_flight")
        raise IdempotencyKeyInUse

    def _call(self, function: str, argument: dict[str, Any]) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s::jsonb)", [to_text(argument)])
            return cursor.fetchone()[0]


_FIND = """
SELECT encode(fingerprint, 'hex'), response_status, response_body, request_id, method, path,
       leased_until < clock_timestamp()
  FROM api_idempotencykey
 WHERE merchant_id = %s AND livemode = %s AND key = %s
   AND created_at > clock_timestamp() - make_interval(hours => %s)
"""


def read_key(request: HttpRequest) -> str:
    """
    Return the Idempotency-Key; the quoted form of the IETF draft equals the bare one.

    :raises IdempotencyKeyRequired: no header
    :raises IdempotencyKeyInvalid: empty, too long, sent twice, or not visible ASCII
    """
    raw = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if raw is None:
        raise IdempotencyKeyRequired
    text = str(raw).strip(" ")
    if text.startswith('"'):
        quoted = _QUOTED.match(text)
        text = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else ""
    if len(text) > KEY_MAX_LENGTH or not _KEY.match(text):
        raise IdempotencyKeyInvalid
    return text


def fingerprint_of(method: str, path: str, params: Params) -> str:
    """Return a digest of what the request means: the order of its parameters does not count."""
    meaning = json.dumps(params, sort_keys=True, separators=(",", ":"), default=_uploaded)
    return hashlib.sha256(f"{method} {path}\n{meaning}".encode()).hexdigest()


def _uploaded(value: Any) -> str:
    if isinstance(value, NotInteger):
        return value.text
    digest = hashlib.sha256()
    for chunk in value.chunks():
        digest.update(chunk)
    value.seek(0)
    return digest.hexdigest()
