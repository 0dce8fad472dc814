"""The view below all resources: every check of a request in one order, one way to answer."""

import logging
import random
import re
import time
from collections.abc import Callable
from enum import Enum
from http import HTTPStatus
from typing import Any, ClassVar, Final

from django.conf import settings
from django.db import DatabaseError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.views import APIView

from apps.api.authentication import Caller, authenticate
from apps.api.card_data import refuse_card_data
from apps.api.dialect import Dialect, translate
from apps.api.errors import (
    AuthenticationFailed,
    DuplicateKey,
    MethodNotAllowed,
    NotAcceptable,
    as_refusal,
    error_body,
    error_headers,
)
from apps.api.expansion import check_expand, expand, read_expand
from apps.api.idempotency import (
    AnsweredBefore,
    Claim,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    ResumeNeeded,
    fingerprint_of,
    read_key,
)
from apps.api.metrics import count_request
from apps.api.parsers import Params, parse_body, parse_form, read_body
from apps.api.request_log import MAX_HELD_BYTES, TOO_LONG, Note, log_request
from apps.api.schemas import EmptySchema, RequestSchema
from apps.api.shapes import Answer
from apps.api.throttling import (
    Allowance,
    take_address_token,
    take_customer_token,
    take_token,
)
from apps.common.addresses import client_address
from apps.common.errors import DomainError, InvalidParameter
from apps.common.ids import new_id
from apps.common.json_text import to_text
from apps.common.logs import begin_work
from apps.common.origin import Origin, Scope
from apps.common.tracing import span

logger = logging.getLogger(__name__)

Json = dict[str, Any]
Result = Json | tuple[int, Json]

# A stored answer: this refusal is a result (the bank said no), not a mistake to be corrected.
STORED_REFUSAL_STATUS: Final = 402
# A transaction that lost against another one is run again; more often means a fault.
MAX_TRANSACTION_RUNS: Final = 3
RETRY_JITTER_SECONDS: Final = 0.02
# What is no id of ours gets no bucket: callers must not fill Redis with names of their own.
_CUSTOMER_ID: Final = re.compile(r"cus_[0-9a-z]{26}\Z")
_SERIALIZATION_FAILURE, _DEADLOCK = "40001", "40P01"


class ClaimMode(Enum):
    """
    When a POST takes its Idempotency-Key.

    FIRST: in a statement of its own before the handler runs.
    BY_SERVICE: by the service's own statement, which is one round trip less; the handler must
    either hand `claim.row()` or `answer_row(...)` to SQL that calls `api_claim`, or write nothing.
    """

    FIRST = "first"
    BY_SERVICE = "by_service"


class ApiView(APIView):
    """
    One address of the API; a subclass writes `get`, `post` or `delete` and returns objects.

    A handler returns the object in the platform's own dialect, or `(status, object)`; it reads its
    parameters with `load()`. The order of checks: key, rate limit, body, card data, access to the
    resource, Idempotency-Key, then the handler.
    """

    resource: ClassVar[str]
    schemas: ClassVar[dict[str, type[RequestSchema]]] = {}
    # What each method answers, for the document.
    answers: ClassVar[dict[str, Answer]] = {}
    publishable_methods: ClassVar[frozenset[str]] = frozenset()
    # True: the handler and its stored answer commit in one transaction. False: the handler talks
    # to a gateway, so it runs outside of any, and its services store the answer with the result.
    transactional_answer: ClassVar[bool] = True
    claim_mode: ClassVar[ClaimMode] = ClaimMode.FIRST
    max_body_bytes: ClassVar[int | None] = None

    caller: Caller
    claim: Claim | None
    dialect: Dialect
    params: Params
    request_id: str

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Check the request, run its handler and answer; nothing that goes wrong leaves here."""
        self.request = request  # type: ignore[assignment]  # no wrapper of the framework
        self.args, self.kwargs = args, kwargs
        self._started = time.perf_counter()
        self.request_id = new_id("req")
        begin_work(request_id=self.request_id)
        self.claim = None
        self.dialect = Dialect.OWN
        self._answer: tuple[int, str] | None = None
        self._allowance: Allowance | None = None
        self._expand: list[str] = []
        self._kept_params: Params | None = None
        with span(f"{request.method} {type(self).__name__}", request_id=self.request_id):
            try:
                handler = self._admit(request)
                status, body, headers = self._execute(handler)
            except Exception as error:  # noqa: BLE001 - the last resort: everything has an answer
                status, body, headers = self._refuse(error)
        response = self._respond(status, body, headers)
        self._log(status, body, headers)
        return response

    # --- What handlers use --------------------------------------------------------------------

    @property
    def scope(self) -> Scope:
        """Whose data this request sees."""
        return self.caller.scope

    @property
    def origin(self) -> Origin:
        """Who caused what this request changes."""
        return Origin(
            actor=f"api:{self.caller.key_id}",
            request_id=self.request_id,
            idempotency_key=self.claim.key if self.claim else "",
        )

    @property
    def is_expanding(self) -> bool:
        """Whether the answer shows other objects in place of their ids."""
        return bool(self._expand)

    def load(self) -> dict[str, Any]:
        """
        Return the request's parameters, checked by the schema of its method.

        :raises DomainError: status 400
        """
        schema = self.schemas.get(self.request.method or "", EmptySchema)
        return schema.load(self.params)

    def answer_row(self, body: Json | DomainError, status: int = 200) -> Json | None:
        """
        Return the claim with its answer for a service that stores it in its own statement.

        The text in it is final: exactly that is sent, and replayed. None without a claim.
        """
        if isinstance(body, DomainError):
            status, text = body.status, self._error_text(body)
        else:
            text = self._render(body)
        self._answer = status, text
        return self.claim.answer(status, text) if self.claim else None

    # --- The checks, in order -----------------------------------------------------------------

    def _admit(self, request: HttpRequest) -> Callable[..., Result]:
        method = request.method or ""
        is_write = method not in ("GET", "HEAD")
        address = client_address(request)
        try:
            self.caller = authenticate(request)
        except AuthenticationFailed:
            self._allowance = take_address_token(address)
            raise
        self._allowance = take_token(self.caller.key_id, write=is_write, address=address)
        handler = self._handler(method)
        self.caller.check_access(
            self.resource, write=is_write, publishable=method in self.publishable_methods
        )
        _check_accept(request)
        self.params = self._read_params(request, is_write=is_write)
        refuse_card_data(self.params)
        self._kept_params = _worth_keeping(request, self.params)
        if is_write:
            self._limit_customer()
        self._choose_dialect(request)
        self._expand = read_expand(self.params.pop("expand", None))
        if method == "POST":
            check_expand(self._expand, self.answers.get("POST"))
            self.claim = self._new_claim(request)
        return handler

    def _handler(self, method: str) -> Callable[..., Result]:
        name = "get" if method == "HEAD" else method.lower()
        handler: Callable[..., Result] | None = getattr(self, name, None)
        if method in ("OPTIONS", "TRACE") or name not in self.http_method_names or handler is None:
            allowed = [verb for verb in ("GET", "POST", "DELETE") if hasattr(self, verb.lower())]
            raise MethodNotAllowed(method=method[:10], allowed=", ".join(allowed))
        return handler

    def _read_params(self, request: HttpRequest, *, is_write: bool) -> Params:
        params = parse_form(request.META.get("QUERY_STRING", "").encode("latin-1"))
        if is_write:
            limit = self.max_body_bytes or settings.API_MAX_BODY_BYTES
            body = parse_body(request, read_body(request, limit=limit))
            for name in params.keys() & body.keys():
                raise DuplicateKey(param=name[:100], param_name=name[:100])
            params |= body
        return params

    def _limit_customer(self) -> None:
        customer = self.kwargs.get("customer_id") or self.params.get("customer")
        if isinstance(customer, str) and _CUSTOMER_ID.match(customer):
            take_customer_token(customer, scope=self.scope)

    def _choose_dialect(self, request: HttpRequest) -> None:
        if request.META.get("HTTP_STRIPE_VERSION"):
            self.dialect = Dialect.STRIPE
        wanted = request.META.get("HTTP_API_VERSION", settings.API_VERSION)
        if wanted != settings.API_VERSION:
            raise InvalidParameter(
                f"There is no such Api-Version; the current one is {settings.API_VERSION}."
            )

    def _new_claim(self, request: HttpRequest) -> Claim:
        path = request.path
        return Claim(
            scope=self.scope,
            key=read_key(request),
            fingerprint=fingerprint_of("POST", path, {**self.params, "expand": self._expand}),
            method="POST",
            path=path,
            request_id=self.request_id,
        )

    # --- The execution ------------------------------------------------------------------------

    def _execute(self, handler: Callable[..., Result]) -> tuple[int, str, dict[str, str]]:
        if self.claim is None:
            status, body = _status_and_body(handler(self.request, *self.args, **self.kwargs))
            return status, self._render(body), {}
        try:
            return *self._execute_claimed(handler, self.claim), {}
        except AnsweredBefore as answer:
            headers = {"Idempotent-Replayed": "true", "Original-Request": answer.request_id}
            return answer.status, answer.body, headers

    def _execute_claimed(self, handler: Callable[..., Result], claim: Claim) -> tuple[int, str]:
        if self.claim_mode is ClaimMode.FIRST:
            claim.take()
            return self._run(handler, claim)
        try:
            return self._run(handler, claim)
        except ResumeNeeded:
            claim.take()
            return self._run(handler, claim)

    def _run(self, handler: Callable[..., Result], claim: Claim) -> tuple[int, str]:
        try:
            if self.transactional_answer:
                return self._run_in_transaction(handler, claim)
            return self._run_once(handler, claim)
        except (AnsweredBefore, ResumeNeeded):
            raise
        except DomainError as refusal:
            return self._settle_refusal(claim, refusal)
        except OperationalError as error:
            # Unless it says that all was rolled back, nobody knows if the commit was kept: then
            # the claim stays, and the end of its lease says when a retry may look.
            if _is_rolled_back(error):
                _release(claim)
            raise
        except Exception:
            _release(claim)
            raise

    def _run_in_transaction(self, handler: Callable[..., Result], claim: Claim) -> tuple[int, str]:
        for runs in range(1, MAX_TRANSACTION_RUNS + 1):
            try:
                with transaction.atomic():
                    return self._run_once(handler, claim)
            except OperationalError as error:
                if runs == MAX_TRANSACTION_RUNS or not _is_rolled_back(error):
                    raise
                time.sleep(random.uniform(0, RETRY_JITTER_SECONDS))  # noqa: S311 - no secret
        raise AssertionError("unreachable: the last run returns or raises")

    def _run_once(self, handler: Callable[..., Result], claim: Claim) -> tuple[int, str]:
        self._answer = None
        claim.is_stored = False
        status, body = _status_and_body(handler(self.request, *self.args, **self.kwargs))
        if self._answer is not None and claim.is_stored:
            return self._answer
        text = self._render(body)
        claim.store(status, text)
        return status, text

    def _settle_refusal(self, claim: Claim, refusal: DomainError) -> tuple[int, str]:
        if isinstance(refusal, IdempotencyKeyReused | IdempotencyKeyInUse):
            raise refusal
        if refusal.status == STORED_REFUSAL_STATUS:
            if self._answer is None or not claim.is_stored:
                self._store_refusal(claim, refusal)
            return self._answer or (refusal.status, "")
        if claim.is_held:
            _release(claim)
        else:
            claim.look_up()
        raise refusal

    def _store_refusal(self, claim: Claim, refusal: DomainError) -> None:
        text = self._error_text(refusal)
        claim.store(refusal.status, text)
        self._answer = refusal.status, text

    # --- The answer ---------------------------------------------------------------------------

    def _render(self, body: Json) -> str:
        if self._expand:
            is_read = self.request.method in ("GET", "HEAD")
            body = expand(body, self._expand, self.scope, strict=is_read)
        return to_text(translate(body, self.dialect))

    def _error_text(self, refusal: DomainError) -> str:
        return to_text(translate(error_body(refusal, request_id=self.request_id), self.dialect))

    def _refuse(self, error: Exception) -> tuple[int, str, dict[str, str]]:
        refusal = as_refusal(error, request_id=self.request_id)
        self._allowance = refusal.context.get("allowance", self._allowance)
        return refusal.status, self._error_text(refusal), error_headers(refusal)

    def _respond(self, status: int, body: str, headers: dict[str, str]) -> HttpResponse:
        response = HttpResponse(body, status=status, content_type="application/json")
        for name, value in (*_FIXED_HEADERS, *headers.items()):
            response[name] = value
        response["Request-Id"] = self.request_id
        response["Api-Version"] = settings.API_VERSION
        if self.dialect is Dialect.STRIPE:
            response["Stripe-Version"] = settings.STRIPE_API_VERSION
        if self.claim is not None:
            response["Idempotency-Key"] = self.claim.key
        if self._allowance is not None:
            for name, value in self._allowance.headers().items():
                response[name] = value
        count_request(self.resource, self.request.method or "", status, self._started)
        return response

    def _log(self, status: int, body: str, headers: dict[str, str]) -> None:
        caller: Caller | None = getattr(self, "caller", None)
        if caller is None:
            # Without a key there is nobody whose log it would be, and no limit to such requests.
            return
        method, meta = self.request.method or "", self.request.META
        # What a read has answered can be read again.
        is_plain_read = method in ("GET", "HEAD") and status < HTTPStatus.BAD_REQUEST
        log_request(
            Note(
                request_id=self.request_id,
                merchant_id=caller.merchant_id,
                livemode=caller.livemode,
                key_id=caller.key_id,
                method=method,
                path=self.request.path,
                status=status,
                duration_ms=round((time.perf_counter() - self._started) * 1000),
                ip=client_address(self.request),
                user_agent=meta.get("HTTP_USER_AGENT", ""),
                dialect=self.dialect.value,
                idempotency_key=self.claim.key if self.claim else "",
                original_request=headers.get("Original-Request", ""),
                params=self._kept_params,
                answer="" if is_plain_read else body,
                answered_at=time.time(),
            )
        )


# A request of the API never shows in a page, and its answer belongs to its caller alone.
_FIXED_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
)


def _worth_keeping(request: HttpRequest, params: Params) -> Params:
    length = request.META.get("CONTENT_LENGTH") or "0"
    is_counted = length.isdecimal() and "HTTP_TRANSFER_ENCODING" not in request.META
    return params if is_counted and int(length) <= MAX_HELD_BYTES else {"": TOO_LONG}


def _status_and_body(result: Result) -> tuple[int, Json]:
    return result if isinstance(result, tuple) else (200, result)


def _check_accept(request: HttpRequest) -> None:
    accepted = request.META.get("HTTP_ACCEPT", "*/*").lower()
    if not any(kind in accepted for kind in ("*/*", "application/json", "application/*")):
        raise NotAcceptable


def _is_rolled_back(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) in (_SERIALIZATION_FAILURE, _DEADLOCK)


def _release(claim: Claim) -> None:
    """Give the key back; when even that fails, the lease runs out by itself."""
    try:
        claim.release()
    except DatabaseError:
        logger.exception("could not release an idempotency claim")
