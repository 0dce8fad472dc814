"""Every item of a notification is verified, and whatever is wrong is one error."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from Adyen.util import is_valid_hmac_notification

from apps.gateways.adyen.webhooks import MAX_ITEMS, read_notification
from apps.gateways.base import EventKind, InvalidSignature

KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
ACCOUNT = "TestMerchant"


def sign(item: dict[str, Any], key: str = KEY) -> dict[str, Any]:
    names = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")
    values = [item.get(name, "") for name in names]
    values += [item["amount"]["value"], item["amount"]["currency"]]
    values += [item["eventCode"], item["success"]]
    text = ":".join(str(value) for value in values).encode()
    digest = hmac.new(bytes.fromhex(key), text, hashlib.sha256).digest()
    return {**item, "additionalData": {"hmacSignature": base64.b64encode(digest).decode()}}


def item(**changes: Any) -> dict[str, Any]:
    return {
        "amount": {"value": 1050, "currency": "EUR"},
        "eventCode": "AUTHORISATION",
        "eventDate": "2026-03-02T09:30:00+01:00",
        "merchantAccountCode": ACCOUNT,
        "merchantReference": "att_1",
        "pspReference": "PSP1",
        "reason": "",
        "success": "true",
        **changes,
    }


def batch(*items: Any, live: str = "false") -> bytes:
    wrapped = [{"NotificationRequestItem": each} for each in items]
    return json.dumps({"live": live, "notificationItems": wrapped}).encode()


def read(body: bytes, *, secrets: tuple[str, ...] = (KEY,)) -> list[Any]:
    return read_notification(body, secrets=secrets, merchant_account=ACCOUNT, livemode=False)


def test_a_batch_tells_each_of_its_items() -> None:
    capture = item(eventCode="CAPTURE", pspReference="PSP2", originalReference="PSP1")
    refund = item(
        eventCode="REFUND",
        pspReference="PSP3",
        originalReference="PSP1",
        merchantReference="re_1",
        success="false",
    )

    events = [event for _, event in read(batch(sign(item()), sign(capture), sign(refund)))]

    assert [(each.id, each.kind, each.payment_reference) for each in events] == [
        ("PSP1_AUTHORISATION_true", EventKind.PAYMENT, "PSP1"),
        ("PSP2_CAPTURE_true", EventKind.PAYMENT, "PSP1"),
        ("PSP3_REFUND_false", EventKind.REFUND, "PSP1"),
    ]
    assert [(each.attempt_id, each.refund_id) for each in events] == [
        ("att_1", ""),
        ("att_1", ""),
        ("", "re_1"),
    ]


def test_our_signature_is_the_one_of_adyen_s_own_library() -> None:
    assert is_valid_hmac_notification(sign(item()), KEY)


FORGED = {**item(pspReference="PSP9"), "additionalData": {"hmacSignature": "AAAA"}}
BAD_ITEMS = [
    FORGED,
    None,
    {},
    sign(item(pspReference="PSP9", merchantAccountCode="Other")),
    sign(item(pspReference="PSP9", eventDate="yesterday")),
    sign(item(pspReference="PSP9"), key="00" * 32),
]


@pytest.mark.parametrize("bad", BAD_ITEMS)
def test_ac_070_a_bad_item_tells_nothing_and_takes_no_genuine_one_along(bad: Any) -> None:
    for items in ([sign(item()), bad], [bad, sign(item())]):
        assert [event.id for _, event in read(batch(*items))] == ["PSP1_AUTHORISATION_true"]

    with pytest.raises(InvalidSignature):
        read(batch(bad, bad))


def test_a_key_that_is_being_replaced_is_still_accepted() -> None:
    assert len(read(batch(sign(item())), secrets=("00" * 32, KEY))) == 1


def test_values_shifted_over_the_separator_are_refused() -> None:
    shifted = sign(item(merchantAccountCode=f"{ACCOUNT}:att", merchantReference="1"))

    with pytest.raises(InvalidSignature):
        read(batch(shifted))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        batch(),
        batch(None),
        batch(sign(item()), live="true"),
        batch(item()),
        batch(sign(item(merchantAccountCode="Other"))),
        batch(sign(item(), key="00" * 32)),
        batch({**sign(item()), "amount": {"value": 9050, "currency": "EUR"}}),
        batch({**sign(item()), "additionalData": []}),
        batch({**sign(item()), "additionalData": {"hmacSignature": "é"}}),
        batch({**sign(item()), "eventDate": "yesterday"}),
        batch({**sign(item()), "eventDate": "2026-03-02T09:30:00"}),
        batch(sign(item(pspReference=""))),
        batch(*[sign(item())] * (MAX_ITEMS + 1)),
    ],
)
def test_whatever_is_wrong_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidSignature):
        read(body)


@pytest.mark.parametrize("change", [lambda i: i.pop("amount"), lambda i: i.pop("pspReference")])
def test_an_item_that_lacks_a_field_is_refused(change: Callable[[dict[str, Any]], Any]) -> None:
    signed = sign(item())
    change(signed)

    with pytest.raises(InvalidSignature):
        read(batch(signed))


def test_a_lone_surrogate_is_refused() -> None:
    body = batch({**sign(item()), "merchantReference": "x"}).replace(b'"x"', b'"\\ud800"')

    with pytest.raises(InvalidSignature):
        read(body)
