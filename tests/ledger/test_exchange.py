"""Money that a gateway exchanges on its way to us: at each step both currencies balance."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, InternalError, transaction
from django.utils import timezone

from apps.gateways.base import DisputeState, RefundResult, RefundState
from apps.ledger.errors import RateMissing, RateStale
from apps.ledger.exchange import convert_today, find_position
from apps.ledger.models import ExchangeRate, JournalEntry
from apps.ledger.movements import read_movement
from apps.ledger.policies import Rate
from apps.ledger.selectors import balance_of, list_trial_balance
from apps.ledger.services.rates import keep_rates
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.payments.services.intents import capture_intent
from apps.payments.services.refunds import record_refund, request_refund, run_refund
from tests.disputes.stories import tell
from tests.factories.payments import SCOPE, TESTER, confirmed_intent
from tests.factories.payouts import seller_of, wallet_of
from tests.fake_gateway import FakeGateway
from tests.ledger.books import execute

pytestmark = pytest.mark.django_db


@pytest.fixture
def abroad(gateway: FakeGateway) -> FakeGateway:
    """A gateway whose account is in dollars, at 1.234 for a euro."""
    gateway.rate = Decimal("1.234")
    return gateway


def posted(code: str, currency: str, owner: str = "") -> int:
    return balance_of(scope=SCOPE, code=code, currency=currency, owner=owner).posted


def clearing(currency: str) -> int:
    return posted("gateway_clearing", currency, "stripe_main")


def fx() -> tuple[int, int]:
    """Return what the bridge holds in euros and in dollars."""
    return posted("fx_clearing", "EUR"), posted("fx_clearing", "USD")


def refund(intent: PaymentIntent, amount: int | None = None) -> str:
    asked = request_refund(
        scope=SCOPE, intent_id=intent.id, amount=amount, origin=TESTER, now=timezone.now()
    )
    return run_refund(refund_id=asked.id, origin=TESTER, now=timezone.now()).id


def check_trial_balance() -> None:
    sums: dict[str, int] = {}
    for line in list_trial_balance(scope=SCOPE):
        sums[line.currency] = sums.get(line.currency, 0) + line.debit - line.credit
    assert set(sums.values()) == {0}


def test_ac_045_a_payment_is_sold_in_its_currency_and_held_in_the_gateways(
    abroad: FakeGateway,
) -> None:
    intent = confirmed_intent(amount=1000)

    assert (posted("sales", "EUR"), posted("sales", "USD")) == (1000, 0)
    assert (clearing("EUR"), clearing("USD")) == (0, 1234 - 30)
    assert posted("gateway_fees", "USD", "stripe_main") == 30
    assert fx() == (1000, -1234)
    check_trial_balance()
    entry = JournalEntry.objects.get(kind="captured")
    assert entry.metadata["rate"] == "EUR/USD 1.234"
    assert entry.metadata["rate_source"] == "stripe_main"
    assert entry.metadata["exchanged_payment"] == intent.latest_attempt_id
    movement = read_movement(entry)
    assert (movement.currency, movement.gross, movement.fee) == ("USD", 1234, 30)
    assert movement.exchange_rate == Decimal("1.234")
    told = ExchangeRate.objects.get()
    assert (str(told), told.source) == ("EUR/USD 1.234", "stripe_main")


def test_ac_045_a_refund_after_the_euro_fell_costs_less_and_shows_the_gain(
    abroad: FakeGateway,
) -> None:
    intent = confirmed_intent(amount=1000)
    abroad.rate = Decimal("1.200")

    refund(intent)

    assert fx() == (0, 0)
    assert clearing("USD") == 1234 - 30 - 1200
    assert posted("fx_gain_loss", "USD") == 34
    assert posted("refunds", "EUR") == 1000
    check_trial_balance()


def test_ac_045_a_refund_after_the_euro_rose_costs_more_and_shows_the_loss(
    abroad: FakeGateway,
) -> None:
    intent = confirmed_intent(amount=1000)
    abroad.rate = Decimal("1.268")

    refund(intent)

    assert fx() == (0, 0)
    assert posted("fx_gain_loss", "USD") == -34
    check_trial_balance()


def test_ac_045_many_small_refunds_close_the_position_to_the_last_unit(
    abroad: FakeGateway,
) -> None:
    intent = confirmed_intent(amount=1000)

    for amount in (333, 333, 333, 1):
        refund(intent, amount)

    assert fx() == (0, 0)
    assert clearing("USD") == -30 + 1234 - 3 * 411 - 1
    check_trial_balance()


def test_ac_049b_an_exchanged_refund_that_fails_comes_back_as_it_was_booked(
    abroad: FakeGateway,
) -> None:
    intent = confirmed_intent(amount=1000)
    abroad.rate = Decimal("1.200")
    refund_id = refund(intent, 400)
    before = fx()
    abroad.rate = Decimal("1.5")

    failed = RefundResult(
        state=RefundState.FAILED, reference=f"re_fake_{refund_id}", amount=400, currency="EUR"
    )
    for _ in range(2):
        record_refund(refund_id=refund_id, outcome=failed, origin=TESTER, now=timezone.now())

    assert before == (600, -740)
    assert fx() == (1000, -1234)
    assert (clearing("USD"), posted("fx_gain_loss", "USD")) == (1234 - 30, 0)
    check_trial_balance()


def test_the_seller_is_paid_in_the_payments_currency_whatever_the_gateway_does(
    abroad: FakeGateway,
) -> None:
    seller = seller_of()

    intent = confirmed_intent(
        amount=1000, transfer_destination=seller.id, application_fee_amount=100
    )
    refund(intent, 500)

    wallet = wallet_of(seller)
    assert wallet.pending + wallet.available == 450
    assert posted("platform_fees", "EUR") == 50
    assert fx() == (500, -617)
    check_trial_balance()


def test_a_held_payment_is_exchanged_when_it_is_captured(abroad: FakeGateway) -> None:
    intent = confirmed_intent(amount=1000, capture_method="manual")
    assert fx() == (0, 0)

    capture_intent(scope=SCOPE, intent_id=intent.id, amount=600, origin=TESTER, now=timezone.now())

    assert fx() == (600, -740)
    authorised = balance_of(
        scope=SCOPE, code="gateway_clearing", currency="EUR", owner="stripe_main"
    )
    assert authorised.pending == 0


def test_ac_085_a_dispute_after_the_rate_rose_is_a_loss_of_the_payment_and_one_of_the_rate(
    abroad: FakeGateway,
) -> None:
    abroad.rate = Decimal("1.08")
    confirmed_intent(amount=10000)
    (payment,) = abroad.captures
    abroad.rate = Decimal("1.105")
    opened = abroad.open_dispute(payment, now=timezone.now())
    tell(opened)
    assert posted("dispute_withheld", "USD", "stripe_main") == 11050

    dispute = tell(abroad.move_dispute(opened.reference, state=DisputeState.LOST), times=2)

    assert (dispute.amount_lost, dispute.funds_currency) == (11050, "USD")
    assert posted("dispute_losses", "EUR") == 10000
    assert posted("fx_gain_loss", "USD") == -250
    assert posted("dispute_withheld", "USD", "stripe_main") == 0
    assert fx() == (0, 0)
    check_trial_balance()


def test_ac_085_the_seller_bears_a_lost_dispute_in_the_payments_currency(
    abroad: FakeGateway,
) -> None:
    seller = seller_of()
    confirmed_intent(amount=1000, transfer_destination=seller.id, application_fee_amount=100)
    (payment,) = abroad.captures
    opened = abroad.open_dispute(payment, now=timezone.now())

    tell(opened)
    tell(abroad.move_dispute(opened.reference, state=DisputeState.LOST))

    wallet = wallet_of(seller)
    assert wallet.pending + wallet.available == 0
    assert fx() == (0, 0)
    check_trial_balance()


def test_ac_085_a_loss_that_the_bank_takes_back_opens_the_position_again(
    abroad: FakeGateway,
) -> None:
    abroad.rate = Decimal("1.08")
    confirmed_intent(amount=10000)
    (payment,) = abroad.captures
    opened = abroad.open_dispute(payment, now=timezone.now())
    tell(opened)
    tell(abroad.move_dispute(opened.reference, state=DisputeState.LOST))
    assert fx() == (0, 0)

    tell(abroad.win_dispute(opened.reference))

    assert fx() == (10000, -10800)
    assert posted("dispute_losses", "EUR") == 0
    assert posted("dispute_withheld", "USD", "stripe_main") == 0
    check_trial_balance()


def told(value: str, hours_ago: int = 0, source: str = "ecb") -> Rate:
    return Rate(
        base="EUR",
        quote="USD",
        value=Decimal(value),
        source=source,
        as_of=timezone.now() - timedelta(hours=hours_ago),
    )


def test_without_the_gateways_word_the_latest_rate_counts(abroad: FakeGateway) -> None:
    intent = confirmed_intent(amount=1000)
    abroad.rate = None
    keep_rates([told("1.300", hours_ago=-1), told("1.210")])

    refund(intent)

    assert fx() == (0, 0)
    assert posted("fx_gain_loss", "USD") == 24
    assert JournalEntry.objects.get(kind="refunded").metadata["rate_source"] == "ecb"


def test_without_a_fresh_rate_that_of_the_capture_counts(abroad: FakeGateway) -> None:
    intent = confirmed_intent(amount=1000)
    asked = request_refund(
        scope=SCOPE, intent_id=intent.id, amount=None, origin=TESTER, now=timezone.now()
    )

    later = timezone.now() + timedelta(hours=37)
    done = RefundResult(
        state=RefundState.SUCCEEDED, reference="re_late", amount=1000, currency="EUR"
    )
    record_refund(refund_id=asked.id, outcome=done, origin=TESTER, now=later)

    assert fx() == (0, 0)
    assert posted("fx_gain_loss", "USD") == 0


def test_ac_046_a_stale_or_unknown_rate_is_refused_with_numbers() -> None:
    now = timezone.now()
    keep_rates([told("1.2", hours_ago=37)])

    with pytest.raises(RateStale) as stale:
        convert_today(1000, base="EUR", quote="USD", now=now)
    with pytest.raises(RateMissing) as missing:
        convert_today(1000, base="EUR", quote="JPY", now=now)

    assert stale.value.context["max_age"] == "1 day, 12:00:00"
    assert stale.value.context["source"] == "ecb"
    assert missing.value.context == {"base": "EUR", "quote": "JPY"}


def test_rates_come_from_a_file_all_or_nothing(tmp_path: Path) -> None:
    at = timezone.now().isoformat()
    good = tmp_path / "good.csv"
    good.write_text(f"base,quote,rate,as_of\neur,usd,1.0812345678,{at}\n")
    bad = tmp_path / "bad.csv"
    bad.write_text(f"base,quote,rate,as_of\nEUR,GBP,0.85,{at}\nEUR,USD,-1,{at}\n")

    call_command("load_exchange_rates", good, source="ecb")
    call_command("load_exchange_rates", good, source="ecb")
    with pytest.raises(CommandError, match="Line 3"):
        call_command("load_exchange_rates", bad, source="ecb")

    assert [str(rate) for rate in ExchangeRate.objects.all()] == ["EUR/USD 1.0812345678"]
    conversion = convert_today(10000, base="EUR", quote="USD", now=timezone.now())
    assert conversion.amount == 10812


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger_exchangerate SET value = 2",
        "DELETE FROM ledger_exchangerate",
        "TRUNCATE ledger_exchangerate",
    ],
)
def test_told_rates_are_never_changed(sql: str) -> None:
    keep_rates([told("1.2")])

    with pytest.raises((IntegrityError, InternalError)), transaction.atomic():
        execute(sql)

    assert ExchangeRate.objects.get().value == Decimal("1.2")


def test_the_database_refuses_rates_that_are_none() -> None:
    for changes in ({"value": Decimal(0)}, {"quote": "EUR"}):
        fields: dict[str, Any] = {
            "base": "EUR", "quote": "USD", "value": Decimal(1), "source": "x",
            "as_of": timezone.now(),
        } | changes  # fmt: skip
        with pytest.raises(IntegrityError), transaction.atomic():
            ExchangeRate.objects.create(**fields)


def test_a_payment_in_the_gateways_currency_has_no_position(gateway: FakeGateway) -> None:
    intent = confirmed_intent(amount=1000)

    attempt = PaymentAttempt.objects.get(intent=intent)
    assert find_position(scope=SCOPE, payment=attempt.id) is None
    assert fx() == (0, 0)
