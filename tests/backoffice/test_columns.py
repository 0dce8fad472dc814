"""What lists say about rows beyond their own columns: wallets, and second persons."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from apps.backoffice.kit.columns import plain
from apps.backoffice.models import Approval
from apps.backoffice.policies import RefundLimits
from apps.backoffice.services import approve, setup_roles
from apps.common.origin import Origin
from apps.payments.models import Refund
from apps.payments.services.approvals import refund_by_staff
from apps.payouts.models import Seller
from tests.backoffice.house import House, furnish
from tests.factories.backoffice import staff
from tests.factories.payments import SCOPE
from tests.factories.payouts import paid_seller
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]


@pytest.fixture
def house(db: None, gateway: FakeGateway) -> House:
    return furnish(gateway)


def test_the_list_of_sellers_shows_their_wallets_in_one_statement(
    gateway: FakeGateway, enter_as: EnterAs
) -> None:
    paid_seller(5000)
    client = enter_as("finance")
    url = reverse("admin:payouts_seller_changelist")

    with CaptureQueriesContext(connection) as one:
        client.get(url)
    other = paid_seller(700)
    with CaptureQueriesContext(connection) as two:
        shown = client.get(url).context["cl"].result_list

    screen: Any = admin.site.get_model_admin(Seller)
    (row,) = [row for row in shown if row.pk == other.pk]
    assert screen.available(row) == "7.00\u00a0EUR"
    assert (screen.pending(row), screen.held(row)) == ("0.00\u00a0EUR", "0.00\u00a0EUR")
    assert len(two) == len(one)


def test_the_list_of_refunds_says_who_agreed(house: House, superuser_client: Client) -> None:
    setup_roles()
    ana, lead = (
        staff(email="ana@shop.example"),
        staff(email="lead@shop.example", role="support_lead"),
    )
    now = timezone.now()
    refund = refund_by_staff(
        scope=SCOPE,
        intent_id=house.paid.id,
        amount=100,
        reason="duplicate",
        note="Charged twice.",
        limits=RefundLimits(each=0, daily=0),
        origin=Origin(actor=ana.actor),
        now=now,
    )
    request = Approval.objects.get(subject_id=refund.pk)

    def told() -> str:
        shown = superuser_client.get(reverse("admin:payments_refund_changelist"))
        (row,) = [row for row in shown.context["cl"].result_list if row.pk == refund.pk]
        screen: Any = admin.site.get_model_admin(Refund)
        return plain(screen.asked_by(row))

    assert told() == "ana@shop.example"
    approve(approval_id=request.pk, user=lead, note="", origin=Origin(actor=lead.actor), now=now)

    assert told() == "ana@shop.example Approved by lead@shop.example"
    page = superuser_client.get(reverse("admin:payments_refund_change", args=[refund.pk]))
    details = dict(page.context["page"].side[-1].rows)
    assert strip_tags(details["Approval"]).startswith(request.pk)
    assert details["Decided by"] == "lead@shop.example"
