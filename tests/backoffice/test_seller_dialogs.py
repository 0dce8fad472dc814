"""What staff may do to sellers and payouts, through dialogs."""

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.backoffice.models import Approval
from apps.payouts.models import Payout, Seller
from tests.backoffice.house import audited
from tests.factories.payouts import asked_payout, paid_seller, wallet_of
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]


def send(client: Client, row: Any, dialog: str, **answers: str) -> Any:
    model = f"{row._meta.app_label}_{row._meta.model_name}"
    url = reverse(f"admin:{model}_dialog", args=[row.pk, dialog])
    return client.post(
        url, {"nonce": str(uuid.uuid4()), "reason": "As agreed by phone.", **answers}
    )


def test_seller_is_paid_out_by_hand_and_it_is_written_down(
    gateway: FakeGateway, enter_as: EnterAs
) -> None:
    seller = paid_seller(1000)

    response = send(enter_as("finance"), seller, "pay-out", amount="7.00")

    assert response.status_code == 302
    payout = Payout.objects.get()
    assert (payout.amount, payout.requested_by) == (700, "staff:finance@shop.example")
    assert wallet_of(seller).available == 300
    action = audited()
    assert (action.action, action.object_id) == ("seller.pay-out", seller.id)
    assert (action.before["payable"], action.after["payable"]) == (1000, 300)


def test_payout_above_the_limit_asks_a_second_person(
    gateway: FakeGateway, enter_as: EnterAs, settings: Any
) -> None:
    settings.PAYOUT_APPROVAL_LIMIT = Decimal(5)

    send(enter_as("finance"), paid_seller(1000), "pay-out", amount="7.00")

    assert Approval.objects.get().subject_id == Payout.objects.get().id
    assert "waits for a second person" in audited().outcome


def test_more_than_the_wallet_has_is_refused(gateway: FakeGateway, enter_as: EnterAs) -> None:
    seller = paid_seller(1000)

    send(enter_as("finance"), seller, "pay-out", amount="10.01")

    assert not Payout.objects.exists()
    assert audited().succeeded is False


def test_payout_is_canceled(gateway: FakeGateway, enter_as: EnterAs) -> None:
    seller = paid_seller(1000)
    payout = asked_payout(seller, 700)

    send(enter_as("finance"), payout, "cancel-payout")

    assert Payout.objects.get().status == "canceled"
    assert wallet_of(seller).available == 1000


def test_seller_is_suspended_and_resumed(gateway: FakeGateway, enter_as: EnterAs) -> None:
    seller = paid_seller(1000)
    client = enter_as("finance_lead")

    send(client, seller, "suspend")
    suspended = Seller.objects.get().status
    send(client, seller, "resume")

    assert (suspended, Seller.objects.get().status) == ("suspended", "active")
