"""The payments API as a client meets it: one key, one charge; clear refusals."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.api.models import IdempotencyKey
from apps.gateways.base import DeclineClass
from apps.gateways.errors import GatewayNotSent, GatewayRejected, GatewayUnknown
from apps.payments.models import PaymentAttempt, PaymentIntent, Refund
from apps.payments.services.attempts import resolve_attempt
from apps.payments.services.sweeps import expire_intents, sweep_attempts
from tests.factories.payments import confirmed_intent
from tests.fake_gateway import FakeGateway, challenge, decline

pytestmark = pytest.mark.django_db

PAY = {"amount": 1050, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}


def test_payment_is_created_confirmed_and_read(api: Any, gateway: FakeGateway) -> None:
    made = api.post("/v1/payment_intents", {"amount": 1050, "currency": "eur"}).json()
    paid = api.post(f"/v1/payment_intents/{made['id']}/confirm", {"payment_method": "pm_card_visa"})
    read = api.get(f"/v1/payment_intents/{made['id']}")

    assert made["status"] == "created"
    assert paid.status_code == 200
    assert (paid.json()["status"], paid.json()["amount_received"]) == ("succeeded", 1050)
    assert read.json() == paid.json()
    charge = api.get(f"/v1/charges/{paid.json()['latest_charge']}").json()
    assert (charge["amount_captured"], charge["payment_method_details"]["card"]["last4"]) == (
        1050, "4242",
    )  # fmt: skip


def test_stripe_dialect_speaks_stripes_statuses(api: Any, gateway: FakeGateway) -> None:
    version = {"Stripe_Version": "2026-10-28.endive"}

    made = api.post("/v1/payment_intents", {"amount": 1050, "currency": "eur"}, **version)

    assert made.json()["status"] == "requires_payment_method"


def test_ac_001_replay_is_the_same_to_the_byte_and_charges_nothing(
    api: Any, gateway: FakeGateway
) -> None:
    first = api.post("/v1/payment_intents", PAY, key="order-7")
    second = api.post("/v1/payment_intents", dict(reversed(PAY.items())), key="order-7")

    assert (first.status_code, second.status_code) == (200, 200)
    assert second.content == first.content
    assert second["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert len(gateway.captures) == 1
    assert PaymentIntent.objects.count() == 1


def test_ac_002_key_reused_for_another_request_is_refused(api: Any, gateway: FakeGateway) -> None:
    first = api.post("/v1/payment_intents", PAY, key="order-7")

    calls = list(gateway.calls)
    rows = PaymentIntent.objects.count()

    other = api.post("/v1/payment_intents", {**PAY, "amount": 5000}, key="order-7")
    elsewhere = api.post("/v1/refunds", {"payment_intent": first.json()["id"]}, key="order-7")

    for answer in (other, elsewhere):
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "idempotency_error"
        assert answer.json()["error"]["code"] == "idempotency_key_reused"
    assert api.post("/v1/payment_intents", PAY, key="order-7").content == first.content
    assert gateway.calls == calls
    assert (PaymentIntent.objects.count(), Refund.objects.count()) == (rows, 0)


def test_ac_005_refused_request_leaves_the_key_free(api: Any, gateway: FakeGateway) -> None:
    refused = api.post("/v1/payment_intents", {**PAY, "amount": 1}, key="order-7")
    corrected = api.post("/v1/payment_intents", PAY, key="order-7")

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "amount_too_small")
    assert corrected.json()["status"] == "succeeded"


def test_ac_006_decline_is_stored_and_replayed(api: Any, gateway: FakeGateway) -> None:
    gateway.script = [decline("insufficient_funds")]

    first = api.post("/v1/payment_intents", PAY, key="order-7")
    second = api.post("/v1/payment_intents", PAY, key="order-7")

    assert first.status_code == 402
    error = first.json()["error"]
    assert (error["type"], error["code"], error["decline_code"]) == (
        "card_error", "card_declined", "insufficient_funds",
    )  # fmt: skip
    assert error["payment_intent"]["status"] == "failed"
    assert second.content == first.content
    assert gateway.count("create") == 1


def test_a_decline_says_whether_another_confirm_may_pay(api: Any, gateway: FakeGateway) -> None:
    gateway.script = [
        decline("insufficient_funds"),
        decline("stolen_card", error_class=DeclineClass.TERMINAL),
    ]

    soft, hard = api.post("/v1/payment_intents", PAY), api.post("/v1/payment_intents", PAY)

    assert (soft.status_code, soft.json()["error"]["retryable"]) == (402, True)
    assert (hard.status_code, hard.json()["error"]["retryable"]) == (402, False)
    # The same request would only be answered the same again.
    assert "Retry-After" not in soft
    assert "Stripe-Should-Retry" not in soft


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        (50, "usd"), (50, "eur"), (99_999_999, "usd"), (500, "jpy"), (5120, "kwd"),
        (50_000, "isk"), (50_000, "ugx"),
    ],
)  # fmt: skip
def test_ac_043_the_limits_and_steps_themselves_are_charged(
    api: Any, gateway: FakeGateway, amount: int, currency: str
) -> None:
    paid = api.post("/v1/payment_intents", {**PAY, "amount": amount, "currency": currency}).json()

    assert (paid["status"], paid["amount_received"]) == ("succeeded", amount)
    assert [(p.amount, p.currency) for p in gateway.captures] == [(amount, currency.upper())]


def test_a_token_that_the_gateway_does_not_know_is_the_callers_mistake(
    api: Any, gateway: FakeGateway
) -> None:
    gateway.before = [GatewayRejected("No such PaymentMethod", code="resource_missing")]

    refused = api.post("/v1/payment_intents", PAY, key="order-7")
    again = api.post("/v1/payment_intents", PAY, key="order-7")

    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (
        400, "payment_method_unknown", "payment_method",
    )  # fmt: skip
    assert error["payment_intent"]["status"] == "failed"
    assert (again.status_code, again.json()["error"]["code"]) == (400, "payment_method_unknown")
    assert (gateway.count("create"), PaymentIntent.objects.count()) == (1, 1)


def test_unreachable_gateway_is_502_and_the_same_key_tries_again(
    api: Any, gateway: FakeGateway
) -> None:
    gateway.before = [GatewayNotSent("connection refused")]

    first = api.post("/v1/payment_intents", PAY, key="order-7")
    made = PaymentIntent.objects.get()
    second = api.post(f"/v1/payment_intents/{made.id}/confirm", {"payment_method": "pm_card_visa"})

    assert first.status_code == 502
    assert first.json()["error"]["payment_intent"]["id"] == made.id
    assert second.json()["status"] == "succeeded"
    assert len(gateway.captures) == 1


def test_a_payment_that_reached_no_gateway_may_be_asked_for_again_as_it_was(
    api: Any, gateway: FakeGateway
) -> None:
    gateway.before = [GatewayNotSent("connection refused")]

    first, again = (api.post("/v1/payment_intents", PAY, key="order-7") for _ in range(2))

    assert (first.status_code, first.json()["error"]["retryable"]) == (502, True)
    assert (first["Stripe-Should-Retry"], first["Retry-After"]) == ("true", "1")
    assert (again.status_code, again.json()["status"]) == (200, "succeeded")
    assert len(gateway.captures) == 1


def test_ac_013_unknown_outcome_is_answered_processing(api: Any, gateway: FakeGateway) -> None:
    gateway.after = [GatewayUnknown("read timeout"), GatewayUnknown("read timeout")]

    answer = api.post("/v1/payment_intents", PAY)
    again = api.post(
        f"/v1/payment_intents/{answer.json()['id']}/confirm", {"payment_method": "pm_card_visa"}
    )

    assert (answer.status_code, answer.json()["status"]) == (200, "processing")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "payment_in_progress")
    assert again["Stripe-Should-Retry"] == "false"


def test_prefer_respond_async_is_answered_at_once(api: Any, gateway: FakeGateway) -> None:
    answer = api.post("/v1/payment_intents", PAY, Prefer="respond-async")

    assert (answer.status_code, answer.json()["status"]) == (202, "processing")
    assert gateway.calls == []


def test_ac_048_manual_capture_and_refund_over_the_api(api: Any, gateway: FakeGateway) -> None:
    held = api.post("/v1/payment_intents", {**PAY, "capture_method": "manual"}).json()
    assert held["status"] == "requires_capture"

    path = f"/v1/payment_intents/{held['id']}"
    too_much = api.post(f"{path}/capture", {"amount_to_capture": 1051})
    taken = api.post(f"{path}/capture", {"amount_to_capture": 1000}).json()
    back = api.post("/v1/refunds", {"payment_intent": held["id"], "amount": 400}).json()
    over = api.post("/v1/refunds", {"payment_intent": held["id"], "amount": 601})

    assert (too_much.status_code, too_much.json()["error"]["param"]) == (400, "amount_to_capture")
    assert (taken["status"], taken["amount_received"]) == ("succeeded", 1000)
    assert (back["status"], back["amount"]) == ("succeeded", 400)
    assert (over.status_code, over.json()["error"]["code"]) == (400, "refund_exceeds_captured")
    assert Refund.objects.count() == 1


def test_ac_009_retry_after_a_crash_goes_on_with_the_same_attempt(
    api: Any, gateway: FakeGateway
) -> None:
    class Died(BaseException):
        """Stands for kill -9: nothing of the request runs after it."""

    def die() -> None:
        raise Died

    gateway.on_call = die
    with pytest.raises(Died):
        api.post("/v1/payment_intents", PAY, key="order-7")
    gateway.on_call = None
    busy = api.post("/v1/payment_intents", PAY, key="order-7")
    IdempotencyKey.objects.update(leased_until="2020-01-01T00:00:00Z")

    answer = api.post("/v1/payment_intents", PAY, key="order-7")

    assert (busy.status_code, busy.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert PaymentIntent.objects.count() == 1
    assert PaymentAttempt.objects.count() == 1
    assert len(gateway.captures) == 1


def test_ac_009_gateway_that_is_away_at_the_retry_proves_nothing_about_the_first_call(
    api: Any, gateway: FakeGateway
) -> None:
    class Died(BaseException):
        """Stands for kill -9, after the gateway had charged."""

    gateway.after = [Died()]  # type: ignore[list-item]
    with pytest.raises(Died):
        api.post("/v1/payment_intents", PAY, key="order-7")
    IdempotencyKey.objects.update(leased_until="2020-01-01T00:00:00Z")
    gateway.before = [GatewayNotSent("connection refused")]

    answer = api.post("/v1/payment_intents", PAY, key="order-7")
    sweep_attempts(now=timezone.now() + timedelta(minutes=1))

    assert (answer.status_code, answer.json()["status"]) == (200, "processing")
    assert PaymentIntent.objects.get().status == "succeeded"
    assert PaymentAttempt.objects.count() == 1
    assert len(gateway.captures) == 1


def test_other_accounts_objects_do_not_exist(api: Any, gateway: FakeGateway) -> None:
    foreign = confirmed_intent()

    for answer in (
        api.get(f"/v1/payment_intents/{foreign.id}"),
        api.post(f"/v1/payment_intents/{foreign.id}/cancel"),
        api.post(f"/v1/payment_intents/{foreign.id}/confirm", {"payment_method": "pm_card_visa"}),
        api.post("/v1/refunds", {"payment_intent": foreign.id}),
        api.get(f"/v1/charges/{foreign.latest_charge_id}"),
    ):
        assert answer.status_code == 404, answer.json()
        assert answer.json()["error"]["code"] == "resource_missing"


def test_terminal_decline_refuses_another_confirm(api: Any, gateway: FakeGateway) -> None:
    gateway.script = [decline("stolen_card", DeclineClass.TERMINAL)]
    declined = api.post("/v1/payment_intents", PAY).json()["error"]["payment_intent"]

    again = api.post(
        f"/v1/payment_intents/{declined['id']}/confirm", {"payment_method": "pm_card_visa"}
    )

    assert (again.status_code, again.json()["error"]["code"]) == (409, "payment_terminally_failed")


def test_history_attempts_and_trace_tell_the_whole_story(api: Any, gateway: FakeGateway) -> None:
    paid = api.post("/v1/payment_intents", PAY).json()
    path = f"/v1/payment_intents/{paid['id']}"

    events = api.get(f"{path}/events").json()["data"]
    attempts = api.get(f"{path}/attempts").json()["data"]
    trace = api.get(f"{path}/trace").json()

    assert [event["sequence"] for event in events] == [1, 2, 3]
    assert [attempt["status"] for attempt in attempts] == ["captured"]
    kinds = [step["kind"] for step in trace["data"]]
    assert sorted(set(kinds)) == ["event", "gateway", "ledger", "outbox", "request"]
    booked = next(step for step in trace["data"] if step["kind"] == "ledger")
    assert booked["summary"].startswith("captured: gateway_clearing:stripe_main +1020 EUR")
    assert sum(posting["amount"] for posting in booked["postings"]) == 0


def test_next_action_tells_where_the_payer_has_to_go(api: Any, gateway: FakeGateway) -> None:
    gateway.script = [challenge()]

    answer = api.post("/v1/payment_intents", {**PAY, "return_url": "https://shop.example/back"})

    assert answer.json()["next_action"]["redirect_to_url"] == {
        "url": "https://bank.example/3ds",
        "return_url": "https://shop.example/back",
    }


def test_ac_096_abandoned_3ds_wants_another_method_and_then_expires(
    api: Any, gateway: FakeGateway
) -> None:
    gateway.script = [challenge()]
    path = f"/v1/payment_intents/{api.post('/v1/payment_intents', PAY).json()['id']}"
    attempt = PaymentAttempt.objects.get()
    gone = decline("authentication_required")(gateway.payments[attempt.gateway_reference])
    gateway.payments[attempt.gateway_reference] = gone

    resolve_attempt(attempt_id=attempt.id, now=timezone.now())
    left = api.get(path).json()
    stripes = api.get(path, Stripe_Version="2026-10-28.endive").json()

    assert (left["status"], left["amount_received"]) == ("failed", 0)
    assert left["last_payment_error"]["retryable"] is True
    assert stripes["status"] == "requires_payment_method"
    expire_intents(now=timezone.now() + timedelta(hours=25))
    late = api.post(f"{path}/confirm", {"payment_method": "pm_card_visa"})
    assert api.get(path).json()["status"] == "expired"
    assert (late.status_code, gateway.count("create")) == (409, 1)
    assert gateway.captures == []


def test_ac_096_a_payer_who_never_comes_back_from_3ds_pays_nothing(
    api: Any, gateway: FakeGateway
) -> None:
    gateway.script = [challenge()]
    made = api.post("/v1/payment_intents", PAY).json()

    for hours in (25, 26):
        expire_intents(now=timezone.now() + timedelta(hours=hours))
        sweep_attempts(now=timezone.now() + timedelta(hours=hours))

    left = api.get(f"/v1/payment_intents/{made['id']}").json()
    assert (left["status"], left["amount_received"]) == ("expired", 0)
    assert PaymentAttempt.objects.get().status == "voided"
    assert gateway.count("void") == 1


def test_of_a_deleted_customer_is_left_that_it_was_deleted(api: Any, gateway: FakeGateway) -> None:
    customer = api.post("/v1/customers", {"email": "a@example.com"}).json()["id"]
    api.delete(f"/v1/customers/{customer}")

    left = api.get(f"/v1/customers/{customer}")

    assert (left.status_code, left.json()) == (
        200, {"id": customer, "object": "customer", "deleted": True},
    )  # fmt: skip
    assert api.post(f"/v1/customers/{customer}", {"name": "Ada"}).status_code == 404


def test_the_event_of_an_update_tells_what_was_before(api: Any, gateway: FakeGateway) -> None:
    intent = api.post("/v1/payment_intents", {"amount": 1050, "currency": "eur"}).json()["id"]
    api.post(f"/v1/payment_intents/{intent}", {"amount": 1200, "metadata": {"order": "7"}})

    (event,) = api.get("/v1/events?type=payment_intent.updated").json()["data"]

    assert event["data"]["previous_attributes"] == {"amount": 1050, "metadata": {}}


def test_capture_sets_the_metadata_it_is_given(api: Any, gateway: FakeGateway) -> None:
    held = {**PAY, "capture_method": "manual", "metadata": {"order": "7"}}
    intent = api.post("/v1/payment_intents", held).json()["id"]

    taken = api.post(f"/v1/payment_intents/{intent}/capture", {"metadata": {"parcel": "9"}}).json()

    assert (taken["status"], taken["metadata"]) == ("succeeded", {"order": "7", "parcel": "9"})


def test_customers_methods_and_expansion(api: Any, gateway: FakeGateway) -> None:
    customer = api.post("/v1/customers", {"email": "ada@example.com"}).json()
    method = api.post("/v1/payment_methods", {"type": "card", "card": {"token": "tok_visa"}}).json()
    attached = api.post(
        f"/v1/payment_methods/{method['id']}/attach", {"customer": customer["id"]}
    ).json()

    paid = api.post(
        "/v1/payment_intents",
        {
            "amount": 2000,
            "currency": "eur",
            "customer": customer["id"],
            "payment_method": method["id"],
            "confirm": True,
            "expand": ["customer", "payment_method", "latest_charge"],
        },
    ).json()

    assert attached["customer"] == customer["id"]
    assert paid["customer"]["email"] == "ada@example.com"
    assert paid["payment_method"]["card"]["last4"] == "4242"
    assert paid["latest_charge"]["captured"] is True
    listed = api.get(f"/v1/customers/{customer['id']}/payment_methods").json()["data"]
    assert [row["id"] for row in listed] == [method["id"]]
    detached = api.post(f"/v1/payment_methods/{method['id']}/detach")
    assert detached.json()["customer"] is None
    refused = api.post(
        "/v1/payment_intents",
        {"amount": 2000, "currency": "eur", "payment_method": method["id"], "confirm": True},
    )
    assert refused.json()["error"]["code"] == "payment_method_detached"


def test_events_of_a_payment_are_listed_newest_first(api: Any, gateway: FakeGateway) -> None:
    paid = api.post("/v1/payment_intents", PAY).json()

    events = api.get("/v1/events", {"related_object": paid["id"]}).json()["data"]

    assert sorted((event["sequence"], event["type"]) for event in events) == [
        (1, "payment_intent.created"),
        (2, "payment_intent.processing"),
        (3, "payment_intent.succeeded"),
    ]
    assert events[0]["data"]["object"]["id"] == paid["id"]
