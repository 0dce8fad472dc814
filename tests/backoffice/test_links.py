"""Where pages lead: to what belongs together, and only to what their reader may open."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import resolve, reverse
from django.utils.html import strip_tags

from apps.api.addresses import parcel_of
from apps.backoffice.kit.display import identifier, link
from apps.common.origin import Scope
from apps.disputes.models import Dispute
from apps.payments.models import PaymentOrder
from config.roles import ROLES
from tests.backoffice.house import House, furnish, pages
from tests.factories.payments import confirmed_intent
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]
OK, MOVED = 200, 302
_CONTENT = re.compile(r'<(?:article|table id="result_list").*', re.DOTALL)
_HREF = re.compile(r'href="(/admin/[^"?#]+)')


@pytest.fixture
def house(db: None, gateway: FakeGateway) -> House:
    return furnish(gateway)


def rows_of(client: Client, url: str, title: str) -> list[list[str]]:
    page = client.get(url).context["page"]
    (panel,) = [panel for panel in page.main if getattr(panel, "title", "") == title]
    return [[strip_tags(str(cell)).partition("content_copy")[0] for cell in r] for r in panel.rows]


def payment_url(pk: str) -> str:
    return reverse("admin:payments_paymentintent_change", args=[pk])


@pytest.mark.parametrize("role", sorted(ROLES))
def test_no_page_has_a_link_that_its_reader_may_not_follow(
    house: House, enter_as: EnterAs, role: str
) -> None:
    client = enter_as(role)
    offered: dict[str, str] = {}

    for url in pages(house):
        answer = client.get(url)
        found = _CONTENT.search(answer.content.decode())
        if answer.status_code == OK and found:
            # One of each kind of page is enough.
            offered |= {resolve(each).view_name: each for each in _HREF.findall(found[0])}

    refused = [url for url in offered.values() if client.get(url).status_code not in {OK, MOVED}]
    assert refused == []


def test_a_review_leads_to_its_payment(house: House, enter_as: EnterAs) -> None:
    shown = enter_as("risk").get(reverse("admin:fraud_review_change", args=[house.review.pk]))

    assert f'href="{payment_url(house.review.intent_id)}"' in shown.content.decode()


def test_an_id_leads_to_its_page_and_a_gateway_s_look_alike_nowhere(house: House) -> None:
    ours, theirs = identifier(house.paid.pk), identifier("pi_3MtwBwLkdIwHu7ix28a3tqPa")

    assert f'href="{payment_url(house.paid.pk)}"' in ours
    assert "href" not in theirs
    assert 'data-copy="pi_3MtwBwLkdIwHu7ix28a3tqPa"' in theirs


def test_a_link_outside_of_any_request_is_a_link() -> None:
    assert link("/admin/ledger/account/", "<Books>") == (
        '<a class="bo-link" href="/admin/ledger/account/">&lt;Books&gt;</a>'
    )


def test_a_payment_shows_its_dispute_the_bank_s_warning_and_its_review(
    house: House, superuser_client: Client
) -> None:
    disputed, warning = house.dispute, house.warning

    about_dispute = rows_of(superuser_client, payment_url(disputed.intent_id), "Belongs together")
    about_review = rows_of(superuser_client, payment_url(house.paid.pk), "Belongs together")

    assert about_dispute == [["Dispute", disputed.pk, "Needs response", "49.00\u00a0EUR"]]
    assert about_review == [
        ["Early fraud warning", warning.pk, "Made with stolen card", ""],
        ["Review", house.review.pk, "Open", ""],
    ]


def test_an_order_stands_beside_its_payment(house: House, superuser_client: Client) -> None:
    order = PaymentOrder.objects.get()

    rows = rows_of(superuser_client, payment_url(order.intent_id), "Belongs together")

    assert rows == [["Payment order", order.pk, "Not started", ""]]


def test_a_customer_shows_what_they_paid_and_pay_with(
    house: House, superuser_client: Client
) -> None:
    url = reverse("admin:customers_customer_change", args=[house.customer.pk])

    rows = rows_of(superuser_client, url, "Belongs together")

    assert ["Payment", house.paid.pk, "Succeeded", "10.50\u00a0EUR"] in rows
    assert ["Subscription", house.subscription.pk, "Active", "49.00\u00a0EUR"] in rows


def test_the_list_says_which_payments_were_disputed_and_how_risky_they_were(
    house: House, superuser_client: Client
) -> None:
    shown = superuser_client.get(reverse("admin:payments_paymentintent_changelist"))

    marked = {row.pk for row in shown.context["cl"].result_list if row.shown_mark}
    assert marked == set(Dispute.objects.values_list("intent_id", flat=True))
    assert all(
        row.shown_attempt.risk_level
        for row in shown.context["cl"].result_list
        if row.latest_attempt_id
    )


def test_the_payer_s_address_stands_in_the_list_for_those_who_may_see_people(
    house: House, enter_as: EnterAs
) -> None:
    url = reverse("admin:payments_paymentintent_changelist")

    assert "ada@payer.example" in enter_as("support_agent").get(url).content.decode()
    masked = enter_as("ops").get(url).content.decode()
    assert "a•••@payer.example" in masked
    assert "ada@payer.example" not in masked
    assert "bob@payer.example" not in masked


def test_where_goods_go_is_told_to_those_who_may_see_people(
    house: House, enter_as: EnterAs
) -> None:
    address = {"line1": "Main Street 1", "city": "Berlin", "country": "DE"}
    sent = {"name": "Zoë", "address": address, "carrier": "DHL", "tracking_number": "JJD1"}
    scope = Scope(house.paid.merchant_id, house.paid.livemode)
    payment = confirmed_intent(scope=scope, shipping=parcel_of(sent))
    url = reverse("admin:payments_paymentintent_change", args=[payment.pk])

    (told, withheld) = (
        dict(enter_as(role).get(url).context["page"].side[-1].rows)
        for role in ("support_agent", "ops")
    )

    assert strip_tags(told["Goes to"]) == "ZoëMain Street 1, Berlin, DE"
    assert told["Parcel"] == "DHL · JJD1"
    assert withheld.keys().isdisjoint({"Goes to", "Parcel"})
