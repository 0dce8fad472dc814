"""A merchant's standing orders: small chargebacks given up, inquiries and warnings refunded."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.api.models import Merchant
from apps.common.origin import Scope
from apps.disputes.handlers import on_fraud_warning_created
from apps.disputes.models import Dispute, DisputePolicy
from apps.disputes.services.details import assign_dispute
from apps.disputes.services.standing_orders import POLICY, change_policy
from apps.disputes.services.sweeps import sweep_disputes
from apps.disputes.services.warnings import record_fraud_warning
from apps.gateways.base import DisputeStage, FraudWarning
from apps.outbox.models import Event
from apps.payments.models import Refund
from tests.conftest import ApiClient
from tests.disputes.stories import PERSON, paid, paid_to, tell
from tests.factories.payments import SCOPE
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db


def order(**orders: Any) -> DisputePolicy:
    """Give orders."""
    return change_policy(scope=SCOPE, origin=PERSON, **orders)


def disputed(gateway: FakeGateway, **changes: Any) -> Dispute:
    """Return a dispute of 10.00 EUR, not looked at by the clock yet."""
    _, payment = paid(gateway)
    return tell(gateway.open_dispute(payment, now=timezone.now(), **changes))


def look(dispute: Dispute) -> Dispute:
    """Let the clock look at it."""
    sweep_disputes(now=timezone.now())
    return Dispute.objects.get(pk=dispute.pk)


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        ({"EUR": 1001}, "accepted"),
        ({"EUR": 1000}, "needs_response"),
        ({"USD": 5000}, "needs_response"),
        ({}, "needs_response"),
    ],
)
def test_a_chargeback_below_the_limit_of_its_currency_is_given_up(
    gateway: FakeGateway, limits: dict[str, int], status: str
) -> None:
    order(accept_below=limits)

    dispute = look(disputed(gateway))

    assert dispute.status == status
    assert gateway.count("accept_dispute") == (status == "accepted")
    closed = Event.objects.filter(object_id=dispute.id, type="charge.dispute.closed")
    assert [event.actor for event in closed] == ([POLICY.actor] if status == "accepted" else [])


def test_a_dispute_that_somebody_works_on_is_theirs(gateway: FakeGateway) -> None:
    order(accept_below={"EUR": 5000})
    dispute = disputed(gateway)
    assign_dispute(scope=SCOPE, dispute_id=dispute.id, assignee=None)

    assert look(dispute).status == "needs_response"


def test_an_inquiry_below_the_limit_is_refunded_once(gateway: FakeGateway) -> None:
    order(refund_inquiries_below={"EUR": 1001})
    dispute = disputed(gateway, stage=DisputeStage.INQUIRY)

    look(dispute)
    Dispute.objects.filter(pk=dispute.pk).update(next_check_at=timezone.now())
    look(dispute)

    refund = Refund.objects.get()
    assert (refund.amount, refund.status) == (1000, "succeeded")
    assert gateway.count("refund") == 1


def test_an_inquiry_above_the_limit_waits_for_people(gateway: FakeGateway) -> None:
    order(refund_inquiries_below={"EUR": 1000})

    look(disputed(gateway, stage=DisputeStage.INQUIRY))

    assert not Refund.objects.exists()


def warned(gateway: FakeGateway, *, is_actionable: bool = True) -> Event:
    """Return the event that tells of a bank's warning about a payment of 10.00 EUR."""
    _, payment = paid(gateway)
    report = record_fraud_warning(
        gateway="stripe_main",
        warning=FraudWarning(
            reference="issfr_1",
            kind="made_with_stolen_card",
            is_actionable=is_actionable,
            payment_reference=payment.reference,
        ),
        origin=PERSON,
        now=timezone.now(),
    )
    return Event.objects.get(object_id=report.id)


def test_a_warning_of_fraud_below_the_limit_is_refunded_once(gateway: FakeGateway) -> None:
    order(refund_warnings_below={"EUR": 1001})
    event = warned(gateway)

    for _ in range(2):
        on_fraud_warning_created(event, now=timezone.now())

    refund = Refund.objects.get()
    assert (refund.amount, refund.status, refund.reason) == (1000, "succeeded", "fraudulent")
    created = Event.objects.get(object_id=refund.id, type="refund.created")
    assert created.actor == POLICY.actor
    assert gateway.count("refund") == 1


@pytest.mark.parametrize(
    ("limits", "is_actionable"),
    [({}, True), ({"EUR": 1000}, True), ({"USD": 5000}, True), ({"EUR": 5000}, False)],
    ids=["no order", "at the limit", "another currency", "too late for the bank"],
)
def test_a_warning_of_fraud_is_left_alone_otherwise(
    gateway: FakeGateway, limits: dict[str, int], is_actionable: bool
) -> None:
    order(refund_warnings_below=limits)

    on_fraud_warning_created(warned(gateway, is_actionable=is_actionable), now=timezone.now())

    assert not Refund.objects.exists()
    assert gateway.count("refund") == 0


def test_a_payment_that_is_disputed_already_is_not_refunded_for_its_warning(
    gateway: FakeGateway,
) -> None:
    order(refund_warnings_below={"EUR": 5000})
    event = warned(gateway)
    tell(gateway.open_dispute(next(iter(gateway.payments.values())), now=timezone.now()))

    on_fraud_warning_created(event, now=timezone.now())

    assert not Refund.objects.exists()


def test_people_answer_before_the_deadline_by_what_the_orders_say(
    gateway: FakeGateway, api: ApiClient, merchant: Merchant
) -> None:
    scope = Scope(merchant.id, livemode=False)
    change_policy(scope=scope, buffer_hours=48, origin=PERSON)
    _, payment = paid_to(merchant, gateway)
    dispute = tell(gateway.open_dispute(payment, now=timezone.now()))

    details = api.get(f"/v1/disputes/{dispute.id}").json()["evidence_details"]

    assert details["due_by"] - details["answer_by"] == 48 * 3600
    (listed,) = api.get("/v1/disputes").json()["data"]
    assert listed["evidence_details"] == details


def test_the_database_refuses_a_buffer_beyond_its_bounds() -> None:
    policy = order(buffer_hours=120)

    with pytest.raises(IntegrityError, match="dispute_buffer_in_bounds"), transaction.atomic():
        DisputePolicy.objects.filter(pk=policy.pk).update(buffer_hours=121)


def test_every_version_of_the_orders_is_kept_with_who_gave_them() -> None:
    order(accept_below={"EUR": 500})
    policy = order(refund_terms="No refunds after 14 days.")

    assert policy.accept_below == {"EUR": 500}
    versions = list(policy.history.order_by("history_id"))
    assert [each.accept_below for each in versions[1:]] == [{"EUR": 500}] * 2
    assert {each.changed_by for each in versions[1:]} == {PERSON.actor}


def test_orders_are_given_and_read_by_the_api(api: ApiClient) -> None:
    none = api.get("/v1/dispute_policy").json()
    given = api.post(
        "/v1/dispute_policy", {"accept_below": "usd:1500, eur:1200", "refund_terms": "14 days."}
    ).json()
    more = api.post(
        "/v1/dispute_policy", {"refund_warnings_below": "eur:2500", "buffer_hours": 36}
    ).json()
    refused = api.post("/v1/dispute_policy", {"accept_below": "eur:12.00"})
    late = api.post("/v1/dispute_policy", {"buffer_hours": 121})

    assert none["accept_below"] == {}
    assert given["accept_below"] == {"usd": 1500, "eur": 1200}
    assert (none["refund_warnings_below"], none["buffer_hours"]) == ({}, 24)
    assert more == {**given, "refund_warnings_below": {"eur": 2500}, "buffer_hours": 36}
    assert api.get("/v1/dispute_policy").json() == more
    assert (late.status_code, late.json()["error"]["param"]) == (400, "buffer_hours")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "accept_below")
