"""Stripe's own Python SDK, unmodified: what the other files of this folder do not reach."""

from pathlib import Path
from typing import Literal

import pytest
import stripe

from apps.api.models import Merchant
from apps.common.origin import Scope
from tests.factories.fraud import live_rule
from tests.webhooks.receivers import receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def confirmed_intent(
    client: stripe.StripeClient, *, capture_method: Literal["automatic", "manual"] = "automatic"
) -> stripe.PaymentIntent:
    return client.v1.payment_intents.create(
        {
            "amount": 3000,
            "currency": "eur",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "capture_method": capture_method,
        }
    )


def test_a_payment_method_is_changed_listed_and_detached(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"email": "ada@payer.example"})
    card = client.v1.payment_methods.attach("pm_card_mastercard", {"customer": customer.id})
    account = client.v1.payment_methods.create(
        {
            "type": "sepa_debit",
            "sepa_debit": {"iban": "DE89370400440532013000"},
            "billing_details": {"name": "Ada", "email": "ada@payer.example"},
        }
    )

    changed = client.v1.payment_methods.update(card.id, {"billing_details": {"name": "Ada L."}})

    assert card.card is not None
    assert (card.card.brand, card.card.last4) == ("mastercard", "4444")
    assert account.sepa_debit is not None
    assert account.sepa_debit.last4 == "3000"
    assert changed.billing_details.name == "Ada L."
    assert client.v1.payment_methods.retrieve(card.id).customer == customer.id
    assert client.v1.customers.payment_methods.retrieve(customer.id, card.id).id == card.id
    listed = client.v1.payment_methods.list({"customer": customer.id, "type": "card"}).data
    assert [each.id for each in listed] == [card.id]
    assert client.v1.payment_methods.detach(card.id).customer is None


def test_a_customer_is_changed_and_leaves(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create(
        {"name": "Ada", "metadata": {"plan": "pro"}, "preferred_locales": ["de"]}
    )

    changed = client.v1.customers.update(
        customer.id, {"metadata": {"plan": "", "seat": "1"}, "tax_exempt": "reverse"}
    )
    assert (changed.tax_exempt, changed.preferred_locales) == ("reverse", ["de"])
    client.v1.customers.delete(customer.id)

    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"seat": "1"}
    assert client.v1.customers.retrieve(customer.id).deleted


def test_an_intent_is_changed_raised_and_captured(client: stripe.StripeClient) -> None:
    made = client.v1.payment_intents.create({"amount": 1000, "currency": "eur"})
    changed = client.v1.payment_intents.update(
        made.id, {"amount": 1200, "payment_method": "pm_card_visa"}
    )
    held = confirmed_intent(client, capture_method="manual")
    raised = client.v1.payment_intents.increment_authorization(held.id, {"amount": 4000})
    taken = client.v1.payment_intents.capture(held.id, {"metadata": {"parcel": "9"}})

    assert (changed.amount, changed.status) == (1200, "requires_confirmation")
    assert (raised.amount, raised.amount_capturable) == (4000, 4000)
    assert (taken.amount_received, taken.metadata["parcel"]) == (4000, "9")
    listed = client.v1.payment_intents.list({"limit": 2}).data
    assert [each.id for each in listed] == [held.id, made.id]


def test_a_payment_brings_its_method_and_tells_where_its_goods_go(
    client: stripe.StripeClient,
) -> None:
    address: stripe.params.PaymentIntentCreateParamsShippingAddress = {
        "line1": "Main Street 1",
        "postal_code": "10115",
        "city": "Berlin",
        "country": "DE",
    }
    paid = client.v1.payment_intents.create(
        {
            "amount": 3000,
            "currency": "eur",
            "confirm": True,
            "payment_method_data": {
                "type": "sepa_debit",
                "sepa_debit": {"iban": "DE89370400440532013000"},
                "billing_details": {"name": "Ada", "email": "ada@payer.example"},
            },
            "mandate_data": {"customer_acceptance": {"type": "offline", "offline": {}}},
            "shipping": {"name": "Ada", "address": address},
            "expand": ["payment_method"],
        }
    )
    by_card = client.v1.payment_intents.create(
        {
            "amount": 3000,
            "currency": "eur",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "statement_descriptor_suffix": "ORDER 7",
            "use_stripe_sdk": True,
            "expand": ["latest_charge"],
        }
    )
    sent = client.v1.payment_intents.update(
        by_card.id, {"shipping": {"name": "Ada", "address": address, "tracking_number": "JJD1"}}
    )

    assert isinstance(paid.payment_method, stripe.PaymentMethod)
    assert (paid.status, paid.payment_method.billing_details.name) == ("processing", "Ada")
    assert paid.shipping is not None
    assert paid.shipping.address is not None
    assert (paid.shipping.name, paid.shipping.address.city) == ("Ada", "Berlin")
    assert isinstance(by_card.latest_charge, stripe.Charge)
    assert by_card.latest_charge.outcome is not None
    assert (by_card.latest_charge.outcome.type, by_card.latest_charge.outcome.network_status) == (
        "authorized",
        "approved_by_network",
    )
    assert sent.shipping is not None
    assert sent.shipping.tracking_number == "JJD1"


def test_charges_show_payments_and_their_refunds(client: stripe.StripeClient) -> None:
    paid = confirmed_intent(client)
    assert isinstance(paid.latest_charge, str)
    first = client.v1.refunds.create({"payment_intent": paid.id, "amount": 1000})
    rest = client.v1.refunds.create({"charge": paid.latest_charge, "metadata": {"case": "7"}})

    charge = client.v1.charges.retrieve(paid.latest_charge, {"expand": ["refunds"]})
    client.v1.refunds.update(first.id, {"metadata": {"case": "8"}})

    assert (charge.refunded, charge.amount_refunded) == (True, 3000)
    assert charge.refunds is not None
    assert [each.id for each in charge.refunds.data] == [rest.id, first.id]
    assert [each.id for each in client.v1.charges.list({"payment_intent": paid.id}).data] == [
        charge.id
    ]
    assert [each.id for each in client.v1.refunds.list({"payment_intent": paid.id}).data] == [
        rest.id,
        first.id,
    ]
    noted = client.v1.refunds.retrieve(first.id).metadata
    assert noted is not None
    assert noted["case"] == "8"
    with pytest.raises(stripe.APIError) as refusal:
        client.v1.refunds.cancel(first.id)
    assert refusal.value.http_status == 409
    assert isinstance(charge.balance_transaction, str)
    movement = client.v1.balance_transactions.retrieve(charge.balance_transaction)
    assert movement.net == movement.amount - movement.fee


def test_lists_of_values_decide_about_payments(client: stripe.StripeClient) -> None:
    emails = client.v1.radar.value_lists.create(
        {"alias": "suspects", "name": "Suspects", "item_type": "email"}
    )
    entry = client.v1.radar.value_list_items.create(
        {"value_list": emails.id, "value": "eve@payer.example"}
    )

    renamed = client.v1.radar.value_lists.update(emails.id, {"name": "Watched"})

    assert renamed.name == "Watched"
    assert client.v1.radar.value_lists.retrieve(emails.id).alias == "suspects"
    found = client.v1.radar.value_lists.list({"contains": "eve@payer.example"}).data
    assert [each.id for each in found] == [emails.id]
    assert client.v1.radar.value_list_items.retrieve(entry.id).value == "eve@payer.example"
    entries = client.v1.radar.value_list_items.list({"value_list": emails.id}).data
    assert [each.id for each in entries] == [entry.id]
    assert client.v1.radar.value_list_items.delete(entry.id).deleted
    assert client.v1.radar.value_lists.delete(emails.id).deleted


def test_a_review_is_read_and_approved(client: stripe.StripeClient, merchant: Merchant) -> None:
    live_rule(Scope(merchant.id, livemode=False), "review", "amount >= 3000")
    held = confirmed_intent(client)

    (opened,) = client.v1.reviews.list().data
    read = client.v1.reviews.retrieve(opened.id, {"expand": ["payment_intent"]})
    closed = client.v1.reviews.approve(opened.id, {"expand": ["charge"]})

    assert (held.status, held.next_action) == ("processing", None)
    assert isinstance(read.payment_intent, stripe.PaymentIntent)
    assert (read.payment_intent.id, read.open, read.reason) == (held.id, True, "rule")
    assert isinstance(closed.charge, stripe.Charge)
    assert (closed.open, closed.closed_reason, closed.reason) == (False, "approved", "approved")
    assert client.v1.reviews.list().data == []
    with pytest.raises(stripe.APIError) as refusal:
        client.v1.reviews.approve(opened.id)
    assert refusal.value.http_status == 409


def test_an_endpoint_is_registered_changed_and_taken_away(client: stripe.StripeClient) -> None:
    # The platform of these tests sends to no address of this machine.
    with receiver() as shop, pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.webhook_endpoints.create({"url": shop.url, "enabled_events": ["*"]})
    made = client.v1.webhook_endpoints.create(
        {"url": "https://shop.example/hooks", "enabled_events": ["payment_intent.succeeded"]}
    )

    changed = client.v1.webhook_endpoints.update(
        made.id, {"enabled_events": ["*"], "disabled": True}
    )

    assert refusal.value.param == "url"
    assert made.secret is not None
    assert made.secret.startswith("whsec_")
    assert (changed.status, changed.enabled_events) == ("disabled", ["*"])
    assert "secret" not in client.v1.webhook_endpoints.retrieve(made.id)
    assert [each.id for each in client.v1.webhook_endpoints.list().data] == [made.id]
    assert client.v1.webhook_endpoints.delete(made.id).deleted


def test_an_event_is_read_again(client: stripe.StripeClient) -> None:
    paid = confirmed_intent(client)

    (told,) = client.v1.events.list({"type": "payment_intent.succeeded"}).data
    read = client.v1.events.retrieve(told.id)

    assert isinstance(read.data.object, stripe.PaymentIntent)
    assert (read.data.object.id, read.api_version) == (paid.id, "2026-10-28.endive")
    assert read.request is not None
    assert read.request.idempotency_key


def test_a_session_shows_what_it_sells_when_asked(client: stripe.StripeClient) -> None:
    made = client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [
                {
                    "price_data": {
                        "currency": "eur",
                        "unit_amount": 500,
                        "product_data": {"name": "Teapot"},
                    },
                    "quantity": 2,
                }
            ],
            "success_url": "https://shop.example/thanks",
            "expand": ["line_items"],
        }
    )

    assert made.line_items is not None
    assert made.line_items.data[0].amount_total == 1000
    plain = client.v1.checkout.sessions.retrieve(made.id)
    assert "line_items" not in plain


def test_uploaded_files_are_listed(client: stripe.StripeClient, tmp_path: Path) -> None:
    # The smallest PNG: one transparent pixel.
    pixel = bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
        "0000000049454e44ae426082"
    )
    path = tmp_path / "pixel.png"
    path.write_bytes(pixel)
    with path.open("rb") as file:
        kept = client.v1.files.create({"purpose": "dispute_evidence", "file": file})

    listed = client.v1.files.list({"purpose": "dispute_evidence"}).data

    assert kept.type == "png"
    assert [each.id for each in listed] == [kept.id]
