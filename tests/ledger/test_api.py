"""The books and the balance as a merchant reads them; manual journals wait for a second person."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.api.models import Merchant
from apps.backoffice.models import Approval, User
from apps.backoffice.services import approve
from apps.common.origin import Scope
from apps.ledger.models import JournalEntry
from apps.payouts.models import Seller
from apps.payouts.services.payouts import sweep_payouts
from tests.factories.payments import TESTER
from tests.factories.payouts import asked_payout, paid_seller, seller_of
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

PAY = {"amount": 1000, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}


@pytest.fixture
def seller(merchant: Merchant) -> Seller:
    return seller_of(Scope(merchant.id, livemode=False))


def amounts(balance: Any, column: str) -> dict[str, int]:
    return {entry["currency"]: entry["amount"] for entry in balance[column]}


def test_charge_and_refund_show_as_balance_transactions(api: Any, gateway: FakeGateway) -> None:
    paid = api.post("/v1/payment_intents", PAY).json()
    charge = api.get(f"/v1/charges/{paid['latest_charge']}").json()
    refund = api.post("/v1/refunds", {"payment_intent": paid["id"], "amount": 400}).json()

    taken = api.get(f"/v1/balance_transactions/{charge['balance_transaction']}").json()
    given = api.get(f"/v1/balance_transactions/{refund['balance_transaction']}").json()

    assert (taken["type"], taken["amount"], taken["fee"], taken["net"], taken["source"]) == (
        "charge", 1000, 30, 970, charge["id"],
    )  # fmt: skip
    assert (given["type"], given["amount"], given["fee"], given["net"], given["source"]) == (
        "refund", -400, 0, -400, refund["id"],
    )  # fmt: skip
    assert taken["exchange_rate"] is None


def test_balance_is_what_is_ours(api: Any, gateway: FakeGateway, seller: Seller) -> None:
    api.post(
        "/v1/payment_intents",
        {**PAY, "transfer_data": {"destination": seller.id}, "application_fee_amount": 100},
    )
    api.post("/v1/payment_intents", {**PAY, "capture_method": "manual"})

    balance = api.get("/v1/balance").json()

    assert balance["object"] == "balance"
    # 1000 less the gateway's 30 and the seller's 900: the fee of 100 less the 30 it cost.
    assert amounts(balance, "pending") == {"eur": 70}
    assert amounts(balance, "available") == {"eur": 0}
    assert amounts(balance, "authorized") == {"eur": 1000}


def test_movements_are_listed_newest_first_page_by_page(
    api: Any, gateway: FakeGateway, seller: Seller
) -> None:
    paid = api.post("/v1/payment_intents", PAY).json()
    api.post("/v1/refunds", {"payment_intent": paid["id"]})
    moved = api.post(
        "/v1/transfers", {"amount": 500, "currency": "eur", "destination": seller.id}
    ).json()

    first = api.get("/v1/balance_transactions", {"limit": 2}).json()
    last = api.get(
        "/v1/balance_transactions",
        {"limit": 2, "starting_after": first["data"][-1]["id"]},
    ).json()
    only = api.get("/v1/balance_transactions", {"source": moved["id"]}).json()

    assert sorted(entry["type"] for entry in first["data"] + last["data"]) == [
        "charge", "refund", "transfer",
    ]  # fmt: skip
    assert (first["has_more"], last["has_more"]) == (True, False)
    assert [entry["id"] for entry in only["data"]] == [moved["balance_transaction"]]
    assert only["data"][0]["amount"] == -500


def test_payout_shows_as_balance_transaction(
    api: Any, gateway: FakeGateway, merchant: Merchant
) -> None:
    seller = paid_seller(1000)
    scope = Scope(merchant.id, livemode=False)
    assert seller.scope != scope
    own = seller_of(scope)
    api.post("/v1/transfers", {"amount": 1000, "currency": "eur", "destination": own.id})
    payout = asked_payout(own, 700)
    sweep_payouts(now=timezone.now())

    shown = api.get(f"/v1/payouts/{payout.id}").json()
    movement = api.get(f"/v1/balance_transactions/{shown['balance_transaction']}").json()

    assert (shown["status"], movement["type"], movement["amount"]) == ("paid", "payout", -700)


def test_balance_transaction_is_expanded(api: Any, gateway: FakeGateway) -> None:
    paid = api.post("/v1/payment_intents", PAY).json()

    charge = api.get(
        f"/v1/charges/{paid['latest_charge']}", {"expand[]": "balance_transaction"}
    ).json()

    assert charge["balance_transaction"]["net"] == 970


def test_unknown_movement_is_missing(api: Any) -> None:
    assert api.get("/v1/balance_transactions/txn_nothing").status_code == 404


def test_accounts_show_balances_from_their_normal_side(api: Any, gateway: FakeGateway) -> None:
    api.post("/v1/payment_intents", PAY)

    accounts = api.get("/v1/ledger/accounts").json()["data"]
    sales = next(account for account in accounts if account["code"] == "sales")

    balances = {account["code"]: account["balance"] for account in accounts}
    assert balances == {"gateway_clearing": 970, "gateway_fees": 30, "sales": 1000}
    assert api.get(f"/v1/ledger/accounts/{sales['id']}").json() == sales
    assert api.get("/v1/ledger/accounts/lacc_x").status_code == 404


def test_journals_show_their_postings(api: Any, gateway: FakeGateway) -> None:
    paid = api.post("/v1/payment_intents", PAY).json()

    (journal,) = api.get("/v1/ledger/journals").json()["data"]

    assert (journal["kind"], journal["source_id"]) == (
        "captured", f"att{paid['latest_charge'].removeprefix('ch')}",
    )  # fmt: skip
    assert sorted((leg["account"], leg["amount"]) for leg in journal["postings"]) == [
        ("gateway_clearing", 970), ("gateway_fees", 30), ("sales", -1000),
    ]  # fmt: skip
    by_source = {"source_type": "payment_attempt", "source_id": journal["source_id"]}
    assert api.get("/v1/ledger/journals", by_source).json()["data"] == [journal]
    assert api.get(f"/v1/ledger/journals/{journal['id']}").json() == journal


def test_ac_057_trial_balance_is_zero_now_and_then(api: Any, gateway: FakeGateway) -> None:
    api.post("/v1/payment_intents", PAY)
    before = int((timezone.now() - timedelta(days=1)).timestamp())

    now = api.get("/v1/ledger/trial_balance").json()
    then = api.get("/v1/ledger/trial_balance", {"as_of": str(before)}).json()

    assert now["is_balanced"] is True
    assert now["totals"] == [{"currency": "eur", "debit": 1000, "credit": 1000}]
    assert {(line["debit"], line["credit"]) for line in then["lines"]} == {(0, 0)}


def test_other_merchants_books_are_not_shown(api: Any, gateway: FakeGateway) -> None:
    paid_seller(1000)

    assert api.get("/v1/ledger/journals").json()["data"] == []
    assert api.get("/v1/ledger/accounts").json()["data"] == []
    assert api.get("/v1/balance_transactions").json()["data"] == []
    entry = JournalEntry.objects.get()
    assert api.get(f"/v1/ledger/journals/{entry.id}").status_code == 404
    assert api.get(f"/v1/balance_transactions/txn_{entry.source_id[3:]}").status_code == 404


def manual(amount: int = 250, **changes: Any) -> Any:
    return {
        "description": "Write off a difference",
        "postings": [
            {"account": "writeoff", "amount": 250, "currency": "eur"},
            {"account": "suspense", "amount": -amount, "currency": "eur"},
        ],
        **changes,
    }


def test_manual_journal_is_booked_when_a_second_person_agrees(api: Any) -> None:
    asked = api.post("/v1/ledger/journals", manual())
    waiting = Approval.objects.get()
    assert not JournalEntry.objects.exists()

    approver = User.objects.create_superuser(email="ben@example.com", password="x" * 12)
    approve(approval_id=waiting.id, user=approver, origin=TESTER, now=timezone.now())

    assert (asked.status_code, asked.json()["status"]) == (202, "requires_approval")
    (journal,) = api.get("/v1/ledger/journals").json()["data"]
    assert (journal["kind"], journal["source_id"], journal["description"]) == (
        "manual", asked.json()["id"], "Write off a difference",
    )  # fmt: skip
    assert journal["metadata"]["approved_by"] == "staff:ben@example.com"
    assert journal["metadata"]["requested_by"].startswith("api:")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": 249}, "ledger_entry_unbalanced"),
        ({"postings": []}, "ledger_entry_incomplete"),
        (
            {
                "postings": [
                    {"account": "petty_cash", "amount": 1, "currency": "eur"},
                    {"account": "suspense", "amount": -1, "currency": "eur"},
                ]
            },
            "ledger_account_unsuitable",
        ),
        ({"value_on": "tomorrow"}, "parameter_invalid"),
    ],
)
def test_manual_journal_that_cannot_be_booked_is_refused(api: Any, change: Any, code: str) -> None:
    answer = api.post("/v1/ledger/journals", manual(**change))

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert not Approval.objects.exists()
