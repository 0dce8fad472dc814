"""When European law wants 3DS, and who is exempt."""

from dataclasses import replace
from typing import Any

import pytest

from apps.common.ids import new_id
from apps.fraud.models import Decision
from apps.fraud.sca import CardPayment, ScaNeed, judge_sca
from apps.payments.models import PaymentAttempt
from tests.factories.payments import confirmed_intent, stored_method
from tests.fake_gateway import FakeGateway

PAYMENT = CardPayment(
    issuer_country="DE",
    currency="EUR",
    amount=5_000,
    is_off_session=False,
    recent_count=1,
    recent_sum=5_000,
    is_low_risk=False,
)


def judge(*, limit: int = 0, area: bool = True, **changes: Any) -> ScaNeed:
    payment = replace(PAYMENT, **changes)
    return judge_sca(payment, acquired_in_area=area, low_risk_limit=limit)


@pytest.mark.parametrize(
    ("changes", "need"),
    [
        ({}, ScaNeed.REQUIRED),
        ({"issuer_country": "GB"}, ScaNeed.REQUIRED),
        ({"issuer_country": "US"}, ScaNeed.OUT_OF_SCOPE),
        ({"issuer_country": "CH"}, ScaNeed.OUT_OF_SCOPE),
        ({"issuer_country": ""}, ScaNeed.UNKNOWN),
        ({"is_off_session": True}, ScaNeed.MERCHANT_INITIATED),
        ({"currency": "SEK"}, ScaNeed.REQUIRED),
        # Article 16: 30.00 is small, 30.01 is not; the sixth is one too many, and so is 100.01.
        ({"amount": 3_000, "recent_sum": 3_000}, ScaNeed.EXEMPT_LOW_VALUE),
        ({"amount": 3_001, "recent_sum": 3_001}, ScaNeed.REQUIRED),
        ({"amount": 3_000, "recent_count": 5}, ScaNeed.EXEMPT_LOW_VALUE),
        ({"amount": 3_000, "recent_count": 6}, ScaNeed.REQUIRED),
        ({"amount": 3_000, "recent_sum": 10_000}, ScaNeed.EXEMPT_LOW_VALUE),
        ({"amount": 3_000, "recent_sum": 10_001}, ScaNeed.REQUIRED),
        ({"amount": 3_000, "currency": "SEK"}, ScaNeed.REQUIRED),
    ],
)
def test_the_law_asks_for_what_it_says(changes: dict[str, Any], need: ScaNeed) -> None:
    assert judge(**changes) == need


def test_low_risk_exempts_up_to_the_acquirers_limit_only() -> None:
    assert judge(is_low_risk=True) == ScaNeed.REQUIRED
    assert judge(is_low_risk=True, limit=10_000, amount=10_000) == ScaNeed.EXEMPT_LOW_RISK
    assert judge(is_low_risk=True, limit=10_000, amount=10_001) == ScaNeed.REQUIRED
    assert judge(is_low_risk=False, limit=10_000, amount=10_000) == ScaNeed.REQUIRED


def test_an_acquirer_elsewhere_is_out_of_scope() -> None:
    assert judge(area=False) == ScaNeed.OUT_OF_SCOPE


def pay(gateway: FakeGateway, country: str, amount: int, **fields: Any) -> PaymentAttempt:
    method = stored_method(gateway.name)
    method.country = country
    method.fingerprint = new_id("fp")
    method.save()
    intent = confirmed_intent(token=method.id, amount=amount, **fields)
    return PaymentAttempt.objects.get(intent=intent)


@pytest.mark.django_db
def test_a_european_card_is_asked_for_3ds_and_the_reason_is_kept(gateway: FakeGateway) -> None:
    attempt = pay(gateway, "FR", 5_000)

    assert attempt.request_three_d_secure == "any"
    assert Decision.objects.get(attempt_id=attempt.id).facts["sca"] == "required"


@pytest.mark.django_db
def test_a_small_payment_and_a_foreign_card_are_not_asked(gateway: FakeGateway) -> None:
    small = pay(gateway, "FR", 3_000)
    foreign = pay(gateway, "US", 500_000)

    assert (small.request_three_d_secure, foreign.request_three_d_secure) == ("", "")
    reasons = dict(Decision.objects.values_list("attempt_id", "facts__sca"))
    assert reasons == {small.id: "exempt_low_value", foreign.id: "out_of_scope"}


@pytest.mark.django_db
def test_nobody_is_asked_off_session(gateway: FakeGateway) -> None:
    attempt = pay(gateway, "FR", 5_000, off_session=True)

    assert attempt.request_three_d_secure == ""
    assert Decision.objects.get(attempt_id=attempt.id).facts["sca"] == "merchant_initiated"
