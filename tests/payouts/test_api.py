"""Sellers, transfers and payouts as a merchant meets them."""

from typing import Any

import pytest

from apps.payments.models import PaymentIntent
from apps.payouts.models import Payout, Seller
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

TERMS = {
    "default_currency": "eur",
    "business_profile": {"name": "Ada's bread"},
    "country": "DE",
    "external_account": "ba_ada",
    "settings": {
        "fees": {"basis_points": 250},
        "payouts": {
            "minimum_amount": 500,
            "reserve": {"basis_points": 1000, "days": 30},
            "schedule": {"interval": "weekly", "weekly_anchor": "friday", "delay_days": 7},
        },
    },
}


@pytest.fixture
def seller(api: Any, gateway: FakeGateway) -> str:
    made: str = api.post("/v1/accounts", TERMS).json()["id"]
    return made


def move(api: Any, seller: str, amount: int = 1000) -> Any:
    wish = {"amount": amount, "currency": "eur", "destination": seller}
    return api.post("/v1/transfers", wish).json()


def pay_out(api: Any, seller: str, amount: int, currency: str = "eur") -> Any:
    return api.post("/v1/payouts", {"amount": amount, "currency": currency, "destination": seller})


def test_account_keeps_its_terms_and_changes_some(api: Any, seller: str) -> None:
    read = api.get(f"/v1/accounts/{seller}").json()
    changed = api.post(
        f"/v1/accounts/{seller}",
        {"settings": {"payouts": {"schedule": {"interval": "daily"}}}, "metadata": {"shop": "7"}},
    ).json()

    assert (read["object"], read["business_profile"]["name"], read["country"]) == (
        "account", "Ada's bread", "DE",
    )  # fmt: skip
    assert read["settings"] == {
        "fees": {"basis_points": 250},
        "payouts": {
            "debit_negative_balances": False,
            "minimum_amount": 500,
            "reserve": {"basis_points": 1000, "days": 30},
            "schedule": {"delay_days": 7, "interval": "weekly", "weekly_anchor": "friday"},
        },
    }
    assert changed["settings"]["payouts"]["schedule"]["interval"] == "daily"
    assert changed["settings"]["payouts"]["minimum_amount"] == 500
    assert changed["metadata"] == {"shop": "7"}
    assert [row["id"] for row in api.get("/v1/accounts").json()["data"]] == [seller]


def test_wallet_shows_available_pending_and_reserved(api: Any, seller: str) -> None:
    move(api, seller)
    api.post(
        "/v1/payment_intents",
        {
            "amount": 700,
            "currency": "eur",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "transfer_data": {"destination": seller, "amount": 600},
        },
    )

    wallet = api.get(f"/v1/accounts/{seller}/balance").json()

    assert PaymentIntent.objects.get().application_fee_amount == 100
    assert {name: wallet[name] for name in ("available", "pending", "reserved")} == {
        "available": [{"amount": 900, "currency": "eur"}],
        "pending": [{"amount": 600, "currency": "eur"}],
        "reserved": [{"amount": 100, "currency": "eur"}],
    }


@pytest.mark.parametrize(
    "change",
    [
        {"transfer_data": {"amount": 701}},
        {"transfer_data": {"amount": 600}, "application_fee_amount": 100},
    ],
)
def test_share_and_fee_that_do_not_fit_are_refused(api: Any, seller: str, change: Any) -> None:
    transfer = {"destination": seller, **change["transfer_data"]}
    wish = {"amount": 700, "currency": "eur", **change, "transfer_data": transfer}

    answer = api.post("/v1/payment_intents", wish)

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "transfer_data[amount]")
    assert not PaymentIntent.objects.exists()


def test_transfer_is_reversed_in_part(api: Any, seller: str) -> None:
    transfer = move(api, seller)

    reversal = api.post(f"/v1/transfers/{transfer['id']}/reversals", {"amount": 300}).json()

    read = api.get(f"/v1/transfers/{transfer['id']}").json()
    assert (reversal["object"], reversal["amount"]) == ("transfer_reversal", 300)
    assert (read["amount_reversed"], read["reversed"]) == (300, False)
    assert [row["id"] for row in read["reversals"]["data"]] == [reversal["id"]]
    listed = api.get(f"/v1/transfers/{transfer['id']}/reversals").json()["data"]
    assert listed == [reversal]
    one = api.get(f"/v1/transfers/{transfer['id']}/reversals/{reversal['id']}")
    assert one.json() == reversal


def test_payout_is_made_read_listed_and_canceled(api: Any, seller: str, settings: Any) -> None:
    settings.PAYOUT_CANCEL_WINDOW_SECONDS = 10
    move(api, seller)

    made = pay_out(api, seller, 600).json()
    canceled = api.post(f"/v1/payouts/{made['id']}/cancel").json()
    again = api.post(f"/v1/payouts/{made['id']}/cancel")

    assert (made["object"], made["status"], made["amount"]) == ("payout", "pending", 600)
    assert canceled["status"] == "canceled"
    assert (again.status_code, again.json()["error"]["code"]) == (409, "invalid_state")
    assert api.get(f"/v1/payouts/{made['id']}").json() == canceled
    assert [row["id"] for row in api.get("/v1/payouts").json()["data"]] == [made["id"]]


def test_same_key_makes_one_payout(api: Any, seller: str) -> None:
    move(api, seller)
    wish = {"amount": 500, "currency": "eur", "destination": seller}

    first = api.post("/v1/payouts", wish, key="same")
    second = api.post("/v1/payouts", wish, key="same")

    assert second.content == first.content
    assert Payout.objects.count() == 1


@pytest.mark.parametrize(
    ("amount", "code"), [(499, "amount_too_small"), (901, "balance_insufficient")]
)
def test_payout_beyond_the_wallets_bounds_is_refused(
    api: Any, seller: str, amount: int, code: str
) -> None:
    move(api, seller)

    answer = pay_out(api, seller, amount)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert not Payout.objects.exists()


def test_payout_needs_a_seller(api: Any, seller: str) -> None:
    answer = api.post("/v1/payouts", {"amount": 500, "currency": "eur"})

    assert answer.json()["error"]["param"] == "destination"


def test_suspended_seller_gets_no_payout(api: Any, seller: str) -> None:
    move(api, seller)
    suspended = api.post(f"/v1/accounts/{seller}/suspend").json()

    answer = pay_out(api, seller, 500)
    resumed = api.post(f"/v1/accounts/{seller}/resume").json()

    assert (suspended["status"], suspended["payouts_enabled"]) == ("suspended", False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "account_suspended")
    assert resumed["payouts_enabled"] is True


def test_weekday_goes_with_a_weekly_schedule(api: Any, gateway: FakeGateway) -> None:
    payouts = {"schedule": {"interval": "daily", "weekly_anchor": "friday"}}

    answer = api.post("/v1/accounts", {"default_currency": "eur", "settings": {"payouts": payouts}})

    assert answer.status_code == 400
    assert not Seller.objects.exists()
