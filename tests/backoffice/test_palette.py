"""The search box: whatever a person was told or pasted opens its object, if they may see it."""

import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.api.models import Merchant
from apps.disputes.models import Dispute
from apps.payments.models import PaymentAttempt, PaymentIntent, PaymentOrder, Refund
from tests.backoffice.house import House, furnish
from tests.backoffice.test_screens import MAX_STATEMENTS_OF_A_LIST
from tests.factories.payments import SCOPE, confirmed_intent
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

Find = Callable[[House], str]
EnterAs = Callable[[str], Client]
_LINK = re.compile(r'href="(/admin/[^"]+/change/)"')


@pytest.fixture
def house(db: None, gateway: FakeGateway) -> House:
    # The indexes of addresses and checkouts begin with the merchant.
    Merchant.objects.create(id=SCOPE.merchant_id, name="Ada's shop", created_at=timezone.now())
    return furnish(gateway)


def look_up(client: Client, term: str) -> list[str]:
    """Return the pages that the search box offers."""
    answer = client.get(reverse("admin:search"), {"s": term, "extended": "1"})
    assert answer.status_code == 200
    return _LINK.findall(answer.content.decode())


def page_of(row: PaymentIntent | Refund | Dispute) -> str:
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return reverse(name, args=[row.pk])


@pytest.mark.parametrize(
    "find",
    [
        lambda house: house.paid.id,
        lambda house: f"  {house.paid.id} ",
        lambda house: house.paid.latest_attempt_id,
        lambda house: house.paid.latest_charge_id,
        lambda house: f"pi_fake_{house.paid.latest_attempt_id}",
        lambda house: "4242 10.50",
        lambda house: "10.50 4242",
        lambda house: "10,50 4242 eur",
        lambda house: "EUR 10.5 4242",
    ],
)
def test_a_payment_is_found(house: House, superuser_client: Client, find: Find) -> None:
    PaymentIntent.objects.exclude(pk=house.paid.pk).filter(amount=1050).delete()

    assert look_up(superuser_client, find(house)) == [page_of(house.paid)]


@pytest.mark.parametrize("term", ["4242 10.51", "4243 10.50", "4242 10.50 USD", "4242 10.5.0"])
def test_another_card_amount_or_currency_is_not_found(
    house: House, superuser_client: Client, term: str
) -> None:
    assert look_up(superuser_client, term) == []


def test_decimals_are_those_of_the_currency(house: House, superuser_client: Client) -> None:
    dinars = confirmed_intent(amount=10_500, currency="KWD")

    found = look_up(superuser_client, "4242 10.500")

    assert page_of(dinars) in found
    assert page_of(house.paid) in found
    assert look_up(superuser_client, "4242 10.500 kwd") == [page_of(dinars)]
    # 2,000 yen of the card ending 4242 is another amount than 20.00.
    assert page_of(house.failed) in look_up(superuser_client, "2000 4242")
    assert look_up(superuser_client, "20.00 4242 jpy") == []


def test_two_numbers_of_four_digits_are_read_both_ways(
    house: House, superuser_client: Client
) -> None:
    twice = confirmed_intent(amount=424_200)

    assert look_up(superuser_client, "4242 4242") == [page_of(twice)]


def test_a_customer_s_address_leads_to_them_and_to_their_payments(
    house: House, superuser_client: Client
) -> None:
    found = look_up(superuser_client, "ada@payer.example")

    assert page_of(house.paid) in found
    assert reverse("admin:customers_customer_change", args=[house.customer.id]) in found


def test_a_guest_s_address_leads_to_the_payment(house: House, superuser_client: Client) -> None:
    guest = confirmed_intent(amount=700, receipt_email="eve@payer.example")

    assert look_up(superuser_client, "eve@payer.example") == [page_of(guest)]


def test_an_order_s_number_leads_to_its_payment(house: House, superuser_client: Client) -> None:
    numbered = confirmed_intent(amount=700, metadata={"order_id": "A-1001"})
    ordered = PaymentOrder.objects.get(payment_order_id="order-1")

    assert look_up(superuser_client, "A-1001") == [page_of(numbered)]
    for name in ("order-1", "basket-1"):
        assert look_up(superuser_client, name) == [page_of(ordered.intent)]


def test_references_are_looked_for_as_they_are_written(
    house: House, superuser_client: Client
) -> None:
    reference = "NC6HT9CRT65ZGN82"
    PaymentAttempt.objects.filter(pk=house.paid.latest_attempt_id).update(
        gateway_reference=reference
    )

    assert look_up(superuser_client, reference) == [page_of(house.paid)]
    assert look_up(superuser_client, reference.lower()) == []


def test_other_objects_are_found_by_their_ids(house: House, superuser_client: Client) -> None:
    for row in (house.refund, house.dispute):
        assert look_up(superuser_client, row.pk) == [page_of(row)]


@pytest.mark.parametrize("term", ["pi_nothing", "nothing", "%", "' OR 1=1", "\x00", "9" * 300])
def test_nothing_is_found_for_nothing(house: House, superuser_client: Client, term: str) -> None:
    assert look_up(superuser_client, term) == []


def test_nobody_finds_what_they_may_not_see(house: House, enter_as: EnterAs) -> None:
    terms = [house.paid.id, house.dispute.id, house.customer.id, "4242 10.50", "ada@payer.example"]

    developer, agent, admin = (enter_as(role) for role in ("developer", "support_agent", "admin"))

    assert [bool(look_up(agent, term)) for term in terms] == [True, False, True, True, True]
    assert [bool(look_up(developer, term)) for term in terms] == [True, False, True, True, True]
    assert not any("/customer/" in page for page in look_up(developer, house.customer.id))
    assert [look_up(admin, term) for term in terms] == [[]] * 5


def test_who_lost_a_right_finds_nothing_at_once(house: House, enter_as: EnterAs) -> None:
    client = enter_as("support_agent")
    assert look_up(client, house.paid.id)

    house.person.__class__.objects.get(email="support_agent@shop.example").groups.clear()

    assert look_up(client, house.paid.id) == []


@pytest.mark.parametrize(
    "find",
    [
        lambda _: "pi_nothing",
        lambda _: "ada@payer.example",
        lambda _: "4242 10.50",
        lambda _: "order-1",
        lambda house: house.paid.id,
        lambda house: house.paid.latest_attempt_id,
        lambda house: house.refund.id,
        lambda house: house.customer.id,
    ],
)
def test_looking_something_up_takes_few_statements(
    house: House, superuser_client: Client, find: Find
) -> None:
    shown = reverse("admin:payments_paymentintent_changelist")
    for look in (
        lambda: look_up(superuser_client, find(house)),
        lambda: superuser_client.get(shown, {"q": find(house)}),
    ):
        with CaptureQueriesContext(connection) as statements:
            look()

        assert len(statements) <= MAX_STATEMENTS_OF_A_LIST, [s["sql"][:200] for s in statements]


def test_either_or_is_asked_apart(house: House, superuser_client: Client) -> None:
    # In one condition it reads three million payments, newest first, for one page.
    with CaptureQueriesContext(connection) as statements:
        look_up(superuser_client, "ada@payer.example")

    paid = [s["sql"] for s in statements if 'FROM "payments_paymentintent"' in s["sql"]]
    assert not any(" OR " in sql for sql in paid)


@pytest.mark.parametrize(
    ("term", "index"),
    [
        ("4242 10.50", "attempt_by_card_and_amount"),
        ("A-1001", "intent_by_order_id"),
        ("eve@payer.example", "intent_by_receipt_email"),
    ],
)
def test_what_is_looked_up_is_in_an_index(
    house: House, superuser_client: Client, term: str, index: str
) -> None:
    with connection.cursor() as cursor:
        # Small tables are read whole: forbidding it shows whether the index could answer.
        cursor.execute("SET LOCAL enable_seqscan = off")
        with CaptureQueriesContext(connection) as statements:
            look_up(superuser_client, term)
        plans = []
        for sql in (statement["sql"] for statement in statements):
            if "payments_payment" in sql and "SELECT" in sql:
                cursor.execute(f"EXPLAIN {sql}")
                plans += [line for (line,) in cursor.fetchall()]

    assert any(index in line for line in plans), plans
