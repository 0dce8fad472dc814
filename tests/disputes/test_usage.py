"""What customers did in the merchant's service, and what billing knows, become evidence."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from apps.customers.models import Customer
from apps.disputes import selectors
from apps.disputes.matrix import FIELD_LIMIT, missing
from apps.disputes.models import Dispute, UsageEvidence
from apps.disputes.selectors import USAGE_MAX, suggest_evidence
from apps.disputes.services.standing_orders import change_policy
from apps.disputes.services.usage import record_usage
from apps.subscriptions.services.subscriptions import cancel_subscription
from tests.conftest import ApiClient
from tests.disputes.stories import PERSON, tell
from tests.factories.payments import SCOPE, confirmed_intent
from tests.factories.subscriptions import (
    customer_with_card,
    invoices_of,
    price,
    product,
    subscribe,
)
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer(db: None) -> Customer:
    return Customer.objects.create(
        merchant_id=SCOPE.merchant_id, livemode=False, name="Ada", created_at=timezone.now()
    )


def use(customer: Customer, action: str, *, days_ago: int = 0) -> UsageEvidence:
    """Let the service tell what the customer did."""
    now = timezone.now()
    return record_usage(
        scope=SCOPE,
        customer_id=customer.id,
        action=action,
        occurred_at=now - timedelta(days=days_ago),
        ip_address="203.0.113.7",
        device="",
        now=now,
    )


def disputed(gateway: FakeGateway, customer: Customer) -> Dispute:
    """Return a dispute of the customer's payment."""
    confirmed_intent(customer_id=customer.id)
    payment = list(gateway.payments.values())[-1]
    return tell(gateway.open_dispute(payment, now=timezone.now() + timedelta(seconds=1)))


def test_what_the_customer_did_before_the_dispute_is_the_activity_log(
    gateway: FakeGateway, customer: Customer
) -> None:
    use(customer, "Exported a report")
    use(customer, "Logged in", days_ago=2)
    dispute = disputed(gateway, customer)
    UsageEvidence.objects.create(
        merchant_id=SCOPE.merchant_id,
        livemode=False,
        customer_id=customer.id,
        action="Came back",
        occurred_at=dispute.opened_at + timedelta(days=1),
        created_at=dispute.opened_at,
    )

    log = suggest_evidence(dispute)["access_activity_log"].splitlines()

    assert [line.split(" · ")[1] for line in log] == ["Logged in", "Exported a report"]
    assert log[0].endswith("203.0.113.7")


def test_of_many_things_the_latest_are_named_and_the_others_counted(
    gateway: FakeGateway, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    UsageEvidence.objects.bulk_create(
        UsageEvidence(
            merchant_id=SCOPE.merchant_id,
            livemode=False,
            customer_id=customer.id,
            action=f"Opened page {page}",
            occurred_at=now - timedelta(hours=page),
            created_at=now,
        )
        for page in range(1, USAGE_MAX + 4)
    )
    dispute = disputed(gateway, customer)

    log = suggest_evidence(dispute)["access_activity_log"].splitlines()
    monkeypatch.setattr(selectors, "OLDER_COUNTED_MAX", 2)
    counted = suggest_evidence(dispute)["access_activity_log"].splitlines()

    assert len(log) == USAGE_MAX + 1
    assert log[0].endswith(f"Opened page {USAGE_MAX}")
    assert log[-2].endswith("Opened page 1")
    assert (log[-1], counted[-1]) == ("and 3 more before these", "and 2 or more before these")


def test_the_longest_log_fits_in_its_field(gateway: FakeGateway, customer: Customer) -> None:
    now = timezone.now()
    UsageEvidence.objects.bulk_create(
        UsageEvidence(
            merchant_id=SCOPE.merchant_id,
            livemode=False,
            customer_id=customer.id,
            action="a" * 200,
            ip_address="2001:0db8:85a3:08d3:1319:8a2e:255.255.255.255",
            device="d" * 200,
            occurred_at=now - timedelta(hours=1),
            created_at=now,
        )
        for _ in range(USAGE_MAX + 1)
    )

    log = suggest_evidence(disputed(gateway, customer))["access_activity_log"]

    assert len(log.splitlines()) == USAGE_MAX + 1
    assert len(log) <= FIELD_LIMIT


def test_what_was_told_cannot_be_changed(customer: Customer) -> None:
    usage = use(customer, "Logged in")

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        UsageEvidence.objects.filter(pk=usage.pk).update(action="Nothing")


def test_nothing_is_told_to_have_happened_in_the_future(customer: Customer) -> None:
    usage = use(customer, "Logged in", days_ago=-3)

    assert usage.occurred_at == usage.created_at


def test_the_terms_of_the_day_of_the_payment_are_quoted(
    gateway: FakeGateway, customer: Customer
) -> None:
    change_policy(scope=SCOPE, refund_terms="30 days.", origin=PERSON)
    dispute = disputed(gateway, customer)
    change_policy(scope=SCOPE, refund_terms="No refunds.", origin=PERSON)

    shown = suggest_evidence(dispute)

    assert shown["refund_policy_disclosure"].endswith("30 days.")
    assert "cancellation_policy_disclosure" not in shown


def test_a_charge_of_a_subscription_fills_in_what_was_billed_used_and_agreed(
    gateway: FakeGateway,
) -> None:
    change_policy(scope=SCOPE, cancellation_terms="Cancel any time.", origin=PERSON)
    now = timezone.now()
    customer = customer_with_card(now=now, name="Ada Payer", email="ada@payer.example")
    subscription = subscribe(customer, price(1000, of=product("Gold")), now=now)
    (invoice,) = invoices_of(subscription)
    use(customer, "Exported a report")
    dispute = tell(
        gateway.open_dispute(
            list(gateway.payments.values())[-1],
            now=now + timedelta(minutes=1),
            reason="subscription_canceled",
        )
    )

    shown = suggest_evidence(dispute)

    assert shown["product_description"] == f"Invoice {invoice.number}: 1 x Gold"
    assert shown["service_date"] == (
        f"{invoice.period_start:%Y-%m-%d} to {invoice.period_end:%Y-%m-%d}"
    )
    assert shown["cancellation_rebuttal"] == (
        f"Subscription {subscription.id} runs since {now:%Y-%m-%d}. It was never canceled."
    )
    assert shown["cancellation_policy_disclosure"] == (
        f"Shown at checkout, in force since {now:%Y-%m-%d}:\nCancel any time."
    )
    assert shown["access_activity_log"].endswith("Exported a report · 203.0.113.7")
    assert (shown["customer_name"], shown["customer_email_address"]) == (
        "Ada Payer",
        "ada@payer.example",
    )
    # What is left for people: the messages and the terms as files.
    assert missing(dispute.reason, shown) == ["customer_communication", "cancellation_policy"]


def test_a_cancellation_after_the_charge_is_told_with_its_time(gateway: FakeGateway) -> None:
    now = timezone.now()
    subscription = subscribe(customer_with_card(now=now), price(1000), now=now)
    later = now + timedelta(days=2)
    cancel_subscription(scope=SCOPE, subscription_id=subscription.id, origin=PERSON, now=later)
    dispute = tell(gateway.open_dispute(list(gateway.payments.values())[-1], now=later))

    rebuttal = suggest_evidence(dispute)["cancellation_rebuttal"]

    assert rebuttal.endswith(f"It was canceled on {later:%Y-%m-%d %H:%M} UTC, after this charge.")


def test_usage_is_pushed_by_the_api(api: ApiClient) -> None:
    owner: Any = api.post("/v1/customers", {"name": "Ada"}).json()

    kept = api.post("/v1/usage_evidence", {"customer": owner["id"], "action": "Logged in"}).json()
    listed = api.get("/v1/usage_evidence", {"customer": owner["id"]}).json()
    refused = api.post("/v1/usage_evidence", {"customer": "cus_" + "0" * 26, "action": "Logged in"})

    assert (kept["object"], kept["action"]) == ("usage_evidence", "Logged in")
    assert listed["data"] == [kept]
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "resource_missing")
