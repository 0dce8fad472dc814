"""A merchant's standing orders: small chargebacks given up, small inquiries refunded."""

from typing import Any

import pytest
from django.utils import timezone

from apps.disputes.models import Dispute, DisputePolicy
from apps.disputes.services.details import assign_dispute
from apps.disputes.services.standing_orders import POLICY, change_policy
from apps.disputes.services.sweeps import sweep_disputes
from apps.gateways.base import DisputeStage
from apps.outbox.models import Event
from apps.payments.models import Refund
from tests.conftest import ApiClient
from tests.disputes.stories import PERSON, paid, tell
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
    refused = api.post("/v1/dispute_policy", {"accept_below": "eur:12.00"})

    assert none["accept_below"] == {}
    assert given["accept_below"] == {"usd": 1500, "eur": 1200}
    assert api.get("/v1/dispute_policy").json() == given
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "accept_below")
