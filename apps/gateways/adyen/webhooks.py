"""
Adyen's notifications: verify every item's signature, then read the events.

Own code instead of the SDK's helper, which looks at the first item only and fails on malformed
requests with errors that are not about signatures. The signature covers neither reason nor date
nor card; what they say is a hint.
"""

import base64
import binascii
import hashlib
import hmac
import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from apps.gateways.adyen.disputes import DISPUTE_CODES
from apps.gateways.adyen.facts import Unreadable, read_item, text_of
from apps.gateways.adyen.fold import REFUND_CODES
from apps.gateways.adyen.journal import Fact
from apps.gateways.base import EventKind, GatewayEvent, InvalidSignature

logger = logging.getLogger(__name__)

# Adyen sends one to six; thousands are an attempt to keep us busy.
MAX_ITEMS = 100

_SIGNED = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")

_PAYMENT_CODES = frozenset(
    {
        "AUTHORISATION",
        "AUTHORISATION_ADJUSTMENT",
        "CANCELLATION",
        "CAPTURE",
        "CAPTURE_FAILED",
        "EXPIRE",
        "OFFER_CLOSED",
        "TECHNICAL_CANCEL",
    }
)
_KINDS = {
    **dict.fromkeys(_PAYMENT_CODES, EventKind.PAYMENT),
    **dict.fromkeys(REFUND_CODES, EventKind.REFUND),
    **dict.fromkeys(DISPUTE_CODES, EventKind.DISPUTE),
    "NOTIFICATION_OF_FRAUD": EventKind.FRAUD_WARNING,
}


def read_notification(
    body: bytes, *, secrets: Sequence[str], merchant_account: str, livemode: bool
) -> list[tuple[Fact, GatewayEvent]]:
    """
    Return what the items of a notification say that one of our keys signed.

    What is wrong with an item is wrong with that item only: a batch that were refused for it would
    come again and again, and its genuine items with it (AC-70).

    :raises InvalidSignature: the notification itself is wrong, or none of its items is genuine
    """
    batch = _parse(body)
    if batch.get("live") != ("true" if livemode else "false"):
        raise InvalidSignature("the notification is of the other mode")
    keys = [_key(secret) for secret in secrets]
    found = []
    refusal = InvalidSignature("the notification has no items")
    for item in _items_of(batch):
        try:
            found.append(_read(item, keys=keys, merchant_account=merchant_account))
        except InvalidSignature as error:
            logger.warning("an item of a notification of Adyen is ignored: %s", error)
            refusal = error
    if not found:
        raise refusal
    return found


def _parse(body: bytes) -> Mapping[str, Any]:
    try:
        batch = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise InvalidSignature("the body is no JSON") from None
    if not isinstance(batch, Mapping):
        raise InvalidSignature("the body is no notification")
    return batch


def _items_of(batch: Mapping[str, Any]) -> list[Any]:
    wrapped = batch.get("notificationItems")
    if not isinstance(wrapped, list) or not 1 <= len(wrapped) <= MAX_ITEMS:
        raise InvalidSignature("the notification has none or too many items")
    return wrapped


def _read(
    wrapped: Any, *, keys: Sequence[bytes], merchant_account: str
) -> tuple[Fact, GatewayEvent]:
    item = wrapped.get("NotificationRequestItem") if isinstance(wrapped, Mapping) else None
    if not isinstance(item, Mapping):
        raise InvalidSignature("the item is none")
    _verify(item, keys)
    if item.get("merchantAccountCode") != merchant_account:
        raise InvalidSignature("the item is of another merchant account")
    try:
        fact = read_item(item, occurred_at=datetime.fromisoformat(text_of(item, "eventDate")))
    except (Unreadable, ValueError):
        raise InvalidSignature("the item is incomplete") from None
    if fact.occurred_at.tzinfo is None:
        raise InvalidSignature("the item has no time")
    return fact, _event_of(fact)


def _verify(item: Mapping[str, Any], keys: Sequence[bytes]) -> None:
    signed = _signed_text(item).encode()
    additional = item.get("additionalData")
    given = text_of(additional, "hmacSignature") if isinstance(additional, Mapping) else ""
    if not given or not given.isascii():
        raise InvalidSignature("the item has no signature")
    matches = [
        hmac.compare_digest(
            base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()), given.encode()
        )
        for key in keys
    ]
    if not any(matches):
        raise InvalidSignature("no signature matches")


def _signed_text(item: Mapping[str, Any]) -> str:
    """
    Return what the signature covers.

    The values are joined by colons and not escaped, so a value with a colon could have been
    another's; none of ours and none of Adyen's has one.
    """
    amount = item.get("amount")
    amount = amount if isinstance(amount, Mapping) else {}
    texts = [item.get(name, "") for name in _SIGNED]
    texts += [amount.get("value"), amount.get("currency"), item.get("eventCode")]
    texts.append(item.get("success"))
    values = [str(each) for each in texts]
    if any(":" in each for each in values):
        raise InvalidSignature("a signed value holds the separator")
    try:
        return ":".join(values).encode().decode()
    except UnicodeEncodeError:
        raise InvalidSignature("a signed value is no text") from None


def _event_of(fact: Fact) -> GatewayEvent:
    kind = _KINDS.get(fact.code, EventKind.OTHER)
    if fact.code == "AUTHORISATION" and fact.amount == 0:
        # Nobody pays nothing: the card was verified, to be charged later.
        kind = EventKind.SETUP
    ours = fact.merchant_reference
    return GatewayEvent(
        # Adyen has no ids of events; these three are what makes one unique.
        id=f"{fact.reference}_{fact.code}_{'true' if fact.success else 'false'}",
        type=fact.code,
        kind=kind,
        reference=fact.reference,
        occurred_at=fact.occurred_at,
        payment_reference=fact.payment_reference,
        attempt_id=ours if kind in {EventKind.PAYMENT, EventKind.SETUP} else "",
        refund_id=ours if kind == EventKind.REFUND else "",
    )


def _key(secret: str) -> bytes:
    try:
        return binascii.a2b_hex(secret)
    except (binascii.Error, ValueError):
        raise InvalidSignature("our own key is not hexadecimal") from None
