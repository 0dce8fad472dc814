"""SEPA mandates: kept with the account, shown, ended with its detachment."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from apps.outbox.models import Event
from apps.vault.models import Mandate, PaymentMethod
from tests.conftest import ApiClient
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

Gateways = tuple[FakeGateway, FakeGateway]
ACCOUNT = {"type": "sepa_debit", "sepa_debit": {"iban": "DE89370400440532013000"}}
ONLINE = {
    "customer_acceptance": {
        "type": "online",
        "accepted_at": 1795000000,
        "online": {"ip_address": "192.0.2.7", "user_agent": "Firefox"},
    }
}


def save(api: ApiClient, **more: Any) -> Any:
    return api.post("/v1/payment_methods", {**ACCOUNT, **more})


def test_an_account_comes_with_its_mandate(api: ApiClient, gateways: Gateways) -> None:
    method = save(api, mandate_data=ONLINE).json()

    mandate = Mandate.objects.get(payment_method_id=method["id"])
    assert api.get(f"/v1/mandates/{mandate.id}").json() == {
        "id": mandate.id,
        "object": "mandate",
        "customer_acceptance": {
            "accepted_at": 1795000000,
            "type": "online",
            "offline": None,
            "online": {"ip_address": "192.0.2.7", "user_agent": "Firefox"},
        },
        "livemode": False,
        "multi_use": {},
        "payment_method": method["id"],
        "payment_method_details": {
            "type": "sepa_debit",
            "sepa_debit": {"reference": mandate.reference, "url": None},
        },
        "status": "active",
        "type": "multi_use",
    }
    assert [each.type for each in Event.objects.filter(object_id=mandate.id)] == ["mandate.created"]


def test_a_mandate_that_nothing_tells_about_was_given_on_paper(
    api: ApiClient, gateways: Gateways
) -> None:
    save(api)

    mandate = Mandate.objects.get()
    assert (mandate.acceptance, mandate.ip) == ("offline", None)
    assert len(mandate.reference) == 16


def test_a_card_has_no_mandate(api: ApiClient, gateways: Gateways) -> None:
    api.post("/v1/payment_methods", {"type": "card", "card": {"token": "tok_visa"}})

    assert not Mandate.objects.exists()


@pytest.mark.parametrize(
    ("acceptance", "code"),
    [
        ({"type": "online"}, "parameter_missing"),
        (
            {"type": "online", "online": {"ip_address": "nowhere", "user_agent": "Firefox"}},
            "parameter_invalid",
        ),
        ({"type": "by pigeon"}, "parameter_invalid"),
    ],
)
def test_a_mandate_that_proves_nothing_is_refused_and_nothing_is_stored(
    api: ApiClient, gateways: Gateways, acceptance: dict[str, Any], code: str
) -> None:
    answer = save(api, mandate_data={"customer_acceptance": acceptance})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert not PaymentMethod.objects.exists()
    assert gateways[0].count("store_method") == 0


def test_a_detached_account_ends_its_mandate(api: ApiClient, gateways: Gateways) -> None:
    method = save(api).json()

    api.post(f"/v1/payment_methods/{method['id']}/detach")

    mandate = Mandate.objects.get()
    assert not mandate.is_active
    told = Event.objects.filter(object_id=mandate.id).order_by("sequence")
    assert [(each.type, each.object["status"]) for each in told] == [
        ("mandate.created", "active"),
        ("mandate.updated", "inactive"),
    ]


def test_postgresql_refuses_an_online_mandate_without_an_address(
    api: ApiClient, gateways: Gateways
) -> None:
    save(api)

    with pytest.raises(IntegrityError, match="mandate_online_has_address"), transaction.atomic():
        Mandate.objects.update(acceptance="online")


def test_another_merchants_mandate_is_not_there(api: ApiClient, gateways: Gateways) -> None:
    save(api)
    Mandate.objects.update(merchant_id="mer_other")

    assert api.get(f"/v1/mandates/{Mandate.objects.get().id}").status_code == 404
