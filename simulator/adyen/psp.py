"""Adyen as the front knows it: authentication, idempotency, errors, signatures."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from simulator.adyen.account import PSP, Account, Cause
from simulator.adyen.disputes import Disputes
from simulator.adyen.errors import (
    AdyenError,
    not_found,
    server_broken,
    too_many_requests,
    unauthorized,
)
from simulator.adyen.fields import Fields, parse, part, required, text
from simulator.adyen.methods import Methods, show_stored, token_of
from simulator.adyen.modifications import Modifications
from simulator.adyen.objects import show_payment
from simulator.adyen.payments import Payments
from simulator.adyen.records import AdyenDispute, Payment
from simulator.calls import Subject
from simulator.memory import Stores
from simulator.psp import Answer, Message, Sabotage
from simulator.settlements import ClosedPayout
from simulator.three_ds import ChallengeOutcome
from simulator.webhooks import Signed
from simulator.world import World

DEFAULT_KEY = "adyen_test_simulator"
PATH = "/v72/"
DISPUTES_PATH = "/ca/services/DisputeService/v30/"
REPORTS_PATH = "/reports/download/MerchantAccount/"
_REPORT = re.compile(r"[^/]+/dispute_report_(\d{4}_\d\d_\d\d)\.csv")
_BATCH = re.compile(r"[^/]+/settlement_detail_report_batch_(\d+)\.csv")

_SIGNED_FIELDS = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")


@dataclass(frozen=True, slots=True)
class Work:
    """One request being worked on; `id` is what its path names."""

    id: str
    fields: Fields
    query: Mapping[str, str]
    cause: Cause
    amount_off: int


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: re.Pattern[str]
    handle: Callable[[Work], dict[str, Any]]
    status: int = 200


class Adyen:
    """One merchant account at Adyen."""

    name = PSP
    paths = (PATH, DISPUTES_PATH, REPORTS_PATH)

    def __init__(self, world: World, keys: Iterable[str]) -> None:
        self._keys = frozenset(keys)
        self._account = Account(world)
        self._methods = Methods(self._account)
        self._disputes = Disputes(self._account)
        self._payments = Payments(self._account, self._methods, self._disputes)
        self._modifications = Modifications(self._account, self._disputes)
        world.settlements.listeners[PSP] = self._tell_of_report
        self._routes = self._list_routes()
        self._moves = self._list_moves()

    @property
    def actions(self) -> frozenset[str]:
        return frozenset(self._moves)

    async def answer(self, message: Message, sabotage: Sabotage) -> Answer:
        """Work on a call: every failure becomes an answer."""
        cause = Cause(self._account.new_reference())
        try:
            if message.headers.get("x-api-key") not in self._keys:
                raise unauthorized()
            if message.path.startswith(REPORTS_PATH):
                return self._answer_report(message, cause)
            route, object_id = self._find_route(message)
            work = Work(
                id=object_id,
                fields=parse(message.body),
                query=dict(parse_qsl(message.query)),
                cause=cause,
                amount_off=1 if sabotage.charges_wrong_amount else 0,
            )
            if message.method == "POST":
                is_dispute = message.path.startswith(DISPUTES_PATH)
                required(work.fields, "merchantAccountCode" if is_dispute else "merchantAccount")
            key = message.headers.get("idempotency-key", "")
            if message.method != "POST" or not key:
                return await _execute(route, work, sabotage)
            return await self._execute_once(key, route, work, message, sabotage)
        except AdyenError as error:
            return _answer_error(error, cause)

    def refusal(self, status: int) -> Answer:
        """Return the answer to a call that is not worked on."""
        is_limit = status == HTTPStatus.TOO_MANY_REQUESTS
        error = too_many_requests() if is_limit else server_broken()
        return _answer_error(error, Cause(self._account.new_reference()))

    def subject_of(self, message: Message) -> Subject:
        """Return the platform's ids, the token and the currency in or behind the request."""
        try:
            fields = parse(message.body)
        except AdyenError:
            fields = {}
        names = ("merchantOrderReference", "reference", "paymentReference")
        references = [text(fields, name) for name in names if text(fields, name)]
        named = message.path.removeprefix(PATH).split("/")
        for reference in (*named, *references):
            payment = self._account.find(reference)
            references = [*(payment.references if payment else ()), *references]
        token = token_of(part(fields, "paymentMethod"))
        stored = self._account.stored.get(token)
        return Subject(
            references=tuple(dict.fromkeys(references)),
            token=stored.token if stored else token,
            currency=text(part(fields, "amount"), "currency").lower(),
        )

    def sign(self, secret: str, body: bytes) -> Signed:
        """Sign every item of a batch, as Adyen does: the signature stands inside."""
        batch = json.loads(body)
        for each in batch["notificationItems"]:
            item = each["NotificationRequestItem"]
            item["additionalData"]["hmacSignature"] = _signature(secret, item)
        return Signed(body=json.dumps(batch).encode())

    def advance(self, reference: str, action: str, options: Mapping[str, str]) -> bool:
        """Move every payment on that carries the reference, or has it as its own."""
        payments = [
            each
            for each in self._account.payments.values()
            if reference in (*each.references, each.psp_reference)
        ]
        for payment in payments:
            self._moves[action](payment, options)
        return bool(payments)

    def stores(self) -> Stores:
        """Return all objects, and the lines of the reports on disputes."""
        return [*self._account.stores(), self._disputes.lines]

    def clear(self) -> None:
        """Forget all objects."""
        self._account.clear()
        self._disputes.clear()

    async def _execute_once(
        self, key: str, route: Route, work: Work, message: Message, sabotage: Sabotage
    ) -> Answer:
        keys = self._account.keys
        kept = keys.claim(key, path=message.path, body=message.body)
        if kept is not None:
            return _answer(kept.status, kept.body, work.cause)
        try:
            answer = await _execute(route, work, sabotage)
        except AdyenError as error:
            if error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                keys.release(key)
                raise
            answer = _answer_error(error, work.cause)
        keys.keep(key, status=answer.status, body=answer.body)
        return answer

    def _answer_report(self, message: Message, cause: Cause) -> Answer:
        name = message.path.removeprefix(REPORTS_PATH)
        if message.method == "GET" and (batch := _BATCH.fullmatch(name)):
            report = self._account.world.settlements.batch_report(batch[1])
            if report is not None:
                return _answer(HTTPStatus.OK, report.encode(), cause)
        elif message.method == "GET" and (day := _REPORT.fullmatch(name)):
            return _answer(HTTPStatus.OK, self._disputes.report(day[1]), cause)
        raise not_found(message.path)

    def _tell_of_report(self, payout: ClosedPayout) -> None:
        """Tell that the report of a closed batch can be fetched."""
        self._account.happen(lambda cause: self._account.notify_report(cause, payout.id))

    def _find_route(self, message: Message) -> tuple[Route, str]:
        path = message.path.removeprefix(PATH).removeprefix(DISPUTES_PATH)
        for route in self._routes:
            found = route.path.fullmatch(path)
            if found and route.method == message.method:
                return route, found.groupdict().get("id", "")
        raise not_found(message.path)

    def _list_routes(self) -> list[Route]:
        changes, payments = self._modifications, self._payments
        return [
            _route("POST", "payments", self._pay),
            _route(
                "POST",
                "payments/details",
                lambda work: self._show(payments.tell_result(work.fields)),
            ),
            _route(
                "POST",
                "payments/ID/captures",
                lambda work: changes.capture(
                    work.id, work.fields, work.cause, amount_off=work.amount_off
                ),
                status=HTTPStatus.CREATED,
            ),
            _route(
                "POST",
                "payments/ID/amountUpdates",
                lambda work: changes.raise_hold(work.id, work.fields, work.cause),
                status=HTTPStatus.CREATED,
            ),
            _route(
                "POST",
                "payments/ID/cancels",
                lambda work: changes.cancel_payment(work.id, work.fields, work.cause),
                status=HTTPStatus.CREATED,
            ),
            _route(
                "POST",
                "payments/ID/refunds",
                lambda work: changes.refund(work.id, work.fields, work.cause),
                status=HTTPStatus.CREATED,
            ),
            _route(
                "POST",
                "cancels",
                lambda work: changes.cancel_by_reference(work.fields, work.cause),
                status=HTTPStatus.CREATED,
            ),
            _route(
                "POST",
                "storedPaymentMethods",
                lambda work: show_stored(self._methods.store(work.fields)),
                status=HTTPStatus.CREATED,
            ),
            _route("GET", "storedPaymentMethods", self._list_stored),
            _route("DELETE", "storedPaymentMethods/ID", self._delete_stored, status=204),
            _route(
                "POST",
                "retrieveApplicableDefenseReasons",
                lambda work: self._disputes.list_defences(work.fields),
            ),
            _route(
                "POST", "supplyDefenseDocument", lambda work: self._disputes.supply(work.fields)
            ),
            _route(
                "POST",
                "defendDispute",
                lambda work: self._disputes.defend(work.fields, work.cause),
            ),
            _route(
                "POST",
                "acceptDispute",
                lambda work: self._disputes.accept(work.fields, work.cause),
            ),
        ]

    def _list_moves(self) -> dict[str, Callable[[Payment, Mapping[str, str]], None]]:
        payments = self._payments
        return {
            "settle": lambda payment, _: payments.settle_debit(
                payment, decline=payment.bank.decline if payment.bank else None
            ),
            "succeed": lambda payment, _: payments.settle_debit(payment, decline=None),
            "fail": lambda payment, _: payments.fail_debit(payment),
            "expire": lambda payment, _: payments.expire(payment),
            "approve": lambda payment, _: payments.finish_challenge(
                payment, ChallengeOutcome.APPROVE
            ),
            "fail_authentication": lambda payment, _: payments.finish_challenge(
                payment, ChallengeOutcome.FAIL
            ),
            "cancel_authentication": lambda payment, _: payments.finish_challenge(
                payment, ChallengeOutcome.CANCEL
            ),
            "fail_refund": self._fail_refunds,
            "warn_of_fraud": lambda payment, _: self._disputes.warn(payment),
            "dispute": self._open_dispute,
            **{name: self._move_dispute(move) for name, move in self._dispute_moves().items()},
        }

    def _dispute_moves(self) -> dict[str, Callable[[AdyenDispute], None]]:
        disputes = self._disputes
        return {
            "dispute_escalate": disputes.escalate,
            "dispute_win": disputes.win,
            "dispute_lose": disputes.lose,
            "dispute_close": disputes.close_inquiry,
            "dispute_prevent": disputes.prevent,
            "dispute_report_lost": disputes.report_lost,
            "dispute_appeal": disputes.appeal,
            "dispute_arbitrate": disputes.arbitrate,
        }

    def _open_dispute(self, payment: Payment, options: Mapping[str, str]) -> None:
        amount = options.get("amount")
        self._disputes.open(
            payment,
            reason=options.get("reason", "fraudulent"),
            is_inquiry=options.get("stage") == "inquiry",
            amount=int(amount) if amount else None,
        )

    def _move_dispute(
        self, move: Callable[[AdyenDispute], None]
    ) -> Callable[[Payment, Mapping[str, str]], None]:
        def act(payment: Payment, options: Mapping[str, str]) -> None:
            for dispute in self._disputes.of(payment):
                if options.get("dispute") in {None, dispute.id}:
                    move(dispute)

        return act

    def _pay(self, work: Work) -> dict[str, Any]:
        return self._show(
            self._payments.create(work.fields, work.cause, amount_off=work.amount_off)
        )

    def _show(self, payment: Payment) -> dict[str, Any]:
        return show_payment(payment, merchant=self._account.merchant)

    def _list_stored(self, work: Work) -> dict[str, Any]:
        shopper = work.query.get("shopperReference", "")
        return {
            "merchantAccount": work.query.get("merchantAccount", ""),
            "shopperReference": shopper,
            "storedPaymentMethods": [
                show_stored(each) for each in self._methods.of_shopper(shopper)
            ],
        }

    def _delete_stored(self, work: Work) -> dict[str, Any]:
        self._methods.delete(work.id, shopper=work.query.get("shopperReference", ""))
        return {}

    def _fail_refunds(self, payment: Payment, options: Mapping[str, str]) -> None:
        wanted = options.get("refund", "")
        refunds = self._account.world.books.refunds_of(payment.charge) if payment.charge else []
        for refund in refunds:
            if not wanted or wanted in {refund.id, refund.reference}:
                self._modifications.fail_refund(payment, refund)


def _route(
    method: str, path: str, handle: Callable[[Work], dict[str, Any]], *, status: int = 200
) -> Route:
    return Route(method, re.compile(path.replace("ID", "(?P<id>[^/]+)")), handle, status)


async def _execute(route: Route, work: Work, sabotage: Sabotage) -> Answer:
    if sabotage.latency_seconds:
        await asyncio.sleep(sabotage.latency_seconds)
    shown = route.handle(work)
    if sabotage.breaks_after:
        raise server_broken()
    body = b"" if route.status == HTTPStatus.NO_CONTENT else json.dumps(shown).encode()
    return _answer(route.status, body, work.cause)


def _answer_error(error: AdyenError, cause: Cause) -> Answer:
    body = json.dumps(error.body(cause.psp_reference)).encode()
    transient = {"Transient-Error": "true"} if error.is_transient else {}
    return _answer(error.status, body, cause, **transient)


def _answer(status: int, body: bytes, cause: Cause, **headers: str) -> Answer:
    return Answer(
        status=status,
        body=body,
        headers={
            "Content-Type": "application/json;charset=utf-8",
            "pspReference": cause.psp_reference,
            **headers,
        },
        notices=tuple(cause.notices),
    )


def _signature(secret: str, item: Mapping[str, Any]) -> str:
    values = [str(item.get(name, "")) for name in _SIGNED_FIELDS]
    amount = item["amount"]
    values += [str(amount["value"]), amount["currency"], item["eventCode"], item["success"]]
    try:
        key = binascii.a2b_hex(secret)
    except binascii.Error:
        # A secret that is none makes a signature that is none.
        key = secret.encode()
    digest = hmac.new(key, ":".join(values).encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()
