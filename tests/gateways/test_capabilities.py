import pytest

from apps.gateways.capabilities import can_charge, find_capabilities


@pytest.mark.parametrize(
    ("kind", "method_type", "currency", "capture", "works"),
    [
        ("stripe", "card", "EUR", True, True),
        ("stripe", "card", "JPY", False, True),
        ("stripe", "sepa_debit", "EUR", True, True),
        ("stripe", "sepa_debit", "eur", True, True),
        ("stripe", "sepa_debit", "USD", True, False),
        ("stripe", "sepa_debit", "EUR", False, False),
        ("stripe", "carrier_pigeon", "EUR", True, False),
        ("paypel", "card", "EUR", True, False),
    ],
)
def test_a_payment_goes_only_where_it_works(
    kind: str, method_type: str, currency: str, capture: bool, works: bool
) -> None:
    assert can_charge(kind, method_type=method_type, currency=currency, capture=capture) is works


def test_what_a_gateway_cannot_do_is_none() -> None:
    assert find_capabilities("stripe", "carrier_pigeon") is None
    assert find_capabilities("paypel", "card") is None
