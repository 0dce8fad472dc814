"""Whom an invoice is made out to, and whether they owe its taxes."""

from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from django.db import IntegrityError
from django.db.transaction import atomic
from pypdf import PdfReader

from apps.customers.services import update_customer
from apps.customers.states import TaxExempt
from apps.subscriptions.models import Invoice
from apps.subscriptions.objects import render_invoice
from apps.subscriptions.papers import make_pdf
from apps.subscriptions.services.invoices import create_invoice, finalize_invoice
from apps.subscriptions.tasks import run_billing
from tests.factories.payments import SCOPE, TESTER
from tests.factories.subscriptions import customer_with_card, day, invoices_of, price, subscribe
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

VAT = {"tax_percent": Decimal(19)}


@pytest.mark.parametrize(("status", "total"), [("none", 1190), ("exempt", 1000), ("reverse", 1000)])
def test_taxes_are_on_the_invoices_of_those_who_owe_them(
    gateway: FakeGateway, status: str, total: int
) -> None:
    customer = customer_with_card(tax_exempt=status)

    (invoice,) = invoices_of(subscribe(customer, price(1000), fields=VAT))

    assert (invoice.total, invoice.tax_amount) == (total, total - 1000)
    assert render_invoice(invoice, list(invoice.lines.all()))["customer_tax_exempt"] == status


def test_renewals_that_differ_in_taxes_only_are_not_copied(gateway: FakeGateway) -> None:
    plan = price(1000)
    taxed = subscribe(customer_with_card(), plan, fields=VAT)
    free = subscribe(customer_with_card(tax_exempt=TaxExempt.EXEMPT), plan, fields=VAT)

    run_billing(now=day("2025-02-01"))

    assert [invoices_of(each)[-1].total for each in (taxed, free)] == [1190, 1000]


def test_the_paper_says_who_owes_the_tax(gateway: FakeGateway) -> None:
    customer = customer_with_card(tax_exempt=TaxExempt.REVERSE)
    (invoice,) = invoices_of(subscribe(customer, price(1000), fields=VAT))

    pages = PdfReader(BytesIO(make_pdf(invoice, "en"))).pages

    assert "Reverse charge" in "".join(page.extract_text() for page in pages)


def test_whether_a_customer_is_exempt_is_told_and_changed(api: Any) -> None:
    made = api.post("/v1/customers", {"tax_exempt": "exempt"}).json()

    changed = api.post(f"/v1/customers/{made['id']}", {"tax_exempt": "none"}).json()
    refused = api.post(f"/v1/customers/{made['id']}", {"tax_exempt": "maybe"})

    assert (made["tax_exempt"], changed["tax_exempt"]) == ("exempt", "none")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "tax_exempt")


def test_a_final_invoice_stays_made_out_to_whom_it_was(gateway: FakeGateway) -> None:
    customer = customer_with_card(name="Ada Ltd", tax_exempt=TaxExempt.REVERSE)
    (invoice,) = invoices_of(subscribe(customer, price(1000), fields=VAT))

    changes = {"name": "Eve Ltd", "email": "eve@payer.example", "tax_exempt": TaxExempt.NONE}
    update_customer(
        scope=SCOPE, customer_id=customer.id, changes=changes, origin=TESTER, now=day("2025-01-02")
    )

    invoice = Invoice.objects.get(pk=invoice.pk)
    shown = render_invoice(invoice, list(invoice.lines.all()))
    assert shown["customer_name"] == "Ada Ltd"
    assert shown["customer_email"] == customer.email
    assert shown["customer_tax_exempt"] == "reverse"
    pages = PdfReader(BytesIO(make_pdf(invoice, "en"))).pages
    text = "".join(page.extract_text() for page in pages)
    assert "Ada Ltd" in text
    assert "Eve Ltd" not in text
    with pytest.raises(IntegrityError, match="a final invoice does not change"), atomic():
        Invoice.objects.filter(pk=invoice.pk).update(customer_name="Eve Ltd")


def test_a_draft_is_made_out_to_whom_it_is_finalized_for(gateway: FakeGateway) -> None:
    customer = customer_with_card(name="Ada Ltd")
    draft = create_invoice(
        scope=SCOPE,
        customer_id=customer.id,
        with_pending=False,
        fields={"currency": "EUR"},
        origin=TESTER,
        now=day("2025-01-01"),
    )
    update_customer(
        scope=SCOPE,
        customer_id=customer.id,
        changes={"name": "Ada GmbH"},
        origin=TESTER,
        now=day("2025-01-02"),
    )

    final = finalize_invoice(scope=SCOPE, invoice_id=draft.id, origin=TESTER, now=day("2025-01-03"))

    assert (draft.customer_name, final.customer_name) == ("Ada Ltd", "Ada GmbH")
