"""Network tokens and account updates, with the real adapters against the played gateways."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.outbox.models import Event
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.vault.models import GatewayToken, NetworkToken, PaymentMethod
from apps.webhooks.inbound import drain_inbound
from simulator.testing import RunningSimulator
from tests.conftest import ApiClient
from tests.gateways.webhook_receiver import WebhookReceiver, receive_webhooks
from tests.live.environment import WEBHOOK_SECRET, use_both_gateways

pytestmark = pytest.mark.django_db

TOKEN_SECRET = "tokens_secret"
CARD = {"type": "card", "card": {"token": "tok_visa"}}


@pytest.fixture
def receiver(running_simulator: RunningSimulator, settings: Any) -> Iterator[WebhookReceiver]:
    """Both gateways and the token service of the simulator; only Stripe takes one-time tokens."""
    running_simulator.reset()
    use_both_gateways(settings, running_simulator, first="stripe")
    settings.TOKENISER_GATEWAYS = ["stripe_main"]
    settings.TOKEN_SERVICE = {
        **settings.TOKEN_SERVICE,
        "api_base": f"{running_simulator.url}/token-service",
        "api_key": "tsk_test_simulator",
        "webhook_secret": TOKEN_SECRET,
    }
    with receive_webhooks() as receiving:
        running_simulator.send_webhooks_to(receiving.url, TOKEN_SECRET, psp="tokens")
        running_simulator.send_webhooks_to(receiving.url, WEBHOOK_SECRET, psp="stripe")
        yield receiving
        running_simulator.reset()


def saved_card(api: ApiClient) -> PaymentMethod:
    return PaymentMethod.objects.get(pk=api.post("/v1/payment_methods", CARD).json()["id"])


def pay(api: ApiClient, method: PaymentMethod) -> PaymentIntent:
    params = {"amount": 1050, "currency": "eur", "confirm": True, "payment_method": method.id}
    answer = api.post("/v1/payment_intents", params).json()
    intent = answer.get("error", {}).get("payment_intent", answer)
    return PaymentIntent.objects.get(pk=intent["id"])


def hear(simulator: RunningSimulator, receiver: WebhookReceiver, account: str) -> None:
    """Take what was sent to the receiver as if it had come to our own door."""
    simulator.flush_webhooks()
    for each in receiver.deliveries:
        is_tokens = "token-signature" in each.headers
        if is_tokens == (account == "tokens/token_service"):
            answer = Client().post(
                f"/webhooks/{account}", each.body, content_type="application/json",
                headers=dict(each.headers),
            )  # fmt: skip
            assert answer.status_code == 200
    drain_inbound(now=timezone.now())


def busy_stripe(simulator: RunningSimulator) -> None:
    """Let Stripe refuse payments before it looks at them."""
    simulator.fault("http_429", psp="stripe", match={"path": "/v1/payment_intents"})


def updates_of(method: PaymentMethod) -> list[Event]:
    type_ = "payment_method.automatically_updated"
    return list(Event.objects.filter(object_id=method.id, type=type_))


def test_a_saved_card_gets_a_network_token(api: ApiClient, receiver: WebhookReceiver) -> None:
    method = saved_card(api)

    token = method.network_token
    assert (token.status, len(token.number)) == ("active", 16)
    assert [row.gateway for row in GatewayToken.objects.all()] == ["stripe_main"]


def test_the_network_token_is_charged_where_the_card_was_never_seen(
    api: ApiClient, receiver: WebhookReceiver, running_simulator: RunningSimulator
) -> None:
    method = saved_card(api)
    busy_stripe(running_simulator)

    intent = pay(api, method)

    assert str(intent.status) == "succeeded"
    attempts = PaymentAttempt.objects.filter(intent=intent).order_by("number")
    assert [(each.gateway, str(each.status)) for each in attempts] == [
        ("stripe_main", "failed"),
        ("adyen_main", "captured"),
    ]
    assert [charge["psp"] for charge in running_simulator.charges(intent.id)] == ["adyen"]


def test_without_a_cryptogram_the_payment_fails_and_nothing_is_charged(
    api: ApiClient, receiver: WebhookReceiver, running_simulator: RunningSimulator
) -> None:
    method = saved_card(api)
    busy_stripe(running_simulator)
    running_simulator.fault("http_500", psp="tokens")

    intent = pay(api, method)

    assert (str(intent.status), intent.is_retryable) == ("failed", True)
    assert running_simulator.charges(intent.id) == []


def test_a_token_that_the_bank_suspends_is_not_charged_until_it_resumes(
    api: ApiClient, receiver: WebhookReceiver, running_simulator: RunningSimulator
) -> None:
    method = saved_card(api)
    running_simulator.advance(method.id, "suspend_token")
    hear(running_simulator, receiver, "tokens/token_service")
    assert NetworkToken.objects.get().status == "suspended"
    busy_stripe(running_simulator)
    assert str(pay(api, method).status) == "failed"

    running_simulator.advance(method.id, "resume_token")
    hear(running_simulator, receiver, "tokens/token_service")

    assert NetworkToken.objects.get().status == "active"
    assert str(pay(api, method).status) == "succeeded"


def test_a_card_renewed_behind_its_network_token_is_shown_and_told_once(
    api: ApiClient, receiver: WebhookReceiver, running_simulator: RunningSimulator
) -> None:
    method = saved_card(api)
    running_simulator.advance(method.id, "renew_card", last4="7777")

    hear(running_simulator, receiver, "tokens/token_service")
    hear(running_simulator, receiver, "tokens/token_service")

    method.refresh_from_db()
    assert (method.last4, method.exp_year) == ("7777", 2037)
    assert [each.object["card"]["last4"] for each in updates_of(method)] == ["7777"]


def test_a_deleted_token_is_never_charged_again(
    api: ApiClient, receiver: WebhookReceiver, running_simulator: RunningSimulator
) -> None:
    method = saved_card(api)
    running_simulator.advance(method.id, "delete_token")
    hear(running_simulator, receiver, "tokens/token_service")
    running_simulator.advance(method.id, "resume_token")

    hear(running_simulator, receiver, "tokens/token_service")

    assert NetworkToken.objects.get().status == "deleted"
    busy_stripe(running_simulator)
    assert str(pay(api, method).status) == "failed"


def test_a_detached_card_ends_its_network_token(api: ApiClient, receiver: WebhookReceiver) -> None:
    method = saved_card(api)

    api.post(f"/v1/payment_methods/{method.id}/detach")

    assert NetworkToken.objects.get().status == "deleted"


def test_the_account_updater_s_new_card_is_shown_and_told(
    api: ApiClient, receiver: WebhookReceiver, running_simulator: RunningSimulator
) -> None:
    method = saved_card(api)
    customer = api.post("/v1/customers", {"email": "ada@payer.example"}).json()
    api.post(f"/v1/payment_methods/{method.id}/attach", {"customer": customer["id"]})
    intent = pay(api, method)
    running_simulator.advance(intent.id, "renew_card", exp_year="2039", last4="5556")

    hear(running_simulator, receiver, "stripe/stripe_main")

    method.refresh_from_db()
    assert (method.last4, method.exp_month, method.exp_year) == ("5556", 12, 2039)
    assert len(updates_of(method)) == 1


def test_a_forged_word_of_the_token_service_is_refused(
    api: ApiClient, receiver: WebhookReceiver
) -> None:
    saved_card(api)
    forged = {"Token-Signature": "t=1,v1=00"}

    answer = Client().post(
        "/webhooks/tokens/token_service", b"{}", content_type="application/json", headers=forged
    )

    assert answer.status_code == 400
