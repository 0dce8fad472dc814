"""`manage.py listen`: events reach a program at hand, signed."""

import threading
import time
from io import StringIO

import pytest
import stripe
from django.core.management import CommandError, call_command
from django.db import connection

from apps.api.models import Merchant
from apps.outbox.services import publish
from tests.outbox.drafts import draft
from tests.webhooks.receivers import receiver

PATIENCE_SECONDS = 20.0


@pytest.mark.django_db(transaction=True)
def test_wanted_events_are_forwarded_in_order_with_a_signature(merchant: Merchant) -> None:
    told = StringIO()
    publish(draft("pi_old", 1, merchant_id=merchant.id))

    def listen(url: str) -> None:
        wanted = "payment_intent.created,payment_intent.succeeded"
        options = ["--merchant", merchant.id, "--events", wanted, "--count", "2"]
        try:
            call_command("listen", "--forward-to", url, *options, stdout=told)
        finally:
            connection.close()

    with receiver() as shop:
        listener = threading.Thread(target=listen, args=[shop.url])
        listener.start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while "Ready" not in told.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
        publish(
            draft("cus_1", 1, merchant_id=merchant.id, type="customer.created"),
            draft("pi_1", 1, merchant_id="mer_other"),
            draft("pi_2", 1, merchant_id=merchant.id),
            draft("pi_2", 2, merchant_id=merchant.id, type="payment_intent.succeeded"),
        )
        listener.join(PATIENCE_SECONDS)

    secret = told.getvalue().splitlines()[0].split()[-1]
    assert [(m["related_object"], m["sequence"]) for m in shop.messages] == [
        ("pi_2", 1),
        ("pi_2", 2),
    ]
    for headers, body in shop.got:
        stripe.WebhookSignature.verify_header(body.decode(), headers["stripe-signature"], secret)
    assert [line.split()[-1] for line in told.getvalue().splitlines()[1:]] == ["200", "200"]


@pytest.mark.django_db
def test_an_unknown_merchant_is_refused() -> None:
    with pytest.raises(CommandError, match="nobody"):
        call_command("listen", "--forward-to", "http://127.0.0.1:9/", "--merchant", "nobody")
