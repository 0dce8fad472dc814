import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.gateways.base import EventKind, GatewayAccount, GatewayEvent, InvalidSignature
from apps.gateways.stripe.adapter import StripeGateway
from apps.gateways.stripe.webhooks import read_event, verify_signature
from tests.gateways.stripe_objects import charge, intent, refund

# Frozen from Stripe's own library, so that a mistake shared by our signing and our verifying shows.
VECTOR_BODY = b'{"id":"evt_1","object":"event"}'
VECTOR_TIME = 1614265330
VECTOR_SECRET = "whsec_test_secret"
VECTOR_SIGNATURE = "42b3d2b2181207b6b299df380bf37599bb895dc182467ba12e046b1916c4cd19"

NOW = datetime.fromtimestamp(VECTOR_TIME, tz=UTC)


def verify(
    header: str,
    *,
    body: bytes = VECTOR_BODY,
    secrets: tuple[str, ...] = (VECTOR_SECRET,),
    now: datetime = NOW,
) -> None:
    verify_signature(body=body, header=header, secrets=secrets, now=now)


def sign(body: bytes, *, secret: str = VECTOR_SECRET, at: int | str = VECTOR_TIME) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def header_for(body: bytes, *, secret: str = VECTOR_SECRET, at: int | str = VECTOR_TIME) -> str:
    return f"t={at},v1={sign(body, secret=secret, at=at)}"


GENUINE = f"t={VECTOR_TIME},v1={VECTOR_SIGNATURE}"


def test_the_published_vector_is_accepted() -> None:
    verify(GENUINE)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(f"t={VECTOR_TIME},v1={'0' * 64},v1={VECTOR_SIGNATURE}", id="second of two"),
        pytest.param(f"{GENUINE},v0={'0' * 64}", id="beside an old scheme"),
        pytest.param(f"{GENUINE},v2=abc,x", id="beside what we do not know"),
        pytest.param(f"v1={VECTOR_SIGNATURE}, t={VECTOR_TIME}", id="in another order"),
    ],
)
def test_other_forms_of_a_genuine_header_are_accepted(header: str) -> None:
    verify(header)


@pytest.mark.parametrize("secrets", [("whsec_new", VECTOR_SECRET), (VECTOR_SECRET, "whsec_old")])
def test_while_a_secret_rotates_both_are_accepted(secrets: tuple[str, ...]) -> None:
    verify(GENUINE, secrets=secrets)


def test_after_the_rotation_the_old_secret_is_refused() -> None:
    with pytest.raises(InvalidSignature):
        verify(GENUINE, secrets=("whsec_new",))


def test_without_a_secret_nothing_is_accepted() -> None:
    with pytest.raises(InvalidSignature):
        verify(GENUINE, secrets=())


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_times_within_the_tolerance_are_accepted(seconds: int) -> None:
    verify(GENUINE, now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-31_536_000, -301, 301, 31_536_000])
def test_times_outside_the_tolerance_are_refused_on_both_sides(seconds: int) -> None:
    with pytest.raises(InvalidSignature, match="time stamp"):
        verify(GENUINE, now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("", id="none"),
        pytest.param(",,,", id="only commas"),
        pytest.param("t", id="no value"),
        pytest.param(f"v1={VECTOR_SIGNATURE}", id="no time"),
        pytest.param(f"t={VECTOR_TIME}", id="no signature"),
        pytest.param(f"t={VECTOR_TIME},v1=", id="empty signature"),
        pytest.param(f"t={VECTOR_TIME},v0={VECTOR_SIGNATURE}", id="only the old scheme"),
        pytest.param(f"t={VECTOR_TIME},v1={VECTOR_SIGNATURE.upper()}", id="upper-case hex"),
        pytest.param(f"t={VECTOR_TIME},v1={VECTOR_SIGNATURE[:-1]}", id="cut off"),
        pytest.param(f"t={VECTOR_TIME},v1={VECTOR_SIGNATURE}0", id="too long"),
        pytest.param(f"t={VECTOR_TIME},v1= {VECTOR_SIGNATURE}", id="blank before"),
        pytest.param(f"t={VECTOR_TIME},t={VECTOR_TIME},v1={VECTOR_SIGNATURE}", id="two times"),
        pytest.param(f"t=1,{GENUINE}", id="two different times"),
        pytest.param(f"t=,v1={VECTOR_SIGNATURE}", id="empty time"),
        pytest.param(f"t=-{VECTOR_TIME},v1={VECTOR_SIGNATURE}", id="negative time"),
        pytest.param(f"t=+{VECTOR_TIME},v1={VECTOR_SIGNATURE}", id="signed time"),
        pytest.param(f"t={VECTOR_TIME}.0,v1={VECTOR_SIGNATURE}", id="broken time"),
        pytest.param(f"t=1_614_265_330,v1={VECTOR_SIGNATURE}", id="underscores in the time"),
        pytest.param(f"t=NaN,v1={VECTOR_SIGNATURE}", id="no number"),
        pytest.param(f"t={'9' * 5000},v1={VECTOR_SIGNATURE}", id="5000 digits"),
        pytest.param(f"t=99999999999,v1={VECTOR_SIGNATURE}", id="the year 5138"),
        pytest.param("t=١٦١٤٢٦٥٣٣٠,v1=" + VECTOR_SIGNATURE, id="arabic digits"),
        pytest.param(f"t={VECTOR_TIME},v1=é", id="no ascii"),
        pytest.param(f"t={VECTOR_TIME},v1=\udcff", id="lone surrogate"),
        pytest.param(f"t={VECTOR_TIME}" + ",v1=0" * 100_000, id="100000 signatures"),
        pytest.param(f"t={VECTOR_TIME}" + ",v1=0" * 9 + f",v1={VECTOR_SIGNATURE}", id="too many"),
        pytest.param(f"T={VECTOR_TIME},V1={VECTOR_SIGNATURE}", id="upper-case names"),
    ],
)
def test_a_malformed_header_is_an_invalid_signature_and_nothing_else(header: str) -> None:
    with pytest.raises(InvalidSignature):
        verify(header)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(VECTOR_BODY + b" ", id="one byte more"),
        pytest.param(b'{"id":"evt_2","object":"event"}', id="one byte changed"),
        pytest.param(b'{"id": "evt_1", "object": "event"}', id="written anew"),
        pytest.param(b"\xff\xfe", id="no text"),
    ],
)
def test_another_body_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidSignature):
        verify(GENUINE, body=body)


def test_a_signature_for_another_time_is_refused() -> None:
    with pytest.raises(InvalidSignature):
        verify(f"t={VECTOR_TIME + 1},v1={VECTOR_SIGNATURE}")


# --- reading ----------------------------------------------------------------------------------


def event(subject: Any, **changes: Any) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "created": VECTOR_TIME,
        "data": {"object": subject},
        "livemode": False,
        "type": "payment_intent.succeeded",
    } | changes


def read(content: Any) -> GatewayEvent:
    return read_event(json.dumps(content).encode(), livemode=False)


def test_an_event_about_a_payment_tells_its_references() -> None:
    assert read(event(intent())) == GatewayEvent(
        id="evt_1",
        type="payment_intent.succeeded",
        kind=EventKind.PAYMENT,
        reference="pi_1",
        occurred_at=NOW,
        payment_reference="pi_1",
        attempt_id="att_ours",
    )


@pytest.mark.parametrize(
    ("subject", "kind", "reference", "payment", "refund_id"),
    [
        (charge(), EventKind.PAYMENT, "ch_1", "pi_1", ""),
        (refund(), EventKind.REFUND, "re_1", "pi_1", "re_ours"),
        ({"object": "dispute", "id": "dp_1", "payment_intent": "pi_1"}, EventKind.DISPUTE, "dp_1",
         "pi_1", ""),
        ({"object": "payout", "id": "po_1"}, EventKind.PAYOUT, "po_1", "", ""),
        ({"object": "payment_method", "id": "pm_1"}, EventKind.METHOD, "pm_1", "", ""),
        ({"object": "radar.early_fraud_warning", "id": "issfr_1", "payment_intent": "pi_1"},
         EventKind.FRAUD_WARNING, "issfr_1", "pi_1", ""),
        ({"object": "product", "id": "prod_1"}, EventKind.OTHER, "prod_1", "", ""),
        ({"object": "balance"}, EventKind.OTHER, "", "", ""),
    ],
)  # fmt: skip
def test_each_kind_of_object_is_known(
    subject: dict[str, Any], kind: EventKind, reference: str, payment: str, refund_id: str
) -> None:
    got = read(event(subject))

    assert (got.kind, got.reference, got.payment_reference, got.refund_id) == (
        kind,
        reference,
        payment,
        refund_id,
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="broken"),
        pytest.param(b"\xff\xfe\xfd", id="no text"),
        pytest.param(b"[" * 100_000, id="too deep"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(VECTOR_BODY, id="nothing but an id"),
    ],
)
def test_a_body_that_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidSignature):
        read_event(body, livemode=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"object": "v2.core.event"},
        {"id": None},
        {"id": 7},
        {"type": ""},
        {"data": None},
        {"data": []},
        {"data": {"object": "pi_1"}},
        {"created": None},
        {"created": "now"},
        {"created": True},
        {"created": 10**30},
        {"livemode": True},
        {"livemode": "false"},
    ],
)
def test_an_event_with_a_broken_field_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidSignature):
        read(event(intent(), **changes))


def test_the_adapter_verifies_before_it_reads() -> None:
    gateway = StripeGateway(
        GatewayAccount(
            name="stripe_main",
            api_key="sk_test_1",
            webhook_secrets=("whsec_new", VECTOR_SECRET),
        )
    )
    body = json.dumps(event(intent())).encode()

    got = gateway.parse_webhook(body=body, headers={"stripe-signature": header_for(body)}, now=NOW)

    assert [each.id for each in got] == ["evt_1"]
    for headers in ({}, {"stripe-signature": header_for(body, secret="whsec_x")}):
        with pytest.raises(InvalidSignature):
            gateway.parse_webhook(body=body, headers=headers, now=NOW)


def test_a_live_account_takes_live_events_only() -> None:
    gateway = StripeGateway(
        GatewayAccount(name="live", api_key="sk_live_1", webhook_secrets=(VECTOR_SECRET,))
    )

    for livemode, accepted in ((True, True), (False, False)):
        body = json.dumps(event(intent(), livemode=livemode)).encode()
        headers = {"stripe-signature": header_for(body)}
        if accepted:
            assert len(gateway.parse_webhook(body=body, headers=headers, now=NOW)) == 1
        else:
            with pytest.raises(InvalidSignature):
                gateway.parse_webhook(body=body, headers=headers, now=NOW)
