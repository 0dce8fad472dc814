"""
Stripe's webhooks: verify the signature over the raw bytes, then read the event.

Own code instead of the SDK's helper, which accepts time stamps of next year and answers some
malformed requests with errors that are not about signatures.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.gateways.base import EventKind, GatewayEvent, InvalidSignature

SIGNATURE_HEADER = "stripe-signature"

# How far a signature's time may lie from ours, both ways: an old one may be a replay, one from the
# future would be a replay for years. Stripe's own tolerance.
TOLERANCE = timedelta(seconds=300)

# Two secrets sign during a rotation; thousands of candidates are an attempt to keep us busy.
MAX_SIGNATURES = 8
MAX_HEADER_CHARS = 2048

# Until the year 5138; longer numbers are no time stamps.
_UNIX_TIME = re.compile(r"[0-9]{1,11}")

# Stripe names an object's kind in its `object` field.
_KINDS = {
    "payment_intent": EventKind.PAYMENT,
    "charge": EventKind.PAYMENT,
    "refund": EventKind.REFUND,
    "dispute": EventKind.DISPUTE,
    "payout": EventKind.PAYOUT,
    "payment_method": EventKind.METHOD,
    "setup_intent": EventKind.SETUP,
    "mandate": EventKind.METHOD,
    "radar.early_fraud_warning": EventKind.FRAUD_WARNING,
}


def verify_signature(*, body: bytes, header: str, secrets: Sequence[str], now: datetime) -> None:
    """
    Check that one of our secrets signed exactly these bytes within the tolerance.

    :raises InvalidSignature: in every other case, whatever is wrong
    """
    time_text, candidates = _split_header(header)
    if abs(now - datetime.fromtimestamp(int(time_text), tz=UTC)) > TOLERANCE:
        raise InvalidSignature("the time stamp is too far from now")
    signed = time_text.encode() + b"." + body
    expected = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    if not _has_match(expected, candidates):
        raise InvalidSignature("no signature matches")


def read_event(body: bytes, *, livemode: bool) -> GatewayEvent:
    """
    Return the event in a verified body.

    :raises InvalidSignature: it is no event, or one of the other mode
    """
    event = _parse_object(body)
    subject = _subject_of(event)
    if event.get("livemode", False) is not livemode:
        raise InvalidSignature("the event is of the other mode")
    metadata = subject.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    return GatewayEvent(
        id=_text(event, "id"),
        type=_text(event, "type"),
        kind=_KINDS.get(str(subject.get("object")), EventKind.OTHER),
        reference=_text_or_empty(subject, "id"),
        occurred_at=_occurred_at(event),
        payment_reference=_payment_reference(subject),
        attempt_id=_text_or_empty(metadata, "attempt"),
        refund_id=_text_or_empty(metadata, "refund"),
        payout_id=_text_or_empty(metadata, "payout"),
    )


def _split_header(header: str) -> tuple[str, list[str]]:
    if not header or len(header) > MAX_HEADER_CHARS or not header.isascii():
        raise InvalidSignature("the signature header is missing or malformed")
    parts = [part.partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name.strip() == "t"]
    candidates = [value for name, _, value in parts if name.strip() == "v1"]
    if len(times) != 1 or not _UNIX_TIME.fullmatch(times[0]):
        raise InvalidSignature("the signature header needs one time stamp")
    if not 1 <= len(candidates) <= MAX_SIGNATURES:
        raise InvalidSignature("the signature header has none or too many signatures")
    return times[0], candidates


def _has_match(expected: Iterable[str], candidates: Sequence[str]) -> bool:
    """Compare all with all; how long it takes tells nothing about where they differ."""
    matches = [
        hmac.compare_digest(signature, candidate)
        for signature in expected
        for candidate in candidates
    ]
    return any(matches)


def _parse_object(body: bytes) -> Mapping[str, Any]:
    try:
        event = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise InvalidSignature("the body is no JSON") from None
    if not isinstance(event, Mapping) or event.get("object") != "event":
        raise InvalidSignature("the body is no event")
    return event


def _subject_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    data = event.get("data")
    subject = data.get("object") if isinstance(data, Mapping) else None
    if not isinstance(subject, Mapping):
        raise InvalidSignature("the event is about nothing")
    return subject


def _occurred_at(event: Mapping[str, Any]) -> datetime:
    created = event.get("created")
    if not isinstance(created, int) or isinstance(created, bool):
        raise InvalidSignature("the event has no time")
    try:
        return datetime.fromtimestamp(created, tz=UTC)
    except (OverflowError, ValueError, OSError):
        raise InvalidSignature("the event has no time") from None


def _payment_reference(subject: Mapping[str, Any]) -> str:
    if subject.get("object") == "payment_intent":
        return _text_or_empty(subject, "id")
    return _text_or_empty(subject, "payment_intent")


def _text(thing: Mapping[str, Any], name: str) -> str:
    value = thing.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidSignature(f"the event has no {name}")
    return value


def _text_or_empty(thing: Mapping[str, Any], name: str) -> str:
    value = thing.get(name)
    return value if isinstance(value, str) else ""
