"""`/v1/radar/early_fraud_warnings`, in Stripe's shape."""

import pytest
from django.utils import timezone

from apps.api.models import Merchant
from apps.common.origin import Scope
from apps.disputes.models import FraudReport
from apps.disputes.services.warnings import record_fraud_warning
from apps.gateways.base import FraudWarning, PaymentResult
from apps.payments.services.refunds import request_refund, run_refund
from tests.conftest import ApiClient
from tests.disputes.stories import PERSON, paid_to, tell
from tests.factories.payments import attempt_of
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db
URL = "/v1/radar/early_fraud_warnings"


def warn(payment: PaymentResult) -> FraudReport:
    """Let the bank call the payment a fraud."""
    warning = FraudWarning(
        reference=f"issfr_{payment.reference}",
        kind="made_with_stolen_card",
        is_actionable=True,
        payment_reference=payment.reference,
    )
    return record_fraud_warning(
        gateway="stripe_main", warning=warning, origin=PERSON, now=timezone.now()
    )


def test_a_warning_is_shown_in_stripes_shape(
    gateway: FakeGateway, api: ApiClient, merchant: Merchant
) -> None:
    intent, payment = paid_to(merchant, gateway)
    report = warn(payment)

    shown = api.get(f"{URL}/{report.id}").json()

    assert shown == {
        "id": report.id,
        "object": "radar.early_fraud_warning",
        "actionable": True,
        "charge": attempt_of(intent).charge_id,
        "created": int(report.created_at.timestamp()),
        "fraud_type": "made_with_stolen_card",
        "livemode": False,
        "payment_intent": intent.id,
    }


def test_warnings_are_listed_newest_first_and_by_payment(
    gateway: FakeGateway, api: ApiClient, merchant: Merchant
) -> None:
    first, payment = paid_to(merchant, gateway)
    older = warn(payment)
    _, payment = paid_to(merchant, gateway)
    newer = warn(payment)

    def listed(**filters: str) -> list[str]:
        return [each["id"] for each in api.get(URL, filters).json()["data"]]

    assert listed() == [newer.id, older.id]
    assert listed(limit="1", starting_after=newer.id) == [older.id]
    assert listed(payment_intent=first.id) == [older.id]
    assert listed(charge=attempt_of(first).charge_id) == [older.id]


def test_a_warning_is_actionable_until_its_payment_is_refunded_or_disputed(
    gateway: FakeGateway, api: ApiClient, merchant: Merchant
) -> None:
    refunded, payment = paid_to(merchant, gateway)
    first = warn(payment)
    _, payment = paid_to(merchant, gateway)
    second = warn(payment)
    now = timezone.now()

    asked = request_refund(
        scope=Scope(merchant.id, livemode=False),
        intent_id=refunded.id,
        amount=None,
        origin=PERSON,
        now=now,
    )
    run_refund(refund_id=asked.id, now=now)
    tell(gateway.open_dispute(payment, now=now))

    shown = {each["id"]: each["actionable"] for each in api.get(URL).json()["data"]}
    assert shown == {first.id: False, second.id: False}


def test_a_warning_of_another_mode_is_not_found(
    gateway: FakeGateway, api: ApiClient, merchant: Merchant
) -> None:
    _, payment = paid_to(merchant, gateway)
    report = warn(payment)
    FraudReport.objects.update(livemode=True)

    answer = api.get(f"{URL}/{report.id}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_missing")
    assert api.get(URL).json()["data"] == []
