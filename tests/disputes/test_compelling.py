"""Which two earlier payments answer a Visa 10.4 dispute."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.disputes.compelling import PastPayment, find_compelling, in_words, is_eligible

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
    assert in_words(found) == (
        "The same card paid undisputed before, with the same IP address, customer account:\n"
        "2026-07-04: ch_120 (Plan Pro)\n2026-04-15: ch_200 (Plan Pro)"
    )


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
