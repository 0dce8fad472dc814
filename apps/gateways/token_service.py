"""
The card schemes' token service: network tokens, and one cryptogram for each charge with them.

A network token stands for a card at every gateway that takes such tokens; it goes on when the card
is replaced. The service is asked over HTTP with JSON and calls back when a token changes.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from apps.gateways.base import (
    EventKind,
    GatewayAccount,
    GatewayEvent,
    InvalidSignature,
    NetworkCard,
)
from apps.gateways.errors import GatewayNotSent, GatewayRejected, GatewayUnknown
from apps.gateways.transport import HttpTransport

SIGNATURE_HEADER = "token-signature"
TOLERANCE = timedelta(minutes=5)

Object = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkTokenFacts:
    """
    A network token as the service knows it now.

    `status` is active, suspended or deleted; `card_*` is the card behind it today, which may be a
    newer one than when the token was made.
    """

    reference: str
    number: str = field(repr=False)
    exp_month: int
    exp_year: int
    status: str
    card_last4: str
    card_exp_month: int
    card_exp_year: int


class TokenService:
    """Our account at the token service. Thread-safe; connections are pooled."""

    kind = "tokens"

    def __init__(self, account: GatewayAccount) -> None:
        self.name = account.name
        self._account = account
        self._path = urlsplit(account.api_base).path.rstrip("/")
        self._transport = HttpTransport(account.api_base, timeouts=account.timeouts)

    def provision(self, token: str, *, method_id: str, key: str) -> NetworkTokenFacts:
        """
        Make a network token for the card behind the tokeniser's one-time token.

        :raises GatewayError: see `apps.gateways.errors`
        """
        params = {"card_token": token, "reference": method_id}
        return _read_facts(self._call("POST", "/tokens", params, key=key))

    def retrieve(self, reference: str) -> NetworkTokenFacts:
        """
        Read how a token stands.

        :raises GatewayError: see `apps.gateways.errors`
        """
        return _read_facts(self._call("GET", f"/tokens/{quote(reference, safe='')}"))

    def make_card(self, reference: str, *, key: str) -> NetworkCard:
        """
        Return the token with a cryptogram that is good for one charge; the same key, the same one.

        :raises GatewayError: see `apps.gateways.errors`
        """
        path = f"/tokens/{quote(reference, safe='')}/cryptograms"
        answer = self._call("POST", path, {}, key=key)
        try:
            return NetworkCard(
                number=str(answer["number"]),
                exp_month=int(answer["exp_month"]),
                exp_year=int(answer["exp_year"]),
                cryptogram=str(answer["cryptogram"]),
                eci=str(answer["eci"]),
            )
        except (KeyError, TypeError, ValueError) as defect:
            raise GatewayUnknown("the answer is no cryptogram") from defect

    def delete(self, reference: str, *, key: str) -> None:
        """
        End a token for good.

        :raises GatewayError: see `apps.gateways.errors`
        """
        self._call("POST", f"/tokens/{quote(reference, safe='')}/delete", {}, key=key)

    def parse_webhook(
        self, *, body: bytes, headers: Mapping[str, str], now: datetime
    ) -> list[GatewayEvent]:
        """
        Verify the signature over time and body, and return the one event inside.

        :raises InvalidSignature: whatever is wrong
        """
        _verify(
            body, headers.get(SIGNATURE_HEADER, ""), secrets=self._account.webhook_secrets, now=now
        )
        try:
            event = json.loads(body)
            return [
                GatewayEvent(
                    id=str(event["id"]),
                    type=str(event["type"]),
                    kind=EventKind.METHOD,
                    reference=str(event["token"]),
                    occurred_at=datetime.fromtimestamp(int(event["created"]), tz=UTC),
                )
            ]
        except (KeyError, TypeError, ValueError) as defect:
            raise InvalidSignature("the event is incomplete") from defect

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._transport.close()

    def _call(
        self, method: str, path: str, params: Object | None = None, *, key: str = ""
    ) -> Object:
        headers = {
            "Authorization": f"Bearer {self._account.api_key}",
            "Content-Type": "application/json",
        }
        if key:
            headers["Idempotency-Key"] = key
        body = None if params is None else json.dumps(params).encode()
        answer = self._transport.send(method, self._path + path, headers=headers, body=body)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise GatewayNotSent("the token service asks for a pause")
        try:
            shown = json.loads(answer.body)
        except ValueError as defect:
            raise GatewayUnknown(f"the token service answered {answer.status}") from defect
        if HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            code = str(shown.get("code", "")) if isinstance(shown, dict) else ""
            raise GatewayRejected(f"the token service refuses: {code}", code=code)
        if answer.status != HTTPStatus.OK or not isinstance(shown, dict):
            raise GatewayUnknown(f"the token service answered {answer.status}")
        return shown


def _read_facts(answer: Object) -> NetworkTokenFacts:
    try:
        card = answer["card"]
        return NetworkTokenFacts(
            reference=str(answer["id"]),
            number=str(answer["number"]),
            exp_month=int(answer["exp_month"]),
            exp_year=int(answer["exp_year"]),
            status=str(answer["status"]),
            card_last4=str(card["last4"]),
            card_exp_month=int(card["exp_month"]),
            card_exp_year=int(card["exp_year"]),
        )
    except (KeyError, TypeError, ValueError) as defect:
        raise GatewayUnknown("the answer is no network token") from defect


def _verify(body: bytes, header: str, *, secrets: tuple[str, ...], now: datetime) -> None:
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    moment, given = parts.get("t", ""), parts.get("v1", "")
    if not (moment.isascii() and moment.isdigit() and len(moment) <= 11 and given.isascii()):  # noqa: PLR2004
        raise InvalidSignature("the signature is malformed")
    if abs(now - datetime.fromtimestamp(int(moment), tz=UTC)) > TOLERANCE:
        raise InvalidSignature("the time stamp is too far from now")
    signed = moment.encode() + b"." + body
    expected = [hmac.new(each.encode(), signed, hashlib.sha256).hexdigest() for each in secrets]
    if not any(hmac.compare_digest(each, given) for each in expected):
        raise InvalidSignature("no signature matches")
