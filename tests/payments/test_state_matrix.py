"""Every action that a payment's status does not allow: refused, and nothing has happened."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.gateways.base import DeclineClass
from apps.gateways.errors import GatewayUnknown
from apps.outbox.models import Event
from apps.payments.models import PaymentAttempt, Refund
from apps.payments.services.sweeps import expire_intents
from tests.fake_gateway import FakeGateway, challenge, charge_amount, decline

pytestmark = pytest.mark.django_db

INTENTS = "/v1/payment_intents"
PAY = {"amount": 1000, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}


def shown(answer: Any) -> dict[str, Any]:
    """Return the payment of an answer, be it a refusal that carries it."""
    body: dict[str, Any] = answer.json()
    found: dict[str, Any] = body.get("error", {}).get("payment_intent", body)
    return found


def created(api: Any, _gateway: FakeGateway) -> Any:
    return api.post(INTENTS, {"amount": 1000, "currency": "eur"})


def processing(api: Any, gateway: FakeGateway) -> Any:
    gateway.after = [GatewayUnknown("read timeout"), GatewayUnknown("read timeout")]
    return api.post(INTENTS, PAY)


def requires_action(api: Any, gateway: FakeGateway) -> Any:
    gateway.script = [challenge()]
    return api.post(INTENTS, PAY)


def requires_capture(api: Any, _gateway: FakeGateway) -> Any:
    return api.post(INTENTS, {**PAY, "capture_method": "manual"})


def succeeded(api: Any, _gateway: FakeGateway) -> Any:
    return api.post(INTENTS, PAY)


def refunded(api: Any, gateway: FakeGateway) -> Any:
    paid = succeeded(api, gateway)
    api.post("/v1/refunds", {"payment_intent": paid.json()["id"]})
    return api.get(f"{INTENTS}/{paid.json()['id']}")


def failed(api: Any, gateway: FakeGateway) -> Any:
    gateway.script = [decline("stolen_card", DeclineClass.TERMINAL)]
    return api.post(INTENTS, PAY)


def canceled(api: Any, gateway: FakeGateway) -> Any:
    return api.post(f"{INTENTS}/{created(api, gateway).json()['id']}/cancel")


def expired(api: Any, gateway: FakeGateway) -> Any:
    made = created(api, gateway)
    expire_intents(now=timezone.now() + timedelta(hours=25))
    return api.get(f"{INTENTS}/{made.json()['id']}")


def conflicted(api: Any, gateway: FakeGateway) -> Any:
    gateway.script = [charge_amount(999)]
    return api.post(INTENTS, PAY)


STATES = (
    created, processing, requires_action, requires_capture, succeeded, refunded, failed, canceled,
    expired, conflicted,
)  # fmt: skip


def confirm(api: Any, intent: str) -> Any:
    return api.post(f"{INTENTS}/{intent}/confirm", {"payment_method": "pm_card_visa"})


def capture(api: Any, intent: str) -> Any:
    return api.post(f"{INTENTS}/{intent}/capture")


def cancel(api: Any, intent: str) -> Any:
    return api.post(f"{INTENTS}/{intent}/cancel")


def increment(api: Any, intent: str) -> Any:
    return api.post(f"{INTENTS}/{intent}/increment_authorization", {"amount": 1200})


def change_amount(api: Any, intent: str) -> Any:
    return api.post(f"{INTENTS}/{intent}", {"amount": 1200})


def refund(api: Any, intent: str) -> Any:
    return api.post("/v1/refunds", {"payment_intent": intent})


ACTIONS = (confirm, capture, cancel, increment, change_amount, refund)
ALLOWED = {
    (created, confirm), (created, cancel), (created, change_amount),
    (requires_action, confirm), (requires_action, cancel),
    (requires_capture, capture), (requires_capture, cancel), (requires_capture, increment),
    (succeeded, refund),
    # What a bank refused for good is over for its money, not for its merchant.
    (failed, cancel), (failed, change_amount),
}  # fmt: skip
REFUSED = [
    (state, action) for state in STATES for action in ACTIONS if (state, action) not in ALLOWED
]


def refusal_of(state: Callable[..., Any], action: Callable[..., Any]) -> tuple[int, str]:
    """Return status and code of the answer."""
    if action is refund:
        own = {
            refunded: (400, "refund_exceeds_captured"),
            requires_capture: (409, "payment_not_captured"),
        }
        return own.get(state, (409, "payment_not_refundable"))
    codes = {
        (processing, confirm): "payment_in_progress",
        (processing, cancel): "payment_in_progress",
        (failed, confirm): "payment_terminally_failed",
    }
    return 409, codes.get((state, action), "invalid_state")


def named(value: Callable[..., Any]) -> str:
    return value.__name__


@pytest.mark.parametrize(("state", "action"), REFUSED, ids=named)
def test_what_the_status_does_not_allow_is_refused_and_changes_nothing(
    api: Any, gateway: FakeGateway, state: Callable[..., Any], action: Callable[..., Any]
) -> None:
    before = shown(state(api, gateway))
    assert before["status"] == state.__name__
    calls, events = list(gateway.calls), Event.objects.count()
    attempts, refunds = PaymentAttempt.objects.count(), Refund.objects.count()

    answer = action(api, before["id"])

    status, code = refusal_of(state, action)
    assert answer.status_code == status, answer.content
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", code)
    assert answer.headers.get("Stripe-Should-Retry", "false") == "false"
    assert (list(gateway.calls), Event.objects.count()) == (calls, events)
    assert PaymentAttempt.objects.count() == attempts
    assert Refund.objects.count() == refunds
    assert api.get(f"{INTENTS}/{before['id']}").json()["status"] == state.__name__


@pytest.mark.parametrize(("state", "action"), sorted(ALLOWED, key=str), ids=named)
def test_what_the_status_allows_is_done(
    api: Any, gateway: FakeGateway, state: Callable[..., Any], action: Callable[..., Any]
) -> None:
    before = shown(state(api, gateway))
    events = Event.objects.count()

    answer = action(api, before["id"])

    assert answer.status_code == 200, answer.content
    assert Event.objects.count() > events
