"""Stripe as the front knows it: authentication, idempotency, errors, signatures."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from simulator.books import Charge
from simulator.calls import Subject
from simulator.memory import Stores
from simulator.psp import Answer, Message, Sabotage
from simulator.stripe import API_VERSION
from simulator.stripe.account import PSP, Cause
from simulator.stripe.desk import Desk
from simulator.stripe.endpoints import Endpoint, Work, find_endpoint
from simulator.stripe.errors import (
    ServerBroken,
    StripeError,
    TooManyRequests,
    Unauthorized,
    UnknownPath,
)
from simulator.stripe.expansion import expand
from simulator.stripe.forms import Params, nest, parse_body, parse_fields
from simulator.stripe.moves import MOVES
from simulator.stripe.records import Intent
from simulator.webhooks import Signed
from simulator.world import World

DEFAULT_KEY = "sk_test_simulator"
PATH = "/v1/"
_FILE = re.compile(r"/v1/files/(file_[A-Za-z0-9]+)/contents")

_TOO_MANY_REQUESTS = 429
_OBJECT_ID = re.compile(r"\b(?:pi|ch|py|re|pyr|pm|cus|seti)_[A-Za-z0-9]+")
_OUR_ID_IN_QUERY = re.compile(r"\]:['\"]([^'\"]+)['\"]")
_TOKEN_FIELDS = (
    "payment_method",
    "payment_method_data[card][token]",
    "payment_method_data[sepa_debit][iban]",
    "card[token]",
    "sepa_debit[iban]",
)
_REFERENCE_FIELDS = ("metadata[intent]", "metadata[attempt]", "metadata[refund]")


class Stripe:
    """All accounts at Stripe, one per API key."""

    name = PSP
    paths = (PATH,)
    actions = frozenset(MOVES)

    def __init__(self, world: World, keys: Iterable[str]) -> None:
        self._world = world
        self._desks = {key: Desk(world) for key in keys}

    async def answer(self, message: Message, sabotage: Sabotage) -> Answer:
        """Work on a call: every failure becomes an answer."""
        cause = Cause(self._world.ids.new("req"), message.headers.get("idempotency-key"))
        try:
            desk = self._authenticate(message)
            if file := _FILE.fullmatch(message.path):
                return _answer(200, desk.reporting.read_file(file[1]), cause)
            endpoint, object_id = _route(message)
            fields = parse_body(message.body, message.headers.get("content-type", ""))
            if message.method != "POST":
                fields += parse_fields(message.query)
            work = Work(
                desk=desk,
                path=message.path,
                id=object_id,
                params=Params(nest(fields)),
                cause=cause,
                amount_off=1 if sabotage.charges_wrong_amount else 0,
            )
            work.params.check_known(endpoint.accepts)
            if message.method != "POST" or not cause.idempotency_key:
                return await _execute(endpoint, work, sabotage)
            return await _execute_once(endpoint, work, fields, sabotage)
        except StripeError as error:
            return _answer_error(error, cause)

    def refusal(self, status: int) -> Answer:
        """Return the answer to a call that is not worked on."""
        cause = Cause(self._world.ids.new("req"))
        if status == _TOO_MANY_REQUESTS:
            return _answer_error(
                TooManyRequests("Too many requests hit the API too quickly.", code="rate_limit"),
                cause,
            )
        return _answer_error(ServerBroken("An unknown error occurred."), cause)

    def subject_of(self, message: Message) -> Subject:
        """Return the platform's ids, the token and the currency in or behind the request."""
        fields = dict(
            parse_qsl(message.body.decode("utf-8", "replace") or message.query, errors="replace")
        )
        references = [fields[name] for name in _REFERENCE_FIELDS if fields.get(name)]
        references += _OUR_ID_IN_QUERY.findall(fields.get("query", ""))
        tokens = [fields[name] for name in _TOKEN_FIELDS if fields.get(name)]
        texts = [message.path, fields.get("payment_intent", ""), fields.get("charge", "")]
        currency = fields.get("currency", "").lower()
        for desk in self._desks.values():
            for intent in _intents_named(desk, [*texts, *references]):
                references = [*_references(intent), *references]
                currency = currency or intent.currency
                tokens += [intent.method.token] if intent.method else []
            method = desk.account.methods.get(tokens[0]) if tokens else None
            tokens = [method.token] if method else tokens
        return Subject(
            references=tuple(dict.fromkeys(references)),
            token=tokens[0] if tokens else "",
            currency=currency,
        )

    def sign(self, secret: str, body: bytes) -> Signed:
        """Sign as Stripe does, with the machine's time."""
        moment = str(int(time.time()))
        signed = moment.encode() + b"." + body
        signature = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        return Signed(body=body, headers={"Stripe-Signature": f"t={moment},v1={signature}"})

    def advance(self, reference: str, action: str, options: Mapping[str, str]) -> bool:
        """Move every payment on that carries the reference, or has it as its id."""
        move = MOVES[action]
        found = False
        for desk in self._desks.values():
            named = _intents_named(desk, [reference])
            for intent in named or desk.account.find_by_metadata({"intent": reference}):
                move(desk, intent, options)
                found = True
        return found

    def stores(self) -> Stores:
        """Return all objects, account by account."""
        return [store for desk in self._desks.values() for store in desk.account.stores()]

    def clear(self) -> None:
        """Forget all objects."""
        for desk in self._desks.values():
            desk.account.clear()
            desk.reporting.clear()

    def _authenticate(self, message: Message) -> Desk:
        key = _read_key(message.headers.get("authorization", ""))
        if not key:
            raise Unauthorized("You did not provide an API key.")
        desk = self._desks.get(key)
        if desk is None:
            raise Unauthorized(f"Invalid API Key provided: {key[:7]}***")
        return desk


def _read_key(header: str) -> str:
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _route(message: Message) -> tuple[Endpoint, str]:
    found = find_endpoint(message.method, message.path.removeprefix(PATH))
    if found is None:
        raise UnknownPath(f"Unrecognized request URL ({message.method}: {message.path}).")
    return found


async def _execute_once(
    endpoint: Endpoint, work: Work, fields: list[tuple[str, str]], sabotage: Sabotage
) -> Answer:
    keys, key = work.desk.account.keys, work.cause.idempotency_key or ""
    kept = keys.claim(key, endpoint=work.path, params=fields)
    if kept is not None:
        headers = {"Idempotent-Replayed": "true", "Original-Request": kept.request_id}
        return _answer(kept.status, kept.body, work.cause, **headers)
    try:
        answer = await _execute(endpoint, work, sabotage)
    except StripeError as error:
        if not error.is_kept:
            keys.release(key)
            raise
        answer = _answer_error(error, work.cause)
    keys.keep(key, status=answer.status, body=answer.body, request_id=work.cause.request_id or "")
    return answer


async def _execute(endpoint: Endpoint, work: Work, sabotage: Sabotage) -> Answer:
    if sabotage.latency_seconds:
        await asyncio.sleep(sabotage.latency_seconds)
    shown = endpoint.handle(work)
    expand(shown, work.params.texts("expand"), work.desk.look_up)
    if sabotage.breaks_after:
        raise ServerBroken("An unknown error occurred.")
    return _answer(200, json.dumps(shown).encode(), work.cause)


def _answer_error(error: StripeError, cause: Cause) -> Answer:
    body = json.dumps(error.body(cause.request_id or "")).encode()
    should_retry = {"Stripe-Should-Retry": "true"} if error.status == 409 else {}  # noqa: PLR2004
    return _answer(error.status, body, cause, **should_retry)


def _answer(status: int, body: bytes, cause: Cause, **headers: str) -> Answer:
    known = {
        "Content-Type": "application/json",
        "Request-Id": cause.request_id or "",
        "Stripe-Version": API_VERSION,
    }
    if cause.idempotency_key:
        known["Idempotency-Key"] = cause.idempotency_key
    return Answer(
        status=status, body=body, headers={**known, **headers}, notices=tuple(cause.notices)
    )


def _references(intent: Intent) -> list[str]:
    known = (intent.metadata.get("intent"), intent.metadata.get("attempt"))
    return [each for each in known if each]


def _intents_named(desk: Desk, texts: Iterable[str]) -> list[Intent]:
    """Return the intents that the texts name, by an id of theirs or of what belongs to them."""
    account = desk.account
    found = []
    for reference in _OBJECT_ID.findall(" ".join(texts)):
        refund = account.refunds.get(reference)
        charge: Charge | None = refund.charge if refund else account.charges.get(reference)
        intent = account.intents.get(charge.payment if charge else reference)
        if intent is not None:
            found.append(intent)
    return found
