"""The link to a payment in the gateway's own dashboard."""

from typing import Any

import pytest

from apps.common.ids import new_id
from apps.gateways.dashboards import find_payment_page

STRIPE = "https://dashboard.stripe.com"
ADYEN = "ca/ca/accounts/showTx.shtml?pspReference=PSP7&txType=Payment"


@pytest.mark.parametrize(
    ("account", "reference", "page"),
    [
        ({"kind": "stripe", "api_key": "sk_test_1"}, "pi_7", f"{STRIPE}/test/payments/pi_7"),
        ({"kind": "stripe", "api_key": "sk_live_1"}, "pi_7", f"{STRIPE}/payments/pi_7"),
        (
            {"kind": "stripe", "api_key": "rk_live_1", "api_base": "https://api.stripe.com"},
            "pi_7",
            f"{STRIPE}/payments/pi_7",
        ),
        ({"kind": "stripe", "api_base": "http://127.0.0.1:9001/stripe"}, "pi_7", ""),
        ({"kind": "stripe", "api_base": "https://api.stripe.com.evil.example"}, "pi_7", ""),
        ({"kind": "stripe"}, "", ""),
        ({"kind": "adyen"}, "PSP7", f"https://ca-test.adyen.com/{ADYEN}"),
        (
            {"kind": "adyen", "api_base": "https://checkout-test.adyen.com/checkout"},
            "PSP7",
            f"https://ca-test.adyen.com/{ADYEN}",
        ),
        (
            {"kind": "adyen", "api_base": "https://1-Ada-checkout-live.adyenpayments.com/checkout"},
            "PSP7",
            f"https://ca-live.adyen.com/{ADYEN}",
        ),
        ({"kind": "adyen", "api_base": "http://simulator:9002"}, "PSP7", ""),
        ({"kind": "other"}, "x", ""),
    ],
)
def test_a_payment_has_a_page_where_the_gateway_itself_is_called(
    settings: Any, account: dict[str, str], reference: str, page: str
) -> None:
    settings.GATEWAYS = {"main": account}

    assert find_payment_page("main", reference=reference) == page
    assert find_payment_page("gone", reference=reference) == ""


def test_our_own_id_is_no_reference_of_the_gateway(settings: Any) -> None:
    settings.GATEWAYS = {"main": {"kind": "adyen"}}

    assert find_payment_page("main", reference=new_id("att")) == ""


def test_a_reference_stays_one_part_of_the_address(settings: Any) -> None:
    settings.GATEWAYS = {"main": {"kind": "stripe", "api_key": "sk_test_secret"}}

    page = find_payment_page("main", reference="../x?y=1#z")

    assert page == f"{STRIPE}/test/payments/..%2Fx%3Fy%3D1%23z"
    assert "secret" not in page
