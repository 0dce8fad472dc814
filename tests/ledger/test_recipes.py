"""Every business fact is booked as its recipe says; numbers as in docs/ledger.md."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.ledger import recipes
from apps.ledger.drafts import EntryDraft, Leg
from apps.ledger.errors import EntryIncomplete, EntryUnbalanced
from apps.ledger.policies import Exchange, Rate, convert
from apps.ledger.recipes import Share
from apps.ledger.states import Layer
from tests.ledger.books import GATEWAY, NOW, SCOPE, SELLER, draft, fact, layer_sums

POSTED, PENDING = "posted", "pending"


def test_an_authorisation_holds_money_in_the_pending_layer_only() -> None:
    assert layer_sums(recipes.authorised(fact(1000))) == {
        ("gateway_clearing", GATEWAY, "EUR", PENDING): 1000,
        ("sales", "", "EUR", PENDING): -1000,
    }


def test_a_raised_authorisation_holds_the_difference() -> None:
    assert layer_sums(recipes.authorisation_raised(fact(250))) == {
        ("gateway_clearing", GATEWAY, "EUR", PENDING): 250,
        ("sales", "", "EUR", PENDING): -250,
    }


def test_a_void_releases_the_hold() -> None:
    assert layer_sums(recipes.voided(fact(1000))) == {
        ("gateway_clearing", GATEWAY, "EUR", PENDING): -1000,
        ("sales", "", "EUR", PENDING): 1000,
    }


def test_ac_048_a_partial_capture_books_its_amount_and_releases_the_whole_hold() -> None:
    assert layer_sums(recipes.captured(fact(600), release=1000)) == {
        ("gateway_clearing", GATEWAY, "EUR", POSTED): 600,
        ("sales", "", "EUR", POSTED): -600,
        ("gateway_clearing", GATEWAY, "EUR", PENDING): -1000,
        ("sales", "", "EUR", PENDING): 1000,
    }


def test_a_capture_splits_gateway_fee_platform_fee_and_shares() -> None:
    entry = recipes.captured(fact(10000), fee=320, shares=(Share(SELLER, 9000),), platform_fee=1000)

    assert layer_sums(entry) == {
        ("gateway_clearing", GATEWAY, "EUR", POSTED): 9680,
        ("gateway_fees", GATEWAY, "EUR", POSTED): 320,
        ("platform_fees", "", "EUR", POSTED): -1000,
        ("seller_pending", SELLER, "EUR", POSTED): -9000,
    }


def test_money_nobody_asked_for_waits_in_suspense() -> None:
    assert layer_sums(recipes.captured_in_conflict(fact(1000))) == {
        ("gateway_clearing", GATEWAY, "EUR", POSTED): 1000,
        ("suspense", "", "EUR", POSTED): -1000,
    }


def test_a_late_fee_reduces_what_the_gateway_owes() -> None:
    assert layer_sums(recipes.fee_charged(fact(320))) == {
        ("gateway_fees", GATEWAY, "EUR", POSTED): 320,
        ("gateway_clearing", GATEWAY, "EUR", POSTED): -320,
    }


def test_ac_049d_a_refund_takes_the_sellers_share_and_the_platform_fee_back() -> None:
    entry = recipes.refunded(fact(5000), shares=(Share(SELLER, 4500),), platform_fee=500)

    assert layer_sums(entry) == {
        ("seller_payable", SELLER, "EUR", POSTED): 4500,
        ("platform_fees", "", "EUR", POSTED): 500,
        ("gateway_clearing", GATEWAY, "EUR", POSTED): -5000,
    }
    assert all(leg.forced for leg in entry.legs)


def test_ac_049b_a_failed_refund_is_taken_back_leg_by_leg() -> None:
    shares = (Share(SELLER, 300),)
    forward = layer_sums(recipes.refunded(fact(1000), shares=shares))
    back = layer_sums(recipes.refund_reversed(fact(1000), shares=shares))

    assert back == {key: -amount for key, amount in forward.items()}


def test_ac_083_a_dispute_moves_the_money_out_and_a_won_one_brings_it_back() -> None:
    assert layer_sums(recipes.dispute_withdrawn(fact(10000), fee=1500)) == {
        ("dispute_withheld", GATEWAY, "EUR", POSTED): 10000,
        ("dispute_fees", GATEWAY, "EUR", POSTED): 1500,
        ("gateway_clearing", GATEWAY, "EUR", POSTED): -11500,
    }
    assert layer_sums(recipes.dispute_reinstated(fact(10000))) == {
        ("dispute_withheld", GATEWAY, "EUR", POSTED): -10000,
        ("gateway_clearing", GATEWAY, "EUR", POSTED): 10000,
    }


def test_ac_085_what_a_lost_dispute_took_above_the_booking_is_an_exchange_loss() -> None:
    assert layer_sums(recipes.dispute_lost(fact(11050, "USD"), booked=10800)) == {
        ("dispute_losses", "", "USD", POSTED): 10800,
        ("fx_gain_loss", "", "USD", POSTED): 250,
        ("dispute_withheld", GATEWAY, "USD", POSTED): -11050,
    }


def test_ac_049d_a_lost_dispute_is_borne_by_the_seller_and_our_fee() -> None:
    entry = recipes.dispute_lost(
        fact(1000), booked=1000, shares=(Share(SELLER, 850),), platform_fee=100
    )

    assert layer_sums(entry) == {
        ("dispute_losses", "", "EUR", POSTED): 50,
        ("platform_fees", "", "EUR", POSTED): 100,
        ("seller_payable", SELLER, "EUR", POSTED): 850,
        ("dispute_withheld", GATEWAY, "EUR", POSTED): -1000,
    }


def test_ac_045_a_foreign_payment_and_its_refund_leave_the_loss_of_the_rate() -> None:
    def at(value: str, when: datetime) -> Rate:
        return Rate(base="EUR", quote="USD", value=Decimal(value), source="ecb", as_of=when)

    later = NOW + timedelta(days=9)
    booked = convert(1000, at("1.234", NOW), now=NOW)
    today = convert(1000, at("1.200", later), now=later)

    capture = recipes.captured_abroad(fact(1000), booked=booked)
    refund = recipes.refunded_abroad(fact(1000), booked=booked.amount, today=today)

    assert layer_sums(capture) == {
        ("gateway_clearing", GATEWAY, "EUR", POSTED): 1000,
        ("fx_clearing", "", "EUR", POSTED): -1000,
        ("fx_clearing", "", "USD", POSTED): 1234,
        ("sales", "", "USD", POSTED): -1234,
    }
    assert layer_sums(refund) == {
        ("fx_clearing", "", "EUR", POSTED): 1000,
        ("gateway_clearing", GATEWAY, "EUR", POSTED): -1000,
        ("refunds", "", "USD", POSTED): 1200,
        ("fx_gain_loss", "", "USD", POSTED): 34,
        ("fx_clearing", "", "USD", POSTED): -1234,
    }
    assert capture.metadata["rate"] == "EUR/USD 1.234"
    assert refund.metadata["rate_source"] == "ecb"


def layers_of_both(*drafts: EntryDraft) -> dict[tuple[str, str, str, str], int]:
    """Return the sums of several entries, without what comes to nothing."""
    sums: Counter[tuple[str, str, str, str]] = Counter()
    for each in drafts:
        sums.update(layer_sums(each))
    return {account: amount for account, amount in sums.items() if amount}


@pytest.mark.parametrize("is_back", [False, True])
def test_ac_045_an_exchange_told_later_ends_as_one_told_at_once(is_back: bool) -> None:
    rate = Rate(base="EUR", quote="USD", value=Decimal("1.25"), source="gateway", as_of=NOW)
    exchange = Exchange(settled=convert(1000, rate, now=NOW), booked=1234, fee=30)
    plain = recipes.refunded(fact(1000)) if is_back else recipes.captured(fact(1000))

    at_once = recipes.exchanged_by_gateway(plain, payment="att_1", exchange=exchange)
    later = recipes.exchanged(
        fact(1000), payment="att_1", exchange=exchange, source_type="report", is_back=is_back
    )

    assert layers_of_both(plain, later) == layers_of_both(at_once)
    assert later.metadata == at_once.metadata
    assert later.metadata["exchanged_payment"] == "att_1"


@pytest.mark.parametrize(
    ("entry", "debited", "credited"),
    [
        (
            recipes.share_available(fact(), seller_id=SELLER, source_type="payment_attempt"),
            ("seller_pending", SELLER),
            ("seller_payable", SELLER),
        ),
        (
            recipes.transferred(fact(), seller_id=SELLER),
            ("seller_shares", ""),
            ("seller_payable", SELLER),
        ),
        (
            recipes.transfer_reversed(fact(), seller_id=SELLER),
            ("seller_payable", SELLER),
            ("seller_shares", ""),
        ),
        (
            recipes.reserve_held(fact(), seller_id=SELLER, source_type="reserve"),
            ("seller_payable", SELLER),
            ("seller_reserve", SELLER),
        ),
        (
            recipes.reserve_released(fact(), seller_id=SELLER, source_type="reserve"),
            ("seller_reserve", SELLER),
            ("seller_payable", SELLER),
        ),
        (
            recipes.payout_paid(fact(), seller_id=SELLER, bank="main"),
            ("payouts_in_transit", SELLER),
            ("bank", "main"),
        ),
        (
            recipes.payout_failed(fact(), seller_id=SELLER),
            ("payouts_in_transit", SELLER),
            ("seller_payable", SELLER),
        ),
        (
            recipes.payout_returned(fact(), seller_id=SELLER, bank="main"),
            ("bank", "main"),
            ("seller_payable", SELLER),
        ),
        (
            recipes.settled(fact()),
            ("settlements_in_transit", GATEWAY),
            ("gateway_clearing", GATEWAY),
        ),
        (
            recipes.settlement_received(fact(), bank="main"),
            ("bank", "main"),
            ("settlements_in_transit", GATEWAY),
        ),
        (
            recipes.credit_granted(fact(), customer_id="cus_1", source_type="credit_note"),
            ("refunds", ""),
            ("customer_credit", "cus_1"),
        ),
        (
            recipes.credit_used(fact(), customer_id="cus_1", source_type="invoice"),
            ("customer_credit", "cus_1"),
            ("sales", ""),
        ),
        (
            recipes.corrected(
                fact(), debit=("writeoff", ""), credit=("suspense", ""), source_type="exception"
            ),
            ("writeoff", ""),
            ("suspense", ""),
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, EntryDraft) else "",
)
def test_a_simple_move_debits_one_account_and_credits_the_other(
    entry: EntryDraft, debited: tuple[str, str], credited: tuple[str, str]
) -> None:
    assert layer_sums(entry) == {
        (*debited, "EUR", POSTED): 1000,
        (*credited, "EUR", POSTED): -1000,
    }


def test_a_payout_holds_then_sends_what_it_held() -> None:
    assert layer_sums(recipes.payout_held(fact(500), seller_id=SELLER)) == {
        ("seller_payable", SELLER, "EUR", PENDING): 500,
        ("payouts_in_transit", SELLER, "EUR", PENDING): -500,
    }
    assert layer_sums(recipes.payout_released(fact(500), seller_id=SELLER)) == {
        ("seller_payable", SELLER, "EUR", PENDING): -500,
        ("payouts_in_transit", SELLER, "EUR", PENDING): 500,
    }
    assert layer_sums(recipes.payout_sent(fact(500), seller_id=SELLER)) == {
        ("seller_payable", SELLER, "EUR", POSTED): 500,
        ("payouts_in_transit", SELLER, "EUR", POSTED): -500,
        ("seller_payable", SELLER, "EUR", PENDING): -500,
        ("payouts_in_transit", SELLER, "EUR", PENDING): 500,
    }


def test_a_draft_that_does_not_balance_cannot_be_made() -> None:
    with pytest.raises(EntryUnbalanced) as refusal:
        draft(("sales", "", 100), ("bank", "main", -99))

    assert refusal.value.context == {
        "kind": "tested",
        "currency": "EUR",
        "layer": "posted",
        "total": 1,
    }


def test_a_draft_balances_each_layer_and_currency_for_itself() -> None:
    def leg(amount: int, currency: str, layer: Layer) -> Leg:
        return Leg(account="bank", amount=amount, currency=currency, layer=layer)

    for legs in [
        (leg(5, "EUR", Layer.POSTED), leg(-5, "EUR", Layer.PENDING)),
        (leg(5, "EUR", Layer.POSTED), leg(-5, "USD", Layer.POSTED)),
    ]:
        with pytest.raises(EntryUnbalanced):
            EntryDraft(
                scope=SCOPE, kind="k", source_type="t", source_id="1", booked_at=NOW, legs=legs
            )


@pytest.mark.parametrize("legs", [(), (("sales", "", 5),), (("sales", "", 0), ("bank", "b", 0))])
def test_a_draft_needs_two_legs_with_amounts(legs: tuple[tuple[str, str, int], ...]) -> None:
    with pytest.raises(EntryIncomplete):
        draft(*legs)


def test_a_row_sorts_by_the_time_of_booking_and_counts_for_its_utc_day() -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    row = draft(("sales", "", -5), ("bank", "main", 5), booked_at=late).row()

    assert row["value_on"] == "2026-11-20"
    assert row["id"] > draft(("sales", "", -5), ("bank", "main", 5)).row()["id"]
    assert [leg["currency"] for leg in row["legs"]] == ["EUR", "EUR"]
