"""Staff who may give out or erase a customer's data do it from the customer's page."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.backoffice.models import StaffAction
from apps.compliance.models import DataRequest
from apps.customers.models import Customer
from tests.backoffice.conftest import enter, enter_as  # noqa: F401 - fixtures
from tests.factories.payments import confirmed_intent
from tests.factories.subscriptions import customer_with_card
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]


def dialog_of(customer: Customer, name: str) -> str:
    return reverse("admin:customers_customer_dialog", args=[customer.pk, name])


def send(client: Client, url: str, nonce: str = "") -> Any:
    form = {"nonce": nonce or str(uuid.uuid4()), "reason": "They asked by mail."}
    return client.post(url, form)


def test_the_person_is_erased_once_however_often_the_form_is_sent(
    enter_as: EnterAs,  # noqa: F811 - the fixture
    gateway: FakeGateway,
) -> None:
    customer = customer_with_card()
    client, url, nonce = enter_as("support_lead"), dialog_of(customer, "erase-person"), "a" * 32

    first, second = send(client, url, nonce), send(client, url, nonce)

    assert (first.status_code, second.status_code) == (302, 302)
    customer.refresh_from_db()
    assert (customer.email, customer.erased_at is not None) == ("", True)
    assert DataRequest.objects.get().actor == "staff:support_lead@shop.example"
    kept = StaffAction.objects.get()
    assert (kept.action, kept.succeeded) == ("customer.erase-person", True)
    assert (kept.before, kept.after) == ({"is_erased": False}, {"is_erased": True})
    assert "ada@example.com" not in json.dumps([kept.before, kept.after, kept.outcome])
    page = client.get(reverse("admin:customers_customer_change", args=[customer.pk]))
    assert "Erased" in page.content.decode()
    assert "erase-person" not in page.content.decode()


def test_what_has_to_end_first_is_told_in_the_dialog(
    enter_as: EnterAs,  # noqa: F811 - the fixture
    gateway: FakeGateway,
) -> None:
    customer = customer_with_card()
    confirmed_intent(customer_id=customer.id, capture_method="manual")
    client, url = enter_as("support_lead"), dialog_of(customer, "erase-person")

    assert "Payments in flight" in client.get(url).content.decode()
    refused = send(client, url)

    assert refused.status_code == 422
    assert "cannot be erased yet: 1 payments in flight" in refused.content.decode()
    customer.refresh_from_db()
    assert customer.email == "ada@example.com"
    assert not DataRequest.objects.exists()


def test_the_data_of_a_customer_are_a_file(
    enter_as: EnterAs,  # noqa: F811 - the fixture
) -> None:
    customer = customer_with_card()

    answer = send(enter_as("support_lead"), dialog_of(customer, "export-person"))

    told = json.loads(b"".join(answer.streaming_content))
    assert told["sections"]["customer"][0]["email"] == "ada@example.com"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{customer.id}.json"'
    assert DataRequest.objects.get().kind == "export"
    assert StaffAction.objects.get().action == "customer.export-person"


@pytest.mark.parametrize("role", ["support_agent", "finance_lead", "auditor"])
def test_others_may_neither_export_nor_erase(
    role: str,
    enter_as: EnterAs,  # noqa: F811 - the fixture
) -> None:
    customer = customer_with_card()
    client = enter_as(role)

    assert send(client, dialog_of(customer, "export-person")).status_code == 403
    assert send(client, dialog_of(customer, "erase-person")).status_code == 403

    assert not DataRequest.objects.exists()
