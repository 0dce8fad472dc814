"""Which two earlier payments answer a Visa 10.4 dispute."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from apps.disputes.compelling import (
    PastPayment,
    begin_draft,
    find_compelling,
    is_eligible,
    required_actions,
)

PAID_AT = datetime(2026, 11, 1, tzinfo=UTC)
KNOWN = {"ip_address": "203.0.113.7", "account": "cus_1"}


def payment(days: int, *, is_disputed: bool = False, **known: str) -> PastPayment:
    """Return a payment that many days before the disputed one."""
    return PastPayment(
        charge_id=f"ch_{days}",
        paid_at=PAID_AT - timedelta(days=days),
        description="Plan Pro",
        is_disputed=is_disputed,
        known=known or KNOWN,
    )


def test_ac_089_the_two_newest_undisputed_payments_of_the_right_age_are_found() -> None:
    found = find_compelling(payment(0), [payment(days) for days in (119, 120, 200, 364, 365)])

    assert found is not None
    assert [each.charge_id for each in found.earlier] == ["ch_120", "ch_200"]
    assert found.matching == ("ip_address", "account")


@pytest.mark.parametrize(
    "candidates",
    [
        [payment(200)],
        [payment(119), payment(365)],
        [payment(200), payment(210, is_disputed=True)],
        [payment(200), payment(210, ip_address="203.0.113.7", account="cus_2")],
        [payment(200, account="cus_1", shipping_address="x"), payment(210, account="cus_1")],
    ],
    ids=["one", "wrong age", "disputed", "another account", "neither address nor device"],
)
def test_ac_089_less_than_two_that_fit_are_no_evidence(candidates: list[PastPayment]) -> None:
    assert find_compelling(payment(0), candidates) is None


def test_ac_089_both_earlier_payments_match_in_the_same_elements() -> None:
    disputed = payment(0, ip_address="a", device="b", account="c")
    by_address = payment(150, ip_address="a", account="c")
    by_device = payment(160, device="b", account="c")
    by_both = payment(170, ip_address="a", device="b", account="c")

    found = find_compelling(disputed, [by_address, by_device, by_both])

    assert found is not None
    assert [each.charge_id for each in found.earlier] == ["ch_150", "ch_170"]


def test_ac_089_only_visas_card_absent_fraud_is_answered_so() -> None:
    assert is_eligible(network="visa", reason_code="10.4") is True
    assert is_eligible(network="visa", reason_code="13.1") is False
    assert is_eligible(network="mastercard", reason_code="10.4") is False


def test_ac_089_the_draft_names_the_payments_as_stripe_does() -> None:
    disputed, with_number = payment(0), payment(300)
    disputed = replace(disputed, known={**KNOWN, "device": "MacBook-9f2c11d4e8a7b3"})
    with_number = replace(with_number, known={**KNOWN, "device": "d-0123456789abc"})
    with_number = replace(with_number, shipped_to={"line1": "Main Street 1", "country": "DE"})
    found = find_compelling(disputed, [payment(150), with_number])
    assert found is not None

    draft = begin_draft(disputed, found)

    customer = {"customer_account_id": "cus_1", "customer_purchase_ip": "203.0.113.7"}
    assert draft == {
        "disputed_transaction": {
            **customer,
            # Long enough for a fingerprint; what is shorter is a device's number, or nothing.
            "customer_device_fingerprint": "MacBook-9f2c11d4e8a7b3",
            "merchandise_or_services": "services",
            "product_description": "Plan Pro",
        },
        "prior_undisputed_transactions": [
            {"charge": "ch_150", "product_description": "Plan Pro", **customer},
            {
                "charge": "ch_300",
                "customer_device_id": "d-0123456789abc",
                "product_description": "Plan Pro",
                "shipping_address": {"line1": "Main Street 1", "country": "DE"},
                **customer,
            },
        ],
    }
    assert required_actions(draft) == []


def test_ac_089_what_a_draft_lacks_is_told_in_stripes_words() -> None:
    assert required_actions({}) == [
        "missing_customer_identifiers",
        "missing_disputed_transaction_description",
        "missing_merchandise_or_services",
        "missing_prior_undisputed_transactions",
    ]
    known = {"customer_purchase_ip": "203.0.113.7", "customer_account_id": "cus_1"}
    disputed = {**known, "product_description": "Plan", "merchandise_or_services": "services"}
    earlier = [{"charge": "ch_1", **known}, {"charge": "ch_2", "product_description": "Plan"}]
    draft = {"disputed_transaction": disputed, "prior_undisputed_transactions": earlier}
    assert required_actions(draft) == [
        "missing_customer_identifiers",
        "missing_prior_undisputed_transaction_description",
    ]
