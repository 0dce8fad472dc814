"""Lists narrowed down: by fields to fill in, and by what no index holds."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.api.admin import durations
from apps.api.models import LoggedRequest
from apps.api.services import create_api_key, create_merchant
from apps.backoffice.kit import lists
from apps.backoffice.kit.columns import read_screen
from apps.backoffice.models import User
from apps.common.ids import id_at
from apps.common.origin import Origin
from apps.customers.models import Customer
from apps.fraud.models import Decision
from apps.gateways.base import DeclineClass
from apps.payments.models import PaymentAttempt
from apps.payments.services.refunds import request_refund, run_refund
from apps.subscriptions.models import Invoice, SubscriptionItem
from tests.backoffice.house import disputed_payment, refused_request, subscribe_customer
from tests.factories.payments import SCOPE, TESTER, confirmed_intent, created_intent
from tests.factories.subscriptions import price
from tests.fake_gateway import FakeGateway, decline

pytestmark = pytest.mark.django_db

PAYMENTS = "admin:payments_paymentintent_changelist"
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def find(superuser_client: Client) -> Callable[..., list[str]]:
    """Return a function that opens the list of payments and returns the ids on it."""

    def ids(**query: str) -> list[str]:
        response = superuser_client.get(reverse(PAYMENTS), query)
        assert response.status_code == 200
        return [row.id for row in response.context["cl"].result_list]

    return ids


def refund(intent_id: str, amount: int) -> None:
    asked = request_refund(
        scope=SCOPE, intent_id=intent_id, amount=amount, origin=TESTER, now=timezone.now()
    )
    run_refund(refund_id=asked.id, now=timezone.now())


def test_payments_are_found_by_amount_in_each_currency_s_own_decimals(
    gateway: FakeGateway, find: Callable[..., list[str]]
) -> None:
    euros = confirmed_intent(amount=1050, currency="EUR").id
    yen = confirmed_intent(amount=1050, currency="JPY").id
    dinars = confirmed_intent(amount=10_500, currency="KWD").id

    assert find(amount_from="10.5", amount_to="10.5") == [dinars, euros]
    assert find(amount_from="10.51") == [yen]
    assert find(amount_to="10.499") == []
    assert find(amount_currency="JPY") == [yen]
    assert find(amount_currency="JPY", amount_to="1049") == []
    assert find(amount_from="", amount_to="", amount_currency="") == [dinars, yen, euros]


@pytest.mark.parametrize("wrong", ["ten", "-1", "NaN", "1e999999"])
def test_what_is_no_amount_narrows_nothing_and_says_so(
    gateway: FakeGateway, superuser_client: Client, wrong: str
) -> None:
    confirmed_intent()

    response = superuser_client.get(reverse(PAYMENTS), {"amount_from": wrong})

    assert len(response.context["cl"].result_list) == 1
    assert 'class="bo-wrong" role="alert"' in response.content.decode()


def test_payments_are_found_by_how_much_went_back(
    gateway: FakeGateway, find: Callable[..., list[str]]
) -> None:
    whole, part, none = (confirmed_intent(amount=1000).id for _ in range(3))
    refund(whole, 1000)
    refund(part, 400)
    created_intent()

    assert find(refunded="fully") == [whole]
    assert find(refunded="partly") == [part]
    assert find(refunded="none") == [none]
    assert find(refunded="under_way") == []
    assert len(find(refunded="nonsense")) == 4


def test_payments_are_found_by_gateway_decline_and_risk(
    gateway: FakeGateway, find: Callable[..., list[str]]
) -> None:
    gateway.script.append(decline("insufficient_funds", DeclineClass.RETRYABLE))
    declined = confirmed_intent()
    paid = confirmed_intent()
    PaymentAttempt.objects.filter(pk=paid.latest_attempt_id).update(gateway="elsewhere")
    levels = dict(Decision.objects.values_list("intent_id", "level"))

    assert find(declined="insufficient_funds") == [declined.id]
    assert find(declined="expired_card") == []
    assert find(gateway="elsewhere") == [paid.id]
    assert find(gateway="nowhere") == []
    level = levels[paid.id]
    assert find(risk=level) == [row.id for row in (paid, declined) if levels[row.id] == level]
    assert find(risk="highest") == []


def test_payments_are_found_by_their_disputes(
    gateway: FakeGateway, find: Callable[..., list[str]]
) -> None:
    confirmed_intent()
    dispute = disputed_payment(gateway, now=timezone.now())

    assert find(disputed="open") == find(disputed="ever") == [dispute.intent_id]
    assert len(find(disputed="nonsense")) == 2


def test_refunds_are_found_by_reason_person_and_amount(
    superuser_client: Client, gateway: FakeGateway
) -> None:
    payment = confirmed_intent(amount=1000)
    mine, theirs = (
        request_refund(
            scope=SCOPE,
            intent_id=payment.id,
            amount=amount,
            reason=reason,
            origin=Origin(actor=actor),
            now=timezone.now(),
        ).id
        for amount, reason, actor in (
            (100, "duplicate", "staff:rae@shop.example"),
            (200, "fraudulent", "api:key_7"),
        )
    )
    url = reverse("admin:payments_refund_changelist")

    def ids(**query: str) -> list[str]:
        return [row.pk for row in superuser_client.get(url, query).context["cl"].result_list]

    assert ids(reason="duplicate") == [mine]
    assert ids(asked_by="rae@shop.example") == ids(asked_by="staff:") == [mine]
    assert ids(asked_by="key_7") == ids(asked_by="api:") == [theirs]
    assert ids(asked_by="clock") == []
    assert ids(amount_from="1.5") == [theirs]


def test_rows_are_found_by_the_days_between_two_dates(superuser_client: Client) -> None:
    days = [datetime(2026, 5, day, 23, 59, tzinfo=UTC) for day in (1, 2, 3)]
    first, second, third = (customer(at) for at in days)
    url = reverse("admin:customers_customer_changelist")

    def ids(**query: str) -> list[str]:
        return [row.pk for row in superuser_client.get(url, query).context["cl"].result_list]

    assert ids(created_since="2026-05-02", created_until="2026-05-02") == [second]
    assert ids(created_until="2026-05-01") == [first]
    assert ids(created_since="2026-05-02") == [third, second]
    assert ids(created_since="yesterday") == [third, second, first]


def test_a_filter_without_an_index_reads_a_stretch_and_offers_to_look_further(
    superuser_client: Client, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "ROWS_LOOKED_AT", 2)
    wanted = confirmed_intent(amount=777)
    other = [confirmed_intent(amount=100).id for _ in range(4)]
    url = reverse(PAYMENTS)

    pages, query = [], "?amount_from=7.77"
    for _ in range(3):
        response = superuser_client.get(url + query)
        pages.append([row.id for row in response.context["cl"].result_list])
        query = response.context["cl"].further_url

    assert pages == [[], [], [wanted.id]]
    assert query == ""
    assert other[-1] in superuser_client.get(url + "?amount_from=1").content.decode()
    first = superuser_client.get(url + "?amount_from=7.77")
    assert "Look further" in first.content.decode()


def test_a_stretch_is_looked_through_towards_newer_rows_as_well(
    superuser_client: Client, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "ROWS_LOOKED_AT", 2)
    start = confirmed_intent(amount=100)
    _, _, wanted = (confirmed_intent(amount=amount) for amount in (100, 100, 777))
    url = reverse(PAYMENTS)

    near = superuser_client.get(url, {"amount_from": "7.77", "after": start.id}).context["cl"]
    far = superuser_client.get(url + near.further_url).context["cl"]

    assert near.result_list == []
    assert [row.id for row in far.result_list] == [wanted.id]


def test_other_filters_are_kept_and_the_page_is_not(
    superuser_client: Client, gateway: FakeGateway
) -> None:
    last = confirmed_intent().id

    response = superuser_client.get(
        reverse(PAYMENTS), {"status__exact": "succeeded", "before": last, "amount_from": "1"}
    )

    amount = next(s for s in response.context["cl"].filter_specs if s.title == "amount")
    (everything,) = amount.choices(response.context["cl"])
    assert everything["kept"] == [("status__exact", "succeeded")]
    assert everything["query_string"] == "?status__exact=succeeded"


def test_all_filters_of_payments_together_stay_within_twelve_statements(
    superuser_client: Client, gateway: FakeGateway
) -> None:
    confirmed_intent()
    query = {
        "status__exact": "succeeded", "amount_from": "1", "amount_currency": "EUR",
        "gateway": "stripe_main", "declined": "expired_card", "refunded": "none",
        "risk": "normal", "disputed": "ever", "created": "7", "livemode__exact": "0",
    }  # fmt: skip

    with CaptureQueriesContext(connection) as statements:
        response = superuser_client.get(reverse(PAYMENTS), query)

    assert response.status_code == 200
    assert len(statements) <= 12


def test_a_file_has_all_rows_that_match_and_no_stretch(
    superuser_client: Client, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "ROWS_LOOKED_AT", 1)
    wanted = [confirmed_intent(amount=777).id for _ in range(3)]

    sheet = read_screen("payments.paymentintent", "amount_from=7.77", User.objects.get())

    assert [row[0] for row in sheet.rows] == wanted[::-1]


def customer(at: datetime) -> Any:
    return Customer.objects.create(
        id=id_at("cus", at), merchant_id="mer_test", livemode=False, created_at=at
    ).pk


def test_the_journal_is_found_by_days_account_and_what_was_booked(
    superuser_client: Client, gateway: FakeGateway
) -> None:
    paid = confirmed_intent()
    url = reverse("admin:ledger_journalentry_changelist")

    def kinds(**query: str) -> list[str]:
        return [row.kind for row in superuser_client.get(url, query).context["cl"].result_list]

    assert kinds(q=paid.latest_attempt_id) == ["captured"]
    assert kinds(account="sales") == kinds(created="1") == ["captured"]
    assert kinds(account="dispute_losses") == kinds(created_until="2026-01-01") == []


def test_subscriptions_are_found_by_plan_and_dunning(
    superuser_client: Client, gateway: FakeGateway
) -> None:
    plan = price(900)
    mine, _ = subscribe_customer(new_payer(), now=timezone.now())
    Invoice.objects.filter(subscription_id=mine.id).update(
        status="open", first_failed_at=timezone.now(), dunning_slot=2
    )
    product = SubscriptionItem.objects.get(subscription_id=mine.id).price.product_id
    url = reverse("admin:subscriptions_subscription_changelist")

    def ids(**query: str) -> list[str]:
        return [row.pk for row in superuser_client.get(url, query).context["cl"].result_list]

    assert ids(plan=product) == ids(dunning="2") == ids(dunning="nonsense") == [mine.id]
    assert ids(plan=plan.product_id) == ids(dunning="1") == []


def new_payer() -> Customer:
    return Customer.objects.create(
        merchant_id="mer_test", livemode=False, email="ada@payer.example", created_at=timezone.now()
    )


def test_the_latest_requests_are_drawn_in_groups_with_median_and_slow_end(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durations, "GROUP_SIZE", 20)
    merchant = create_merchant(name="Ada", now=NOW)
    key, _ = create_api_key(merchant=merchant, livemode=False, now=NOW, name="Shop")
    for taken in range(25):
        row = refused_request(key, now=NOW)
        LoggedRequest.objects.filter(pk=row.pk).update(
            id=id_at("req", NOW + timedelta(seconds=taken)), duration_ms=taken * 10
        )

    chart = durations.draw_durations()

    assert [(bar.label, bar.height, bar.high, bar.text) for bar in chart.bars] == [
        ("04 May 12:00", 100, 190, "100 ms, p95 190 ms"),
        ("04 May 12:00", 220, 240, "220 ms, p95 240 ms"),
    ]
