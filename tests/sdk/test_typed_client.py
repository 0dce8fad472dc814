"""A client that is generated from the document pays, reads and is refused, all with types."""

import importlib
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.running import RunningWeb
from tests.sdk.typed_client import generate_client

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PACKAGE = "generated_payments_client"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("client")
    generate_client(folder / PACKAGE)
    sys.path.insert(0, str(folder))
    yield PACKAGE
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def client(package: str, web: RunningWeb, secret_key: str) -> Iterator[Any]:
    module = importlib.import_module(package)
    with module.AuthenticatedClient(base_url=web.url, token=secret_key) as opened:
        yield opened


def call(operation: str, **arguments: Any) -> Any:
    """Call an operation of the document, such as `payment_intents.post_payment_intents`."""
    return importlib.import_module(f"{PACKAGE}.api.{operation}").sync(**arguments)


def models() -> Any:
    return importlib.import_module(f"{PACKAGE}.models")


def test_the_generated_client_pays_reads_and_refunds(client: Any) -> None:
    wish = models().CreateIntent(
        amount=2599, currency="eur", payment_method="pm_card_visa", confirm=True
    )

    paid = call(
        "payment_intents.post_payment_intents",
        client=client,
        body=wish,
        idempotency_key=str(uuid.uuid4()),
    )
    refund = call(
        "refunds.post_refunds",
        client=client,
        body=models().CreateRefund(payment_intent=paid.id, amount=599),
        idempotency_key=str(uuid.uuid4()),
    )
    read = call("payment_intents.get_payment_intents_intent_id", client=client, intent_id=paid.id)
    page = call("charges.get_charges", client=client, payment_intent=paid.id)

    assert isinstance(paid, models().PaymentIntent)
    assert (paid.status, paid.amount_received, paid.customer) == ("succeeded", 2599, None)
    assert isinstance(refund, models().Refund)
    assert (refund.status, refund.amount) == ("succeeded", 599)
    assert (read.id, read.amount_refunded) == (paid.id, 599)
    assert [type(charge) for charge in page.data] == [models().Charge]


def test_the_generated_client_reads_refusals(client: Any) -> None:
    refused = call(
        "payment_intents.post_payment_intents",
        client=client,
        body=models().CreateIntent(amount=1, currency="eur"),
        idempotency_key=str(uuid.uuid4()),
    )

    assert isinstance(refused, models().Error)
    assert (refused.error.code, refused.error.param) == ("amount_too_small", "amount")


def test_every_event_has_a_typed_object(package: str) -> None:
    event = models().Event.from_dict(
        {
            "id": "evt_1",
            "object": "event",
            "api_version": "2026-11-01",
            "created": 1,
            "data": {"object": {"id": "pi_1"}},
            "livemode": False,
            "pending_webhooks": 0,
            "related_object": "pi_1",
            "request": {"id": None, "idempotency_key": None},
            "sequence": 1,
            "type": "payment_intent.succeeded",
        }
    )

    assert (event.type_, event.sequence) == ("payment_intent.succeeded", 1)
