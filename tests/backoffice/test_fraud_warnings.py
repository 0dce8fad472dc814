"""Banks' warnings in the back-office: what either way costs, and the refund that prevents."""

import html
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from apps.disputes.models import FraudReport
from apps.payments.models import PaymentIntent, Refund
from apps.payments.services.refunds import request_refund, run_refund
from tests.backoffice.house import House, furnish
from tests.disputes.stories import tell
from tests.factories.payments import SCOPE, TESTER
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]
LIST = "/admin/disputes/fraudreport/"
NONCES = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")


@pytest.fixture
def house(db: None, gateway: FakeGateway) -> House:
    return furnish(gateway)


def read(client: Client, url: str) -> str:
    """Return the text of a page."""
    answer = client.get(url)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode()).replace("\u00a0", " ")


def dialog(report: FraudReport) -> str:
    """Return the address of the refund that prevents a dispute."""
    return f"{LIST}{report.id}/do/refund-to-prevent/"


def dispute(house: House, gateway: FakeGateway) -> None:
    """Let the bank do what it warned of."""
    reference = house.warning.attempt.gateway_reference
    (payment,) = [each for each in gateway.payments.values() if each.reference == reference]
    tell(gateway.open_dispute(payment, now=timezone.now()))


def refunded(house: House) -> int:
    """Return what was given back of the payment in all."""
    return PaymentIntent.objects.get(pk=house.paid.pk).amount_refunded


def test_the_page_weighs_a_refund_against_a_dispute(house: House, enter_as: EnterAs) -> None:
    client = enter_as("finance_lead")
    page = read(client, f"{LIST}{house.warning.id}/change/")
    shown = read(client, dialog(house.warning))

    # 0.50 of 10.50 went back before; the latest dispute here cost 15.00.
    for text in (page, shown):
        assert "10.00 EUR" in text
        assert "25.00 EUR" in text
        assert "15.00 EUR" in text
        assert "None for warnings" in text
        assert "Too few for a rate" in text
    assert "3 days left" in page


def test_a_refund_to_prevent_gives_back_what_is_left_once(house: House, enter_as: EnterAs) -> None:
    client = enter_as("finance_lead")
    answers = [
        client.post(dialog(house.warning), {"nonce": nonce, "reason": "The bank calls it fraud."})
        for nonce in NONCES
    ]

    assert [answer.status_code for answer in answers] == [302, 422]
    assert refunded(house) == 1050
    assert Refund.objects.get(amount=1000).reason == "fraudulent"
    assert house.warning.id in read(client, f"{LIST}?since=something")
    assert house.warning.id not in read(client, f"{LIST}?since=nothing")


def test_what_is_above_the_limits_waits_for_a_second_person(
    house: House, superuser_client: Client
) -> None:
    answer = superuser_client.post(
        dialog(house.warning), {"nonce": NONCES[0], "reason": "The bank calls it fraud."}
    )

    assert answer.status_code == 302
    assert refunded(house) == 50
    assert Refund.objects.get(amount=1000).status == "requires_approval"


def test_once_the_bank_disputed_it_there_is_nothing_to_prevent(
    house: House, enter_as: EnterAs, gateway: FakeGateway
) -> None:
    client = enter_as("finance_lead")
    dispute(house, gateway)

    refused = client.post(dialog(house.warning), {"nonce": NONCES[0], "reason": "Too late."})

    assert refused.status_code == 422
    assert refunded(house) == 50
    page = read(client, f"{LIST}{house.warning.id}/change/")
    assert "Disputed" in page
    assert "Refund to prevent" not in page


def test_a_warning_about_a_payment_that_was_given_back_is_settled(
    house: House, enter_as: EnterAs
) -> None:
    client, now = enter_as("finance_lead"), timezone.now()
    before = read(client, f"{LIST}?since=nothing")
    rest = request_refund(scope=SCOPE, intent_id=house.paid.id, amount=None, origin=TESTER, now=now)
    run_refund(refund_id=rest.id, now=now)

    assert house.warning.id in before
    assert house.warning.id not in read(client, f"{LIST}?since=nothing")
    assert house.warning.id in read(client, f"{LIST}?since=something")


def test_risk_reads_warnings_and_refunds_nothing(house: House, enter_as: EnterAs) -> None:
    client = enter_as("risk")

    page = read(client, f"{LIST}{house.warning.id}/change/")
    refused = client.post(dialog(house.warning), {"nonce": NONCES[0], "reason": "No."})

    assert "Made with stolen card" in page
    assert "Refund to prevent" not in page
    assert refused.status_code == 403
    assert refunded(house) == 50
