"""Customers whose invoices have no taxes."""

from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader

from apps.customers.states import TaxExempt
from apps.subscriptions.objects import render_invoice
from apps.subscriptions.papers import make_pdf
from apps.subscriptions.tasks import run_billing
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
