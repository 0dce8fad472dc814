"""
The card fields of the development world: a page in an iframe of an origin of its own.

The shop's page asks this one for a token by `postMessage` and never sees a card number, as with the
scripts of real PSPs. It knows the test cards alone; what becomes of them `tokens.py` says.
"""

import html
import json
import re
import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from string import Template

from aiohttp import web

from simulator.clock import Clock

PATH = "/fields"
TOKENS_PATH = "/fields/tokens"

_PAGE = Template((Path(__file__).parent / "card_fields.html").read_text(encoding="utf-8"))

# The numbers that Stripe publishes for its test cards, and which of our cards they are.
_TOKENS_BY_NUMBER = {
    "4242424242424242": "tok_visa",
    "5555555555554444": "tok_mastercard",
    "371449635398431": "tok_amex",
    "4000000000000002": "tok_chargeDeclined",
    "4000000000009995": "tok_chargeDeclinedInsufficientFunds",
    "4000000000009979": "tok_chargeDeclinedStolenCard",
    "4000000000000069": "tok_chargeDeclinedExpiredCard",
    "4000000000000119": "tok_chargeDeclinedProcessingError",
    "4000000000000341": "tok_declineAfterAttaching",
    "4000000000003220": "tok_threeDSecure2Required",
    "4000000000003055": "tok_threeDSecureOptional",
    "4000002760003184": "tok_authenticationRequired",
    "4000000000000259": "tok_createDispute",
    "4000000000000101": "tok_cvcCheckFail",
    "4000000000000010": "tok_avsFail",
    "4000000000009235": "tok_riskLevelElevated",
    "4100000000000019": "tok_riskLevelHighest",
}

_WORDS = {
    "en": {
        "title": "Card details",
        "number": "Card number",
        "expiry": "Expiry date (MM/YY)",
        "cvc": "Security code",
        "bad_number": "Check the card number.",
        "bad_expiry": "Check the expiry date.",
        "bad_cvc": "Check the security code.",
        "test_only": "Only test cards work here, such as 4242 4242 4242 4242.",
    },
    "de": {
        "title": "Kartendaten",
        "number": "Kartennummer",
        "expiry": "Gültig bis (MM/JJ)",
        "cvc": "Prüfziffer",
        "bad_number": "Prüfen Sie die Kartennummer.",
        "bad_expiry": "Prüfen Sie das Ablaufdatum.",
        "bad_cvc": "Prüfen Sie die Prüfziffer.",
        "test_only": "Hier gehen nur Testkarten, etwa 4242 4242 4242 4242.",
    },
    "es": {
        "title": "Datos de la tarjeta",
        "number": "Número de tarjeta",
        "expiry": "Caducidad (MM/AA)",
        "cvc": "Código de seguridad",
        "bad_number": "Revise el número de tarjeta.",
        "bad_expiry": "Revise la fecha de caducidad.",
        "bad_cvc": "Revise el código de seguridad.",
        "test_only": "Aquí solo valen tarjetas de prueba, como 4242 4242 4242 4242.",
    },
    "ar": {
        "title": "بيانات البطاقة",
        "number": "رقم البطاقة",
        "expiry": "الانتهاء (شهر/سنة)",
        "cvc": "رمز الأمان",
        "bad_number": "تحقق من رقم البطاقة.",
        "bad_expiry": "تحقق من تاريخ الانتهاء.",
        "bad_cvc": "تحقق من رمز الأمان.",
        "test_only": "تعمل هنا بطاقات الاختبار فقط، مثل 4242 4242 4242 4242.",
    },
}
_RIGHT_TO_LEFT = {"ar"}


class CardFields:
    """The page with the fields, and the exchange of a card for a token behind it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        """Return the addresses, for the simulator's own port."""
        return [web.get(PATH, self.show), web.post(TOKENS_PATH, self.exchange)]

    async def show(self, request: web.Request) -> web.Response:
        """Show the fields to the shop of `origin`, which alone will hear of the token."""
        language = _language_of(request.query.get("lang", ""))
        origin = _origin_of(request.query.get("origin", ""))
        nonce = secrets.token_urlsafe(16)
        page = _PAGE.substitute(
            {name: html.escape(text) for name, text in _WORDS[language].items()},
            language=language,
            direction="rtl" if language in _RIGHT_TO_LEFT else "ltr",
            nonce=nonce,
            origin=html.escape(origin),
        )
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
            f"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {origin}"
        )
        return web.Response(
            text=page,
            content_type="text/html",
            headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"},
        )

    async def exchange(self, request: web.Request) -> web.Response:
        """Answer with the card's token, or with the field that is wrong."""
        try:
            given = await request.json()
            number, expiry, cvc = (str(given[name]) for name in ("number", "expiry", "cvc"))
        except (ValueError, KeyError, TypeError):
            raise web.HTTPBadRequest(text="number, expiry and cvc are needed") from None
        language = _language_of(request.query.get("lang", ""))
        number = re.sub(r"[ -]", "", number)
        wrong = self._wrong_field(number, expiry, cvc)
        token = _TOKENS_BY_NUMBER.get(number)
        if wrong or token is None:
            field = wrong or "number"
            word = f"bad_{wrong}" if wrong else "test_only"
            complaint = {"field": field, "message": _WORDS[language][word]}
            return _answer(complaint, HTTPStatus.BAD_REQUEST)
        return _answer({"token": token}, HTTPStatus.OK)

    def _wrong_field(self, number: str, expiry: str, cvc: str) -> str:
        if not (number.isascii() and number.isdigit() and _passes_luhn(number)):
            return "number"
        if not self._is_to_come(expiry):
            return "expiry"
        return "" if re.fullmatch(r"[0-9]{3,4}", cvc) else "cvc"

    def _is_to_come(self, expiry: str) -> bool:
        found = re.fullmatch(r"(0?[1-9]|1[0-2]) ?/? ?(?:20)?([0-9]{2})", expiry.strip())
        if found is None:
            return False
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        return (2000 + int(found[2]), int(found[1])) >= (now.year, now.month)


def _language_of(wanted: str) -> str:
    language = wanted.partition("-")[0].lower()
    return language if language in _WORDS else "en"


def _origin_of(wanted: str) -> str:
    found = re.match(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(?=/|\Z)", wanted)
    if found is None:
        raise web.HTTPBadRequest(text="origin names the page that may ask for tokens")
    return found[0]


def _passes_luhn(number: str) -> bool:
    digits = [int(each) for each in reversed(number)]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]  # noqa: PLR2004
    return len(digits) > 11 and (sum(digits[::2]) + sum(doubled)) % 10 == 0  # noqa: PLR2004


def _answer(content: dict[str, str], status: HTTPStatus) -> web.Response:
    return web.Response(
        text=json.dumps(content),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
