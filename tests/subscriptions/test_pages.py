"""The pages of invoices: the invoice itself, its PDF, and the place for another card."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from io import BytesIO

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone
from pypdf import PdfReader
from time_machine import travel

from apps.common.origin import CLOCK
from apps.gateways.base import PaymentState
from apps.outbox.relay import drain
from apps.payments.models import PaymentIntent
from apps.payments.services.attempts import finish_attempt
from apps.subscriptions.models import Invoice, InvoicePayment, Subscription
from apps.subscriptions.services.cards import LINK_LIFETIME, sign_link
from apps.subscriptions.services.collection import collect_invoice, settle_payment
from apps.subscriptions.services.invoices import create_invoice
from apps.subscriptions.tasks import run_billing
from tests.factories.payments import SCOPE, TESTER
from tests.factories.subscriptions import (
    JANUARY,
    customer_with_card,
    day,
    invoices_of,
    price,
    subscribe,
)
from tests.fake_gateway import FakeGateway, challenge, decline

pytestmark = pytest.mark.django_db

FEBRUARY = day("2025-02-01")
TRY = "0" * 32


def test_the_link_of_an_invoice_shows_it(client: Client, gateway: FakeGateway) -> None:
    customer = customer_with_card(name="Ada <b>")
    [invoice] = invoices_of(subscribe(customer, price(1050), quantity=2))

    page = client.get(f"/invoices/{invoice.access_token}")

    text = page.content.decode()
    assert page.status_code == 200
    assert "Invoice INV-000001" in text
    assert "€21.00" in text
    assert "Ada &lt;b&gt;" in text
    assert page["Content-Security-Policy"].startswith("default-src 'none'")


def test_an_invoice_speaks_its_customers_language(client: Client, gateway: FakeGateway) -> None:
    customer = customer_with_card(preferred_locales=["fr", "de-AT"])
    [invoice] = invoices_of(subscribe(customer, price(123456)))

    page = client.get(f"/invoices/{invoice.access_token}")

    assert page["Content-Language"] == "de"
    assert "Rechnung INV-000001" in page.content.decode()
    assert "1.234,56\u00a0€" in page.content.decode()


def test_nobody_sees_drafts_or_guesses_links(client: Client, gateway: FakeGateway) -> None:
    draft = create_invoice(
        scope=SCOPE, customer_id=customer_with_card().id, with_pending=False,
        fields={"currency": "EUR"}, origin=TESTER, now=JANUARY,
    )  # fmt: skip

    assert client.get(f"/invoices/{draft.access_token}").status_code == 404
    assert client.get(f"/invoices/{draft.access_token}/pdf").status_code == 404
    assert client.get(f"/invoices/{draft.id}").status_code == 404


def test_the_pdf_has_the_number_the_lines_and_the_taxes(
    client: Client, gateway: FakeGateway
) -> None:
    customer = customer_with_card(name="Ada", preferred_locales=["de"])
    [invoice] = invoices_of(
        subscribe(customer, price(1000), quantity=3, fields={"tax_percent": Decimal(19)})
    )

    answer = client.get(f"/invoices/{invoice.access_token}/pdf")
    again = client.get(f"/invoices/{invoice.access_token}/pdf")

    assert answer["Content-Type"] == "application/pdf"
    assert answer.content == again.content
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(answer.content)).pages)
    said = text.replace("\u00a0", " ")
    for part in ("Rechnung INV-000001", "3 x Gold", "19 %", "30,00 €", "5,70 €", "35,70 €", "Ada"):
        assert part in said


# --- Another card ---------------------------------------------------------------------------------


@pytest.fixture
def february() -> Iterator[None]:
    """Let the pages be asked on the day after the card was refused."""
    with travel(FEBRUARY + timedelta(days=1)):
        yield


def unpaid(gateway: FakeGateway) -> Invoice:
    """Return an invoice whose card was refused."""
    subscription = subscribe(customer_with_card(), price(1000))
    run_billing(now=FEBRUARY)
    gateway.script = [decline("stolen_card")]
    return collect_invoice(invoice_id=invoices_of(subscription)[1].id, origin=CLOCK, now=FEBRUARY)


def test_ac_032_another_card_left_by_the_link_of_the_mail_is_charged_at_once(
    client: Client, gateway: FakeGateway, february: None
) -> None:
    invoice = unpaid(gateway)
    drain(now=FEBRUARY)
    [link] = [line for line in mail.outbox[-1].body.splitlines() if "/invoices/card/" in line]
    path = link[link.index("/invoices/card/") :]

    page = client.get(path)
    assert "€10.00" in page.content.decode()
    assert "https://fields.example/card" in page.content.decode()
    answer = client.post(path, {"token": "tok_visa", "try": TRY})

    assert answer.status_code == 200
    assert "The invoice is paid" in answer.content.decode()
    paid = Invoice.objects.get(pk=invoice.pk)
    assert (paid.status, paid.amount_paid, paid.next_payment_attempt) == ("paid", 1000, None)
    assert Subscription.objects.get().status == "active"
    method = paid.customer.default_payment_method_id
    assert method
    assert method != invoice.customer.default_payment_method_id
    assert client.post(path, {"token": "tok_visa", "try": TRY}).status_code == 200
    assert InvoicePayment.objects.filter(invoice=paid, status="paid").count() == 1


def test_the_banks_check_is_led_to_and_comes_back_to_the_page(
    client: Client, gateway: FakeGateway, february: None
) -> None:
    invoice = unpaid(gateway)
    path = f"/invoices/card/{sign_link(invoice)}"
    gateway.script = [challenge("https://bank.example/3ds")]

    asked = client.post(path, {"token": "tok_visa", "try": TRY})
    again = client.get(path)

    for page in (asked, again):
        assert 'href="https://bank.example/3ds"' in page.content.decode()
    intent = PaymentIntent.objects.get(status="requires_action")
    assert "/invoices/card/in_" in intent.return_url
    assert Invoice.objects.get(pk=invoice.pk).status == "open"

    gateway.move(
        intent.attempts.latest("number").gateway_reference,
        state=PaymentState.CAPTURED, amount_captured=1000,
    )  # fmt: skip
    finish_attempt(
        attempt_id=intent.latest_attempt_id, answer={}, origin=TESTER, now=timezone.now()
    )
    settle_payment(intent_id=intent.id, origin=TESTER, now=timezone.now())
    assert "Nothing is left to pay" in client.get(path).content.decode()


def test_a_card_that_is_declined_leaves_the_invoice_open_and_says_so(
    client: Client, gateway: FakeGateway, february: None
) -> None:
    invoice = unpaid(gateway)
    gateway.script = [decline("insufficient_funds")]

    answer = client.post(f"/invoices/card/{sign_link(invoice)}", {"token": "tok_visa", "try": TRY})

    assert answer.status_code == 402
    assert "declined" in answer.content.decode()
    assert Invoice.objects.get(pk=invoice.pk).status == "open"


@pytest.mark.parametrize("token", ["", "pm_someone_elses", "tok_" + "x" * 300])
def test_what_is_no_token_of_the_card_fields_is_refused(
    client: Client, gateway: FakeGateway, token: str
) -> None:
    invoice = unpaid(gateway)
    calls = len(gateway.calls)

    answer = client.post(f"/invoices/card/{sign_link(invoice)}", {"token": token, "try": TRY})

    assert answer.status_code == 400
    assert len(gateway.calls) == calls


def test_links_end_and_cannot_be_forged(client: Client, gateway: FakeGateway) -> None:
    invoice = unpaid(gateway)
    link = sign_link(invoice)

    assert client.get(f"/invoices/card/{link[:-1]}").status_code == 410
    assert client.get(f"/invoices/card/{invoice.id}").status_code == 410
    with travel(timezone.now() + LINK_LIFETIME + timedelta(minutes=1), tick=False):
        gone = client.get(f"/invoices/card/{link}")
    assert gone.status_code == 410
    assert "expired" in gone.content.decode()
