"""
The card schemes' token service of the development world.

Makes a network token for a card, one cryptogram per charge, and tells when a token or the card
behind it changes. A PSP that takes such tokens asks here which card it charges.
"""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.calls import Subject
from simulator.clock import Clock
from simulator.ids import Ids
from simulator.instruments import Card, renewed
from simulator.memory import Stores
from simulator.psp import Answer, Message, Sabotage
from simulator.tokens import CARDS_BY_TOKEN
from simulator.webhooks import Notice, Signed, Webhooks

NAME = "tokens"
PATH = "/token-service/"
DEFAULT_KEY = "tsk_test_simulator"

# Numbers of tokens begin like no issuer's, so that nobody takes one for a card's.
_NUMBER_PREFIX = "9"
_NUMBER_DIGITS = 16

_STATUSES = {"suspend_token": "suspended", "resume_token": "active", "delete_token": "deleted"}
_EVENTS = {"renew_card": "token.updated"} | {
    action: f"token.{status}" for action, status in _STATUSES.items()
}

_ROUTE = re.compile(r"tokens(?:/(?P<id>[A-Za-z0-9_]+)(?:/(?P<action>cryptograms|delete))?)?\Z")


class Refused(Exception):
    """A call that the service does not work on."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass(kw_only=True, slots=True)
class NetworkToken:
    """A card's token. `reference` is the merchant's; `cryptograms` are those not used yet."""

    id: str
    reference: str
    number: str
    card: Card
    status: str = "active"
    by_key: dict[str, str] = field(default_factory=dict)
    unused: set[str] = field(default_factory=set)


class NetworkTokens:
    """All tokens; the PSPs look up by number what they are asked to charge."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._tokens: dict[str, NetworkToken] = {}
        self._by_key: dict[str, str] = {}

    def provision(self, card: Card, *, reference: str, key: str) -> NetworkToken:
        """Make a token; the same key returns the same one."""
        known = self._by_key.get(key)
        if known is not None:
            return self._tokens[known]
        token = NetworkToken(
            id=self._ids.new("ntok"),
            reference=reference,
            number=_NUMBER_PREFIX + self._ids.random_digits(_NUMBER_DIGITS - 1),
            card=card,
        )
        self._tokens[token.id] = token
        self._by_key[key] = token.id
        return token

    def get(self, token_id: str) -> NetworkToken | None:
        """Return the token with this id."""
        return self._tokens.get(token_id)

    def of_reference(self, reference: str) -> list[NetworkToken]:
        """Return the tokens that the merchant knows under this reference."""
        return [each for each in self._tokens.values() if each.reference == reference]

    def make_cryptogram(self, token: NetworkToken, *, key: str) -> str:
        """Return what proves one charge; the same key returns the same one."""
        made = token.by_key.get(key)
        if made is None:
            made = token.by_key[key] = self._ids.random_text(28)
            token.unused.add(made)
        return made

    def redeem(self, number: str, cryptogram: str) -> Card | None:
        """Return the card to charge, None when the token is not active or the proof is used up."""
        for token in self._tokens.values():
            is_good = token.status == "active" and cryptogram in token.unused
            if token.number == number and is_good:
                token.unused.discard(cryptogram)
                return token.card
        return None

    def stores(self) -> Stores:
        """Return the tokens, and by which keys they were asked for."""
        return [self._tokens, self._by_key]

    def clear(self) -> None:
        """Forget all tokens."""
        self._tokens.clear()
        self._by_key.clear()


class TokenService:
    """The token service as the front knows it."""

    name = NAME
    paths: Sequence[str] = (PATH,)
    actions: Collection[str] = frozenset(_EVENTS)

    def __init__(
        self, tokens: NetworkTokens, *, clock: Clock, ids: Ids, webhooks: Webhooks
    ) -> None:
        self._tokens = tokens
        self._clock = clock
        self._ids = ids
        self._webhooks = webhooks

    def subject_of(self, message: Message) -> Subject:
        """Return the merchant's reference and the card's token in the request."""
        wish = _read(message.body)
        reference, token = wish.get("reference"), wish.get("card_token")
        return Subject(
            references=(str(reference),) if reference else (),
            token=str(token) if token else "",
        )

    async def answer(self, message: Message, sabotage: Sabotage) -> Answer:
        """Work on a call: every refusal becomes an answer."""
        del sabotage
        try:
            return _show(200, self._work(message))
        except Refused as refusal:
            return _show(refusal.status, {"code": refusal.code})

    def refusal(self, status: int) -> Answer:
        """Return the answer to a call that is not worked on."""
        return _show(status, {"code": "unavailable"})

    def sign(self, secret: str, body: bytes) -> Signed:
        """Sign over the machine's time and the body."""
        moment = str(int(time.time()))
        signed = moment.encode() + b"." + body
        signature = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        return Signed(body=body, headers={"Token-Signature": f"t={moment},v1={signature}"})

    def advance(self, reference: str, action: str, options: Mapping[str, str]) -> bool:
        """Let the bank renew, suspend, take again or end what has the merchant's reference."""
        tokens = self._tokens.of_reference(reference)
        for token in tokens:
            if action == "renew_card":
                token.card = renewed(token.card, options)
            else:
                token.status = _STATUSES[action]
            self._tell(token, _EVENTS[action])
        return bool(tokens)

    def stores(self) -> Stores:
        """Return all tokens."""
        return self._tokens.stores()

    def clear(self) -> None:
        """Forget all tokens."""
        self._tokens.clear()

    def _work(self, message: Message) -> Mapping[str, Any]:
        if message.headers.get("authorization", "") != f"Bearer {DEFAULT_KEY}":
            raise Refused(401, "unauthorized")
        route = _ROUTE.match(message.path.removeprefix(PATH))
        if route is None:
            raise Refused(404, "unknown_path")
        key = message.headers.get("idempotency-key", "")
        if message.method == "POST" and not key:
            raise Refused(400, "key_missing")
        if route["id"] is None:
            return _show_token(self._provision(_read(message.body), key=key))
        token = self._tokens.get(route["id"])
        if token is None:
            raise Refused(404, "unknown_token")
        if route["action"] == "cryptograms":
            return self._make_cryptogram(token, key=key)
        if route["action"] == "delete":
            token.status = "deleted"
        return _show_token(token)

    def _provision(self, wish: Mapping[str, Any], *, key: str) -> NetworkToken:
        card = CARDS_BY_TOKEN.get(str(wish.get("card_token")))
        if card is None:
            raise Refused(400, "card_token_unknown")
        return self._tokens.provision(card, reference=str(wish.get("reference", "")), key=key)

    def _make_cryptogram(self, token: NetworkToken, *, key: str) -> Mapping[str, Any]:
        if token.status != "active":
            raise Refused(409, f"token_{token.status}")
        return {
            "number": token.number,
            "exp_month": token.card.exp_month,
            "exp_year": token.card.exp_year,
            "cryptogram": self._tokens.make_cryptogram(token, key=key),
            "eci": "07",
        }

    def _tell(self, token: NetworkToken, type_: str) -> None:
        event = {
            "id": self._ids.new("tevt"),
            "type": type_,
            "token": token.id,
            "created": int(self._clock.now()),
        }
        notice = Notice(
            id=str(event["id"]),
            psp=NAME,
            type=type_,
            body=json.dumps(event).encode(),
            references=(token.reference,),
        )
        self._webhooks.send([notice])


def _show_token(token: NetworkToken) -> dict[str, Any]:
    card = token.card
    return {
        "id": token.id,
        "number": token.number,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "status": token.status,
        "card": {"last4": card.last4, "exp_month": card.exp_month, "exp_year": card.exp_year},
    }


def _read(body: bytes) -> Mapping[str, Any]:
    try:
        wish = json.loads(body or b"{}")
    except ValueError:
        return {}
    return wish if isinstance(wish, dict) else {}


def _show(status: int, body: Mapping[str, Any]) -> Answer:
    return Answer(
        status=status, body=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
