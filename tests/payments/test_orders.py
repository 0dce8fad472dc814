"""Several sellers in one checkout: one order, one intent, one charge each; flags never lie."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from apps.api.models import IdempotencyKey, Merchant
from apps.common.origin import Scope
from apps.gateways.base import DeclineClass, PaymentState
from apps.gateways.errors import GatewayNotSent, GatewayUnknown
from apps.ledger.models import EntryKey
from apps.outbox.history import find_differences
from apps.outbox.models import Event
from apps.payments.models import Checkout, PaymentIntent, PaymentOrder
from apps.payments.services.attempts import resolve_attempt
from apps.payments.services.intents import Confirmation, confirm_intent
from apps.payments.services.orders import (
    CheckoutWish,
    OrderWish,
    create_checkout,
    run_checkout,
)
from apps.payments.services.sweeps import sweep_attempts, sweep_checkouts
from apps.payouts.models import Seller
from tests.factories.payments import TESTER
from tests.factories.payouts import seller_of, wallet_of
from tests.fake_gateway import FakeGateway, challenge, decline

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(merchant: Merchant) -> Seller:
    return seller_of(Scope(merchant.id, livemode=False), fee_basis_points=1000)


@pytest.fixture
def bob(merchant: Merchant) -> Seller:
    return seller_of(Scope(merchant.id, livemode=False))


def order(seller: Seller, name: str, amount: str = "12.34", currency: str = "EUR") -> Any:
    return {
        "payment_order_id": name,
        "seller_account": seller.id,
        "amount": amount,
        "currency": currency,
    }


def basket(*orders: Any, **changes: Any) -> Any:
    return {
        "buyer": {"id": "buyer-1"},
        "checkout_id": "checkout-1",
        "credit_card_info": {"token": "pm_card_visa"},
        "payment_orders": list(orders),
        **changes,
    }


def statuses() -> dict[str, str]:
    return dict(PaymentOrder.objects.values_list("payment_order_id", "status"))


def flush_constraints() -> None:
    """Let the deferred guards look now, as at the end of a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def test_two_sellers_are_paid_by_one_checkout(
    api: Any, gateway: FakeGateway, ada: Seller, bob: Seller
) -> None:
    answer = api.post("/v1/payments", basket(order(ada, "o-1"), order(bob, "o-2", "500", "JPY")))

    paid = answer.json()
    assert answer.status_code == 200
    assert (paid["object"], paid["checkout_id"], paid["is_payment_done"]) == (
        "payment", "checkout-1", True,
    )  # fmt: skip
    shown = [
        (o["payment_order_id"], o["amount"], o["currency"], o["status"], o["ledger_updated"],
         o["wallet_updated"])
        for o in paid["payment_orders"]
    ]  # fmt: skip
    assert shown == [
        ("o-1", "12.34", "EUR", "SUCCESS", True, True),
        ("o-2", "500", "JPY", "SUCCESS", True, True),
    ]
    assert sorted((p.amount, p.currency) for p in gateway.captures) == [(500, "JPY"), (1234, "EUR")]
    assert wallet_of(ada).pending == 1234 - 123
    assert wallet_of(bob, "JPY").pending == 500
    flush_constraints()
    assert list(find_differences()) == []


def test_platform_keeps_its_fee_of_an_order(api: Any, gateway: FakeGateway, ada: Seller) -> None:
    api.post("/v1/payments", basket(order(ada, "o-1", "10.00")))

    intent = PaymentIntent.objects.get()
    assert (intent.application_fee_amount, intent.transfer_destination) == (100, ada.id)
    assert wallet_of(ada).pending == 900


def test_order_is_read_alone_and_with_its_checkout(
    api: Any, gateway: FakeGateway, ada: Seller, bob: Seller
) -> None:
    api.post("/v1/payments", basket(order(ada, "o-1"), order(bob, "o-2")))

    alone = api.get("/v1/payments/o-1").json()
    together = api.get("/v1/payments", {"checkout_id": "checkout-1"}).json()

    assert (alone["status"], alone["amount"]) == ("SUCCESS", "12.34")
    assert [o["payment_order_id"] for o in together["data"]] == ["o-2", "o-1"]
    assert together["is_payment_done"] is True
    assert api.get("/v1/payments/o-9").status_code == 404


def test_failed_order_leaves_the_others_alone(
    api: Any, gateway: FakeGateway, ada: Seller, bob: Seller
) -> None:
    gateway.script = [decline("stolen_card", DeclineClass.FRAUD)]

    answer = api.post("/v1/payments", basket(order(ada, "o-1"), order(bob, "o-2")))

    assert answer.json()["is_payment_done"] is False
    assert statuses() == {"o-1": "FAILED", "o-2": "SUCCESS"}
    assert wallet_of(ada).pending == 0
    failed = PaymentOrder.objects.get(payment_order_id="o-1")
    assert (failed.ledger_updated, failed.wallet_updated) == (False, False)
    types = Event.objects.filter(type__startswith="payment_order.").values_list("type", flat=True)
    assert sorted(types) == [
        "payment_order.created", "payment_order.created", "payment_order.failed",
        "payment_order.succeeded",
    ]  # fmt: skip


def test_retryable_decline_stays_executing_and_another_card_finishes_it(
    api: Any, gateway: FakeGateway, ada: Seller
) -> None:
    gateway.script = [decline("insufficient_funds")]
    declined = api.post("/v1/payments", basket(order(ada, "o-1"))).json()

    intent = declined["payment_orders"][0]["payment_intent"]
    api.post(f"/v1/payment_intents/{intent}/confirm", {"payment_method": "pm_card_visa"})

    assert declined["payment_orders"][0]["status"] == "EXECUTING"
    assert statuses() == {"o-1": "SUCCESS"}
    assert Checkout.objects.get().is_payment_done is True


def test_payer_at_the_bank_is_executing(api: Any, gateway: FakeGateway, ada: Seller) -> None:
    gateway.script = [challenge()]

    answer = api.post("/v1/payments", basket(order(ada, "o-1"))).json()

    shown = answer["payment_orders"][0]
    assert (shown["status"], shown["ledger_updated"], shown["wallet_updated"]) == (
        "EXECUTING", False, False,
    )  # fmt: skip


def test_canceled_intent_fails_its_order(api: Any, gateway: FakeGateway, ada: Seller) -> None:
    gateway.script = [challenge()]
    made = api.post("/v1/payments", basket(order(ada, "o-1"))).json()

    api.post(f"/v1/payment_intents/{made['payment_orders'][0]['payment_intent']}/cancel")

    assert statuses() == {"o-1": "FAILED"}


def test_refund_leaves_the_order_paid(api: Any, gateway: FakeGateway, ada: Seller) -> None:
    made = api.post("/v1/payments", basket(order(ada, "o-1"))).json()
    intent = made["payment_orders"][0]["payment_intent"]

    refund = api.post("/v1/refunds", {"payment_intent": intent})

    assert refund.json()["status"] == "succeeded"
    assert statuses() == {"o-1": "SUCCESS"}
    assert wallet_of(ada).pending + wallet_of(ada).available == 0


def test_ac_008_order_id_is_used_once_forever(api: Any, gateway: FakeGateway, ada: Seller) -> None:
    first = api.post("/v1/payments", basket(order(ada, "o-1")), key="same")
    IdempotencyKey.objects.all().delete()

    again = api.post("/v1/payments", basket(order(ada, "o-1")), key="same")

    assert again.status_code == 409
    error = again.json()["error"]
    assert (error["code"], again["Stripe-Should-Retry"]) == (
        "payment_order_already_exists", "false",
    )  # fmt: skip
    assert error["payment_order"] == first.json()["payment_orders"][0]
    assert "o-1" in error["message"]
    assert len(gateway.captures) == 1


@pytest.mark.django_db(transaction=True)
def test_ac_011_two_keys_with_one_order_id_at_once_make_one_charge(
    api: Any, gateway: FakeGateway, ada: Seller
) -> None:
    def post(place: int) -> Any:
        try:
            return api.post(
                "/v1/payments", basket(order(ada, "o-1"), checkout_id=f"checkout-{place}")
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=4) as pool:
        answers = list(pool.map(post, range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    codes = {a.json()["error"]["code"] for a in answers if a.status_code == 409}
    assert codes == {"payment_order_already_exists"}
    assert statuses() == {"o-1": "SUCCESS"}
    assert len(gateway.captures) == 1


@pytest.mark.django_db(transaction=True)
def test_two_orders_that_finish_at_once_finish_the_payment(
    api: Any, gateway: FakeGateway, ada: Seller, bob: Seller
) -> None:
    gateway.script = [challenge(), challenge()]
    api.post("/v1/payments", basket(order(ada, "o-1"), order(bob, "o-2")))
    for reference, payment in list(gateway.payments.items()):
        gateway.move(reference, state=PaymentState.CAPTURED, amount_captured=payment.amount)

    def settle(attempt_id: str) -> None:
        try:
            resolve_attempt(attempt_id=attempt_id, now=timezone.now())
        finally:
            connection.close()

    attempts = PaymentIntent.objects.values_list("latest_attempt_id", flat=True)
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(settle, list(attempts)))

    assert statuses() == {"o-1": "SUCCESS", "o-2": "SUCCESS"}
    assert Checkout.objects.get().is_payment_done is True


def test_order_id_of_another_merchant_is_taken_but_not_shown(
    api: Any, gateway: FakeGateway, ada: Seller
) -> None:
    api.post("/v1/payments", basket(order(ada, "o-1")))
    PaymentOrder.objects.update(merchant_id="mer_other")

    again = api.post("/v1/payments", basket(order(ada, "o-1"), checkout_id="checkout-2"))

    assert again.json()["error"]["code"] == "payment_order_already_exists"
    assert "payment_order" not in again.json()["error"]


def test_checkout_id_is_used_once(api: Any, gateway: FakeGateway, ada: Seller) -> None:
    api.post("/v1/payments", basket(order(ada, "o-1")))

    again = api.post("/v1/payments", basket(order(ada, "o-2")))

    assert (again.status_code, again.json()["error"]["code"]) == (409, "checkout_already_exists")
    assert statuses() == {"o-1": "SUCCESS"}


def test_replay_answers_the_same_and_charges_nothing(
    api: Any, gateway: FakeGateway, ada: Seller
) -> None:
    first = api.post("/v1/payments", basket(order(ada, "o-1")), key="same")
    second = api.post("/v1/payments", basket(order(ada, "o-1")), key="same")

    assert second.content == first.content
    assert gateway.count("create") == 1


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("0", "amount_too_small"),
        ("-1", "amount_invalid"),
        ("1e3", "amount_invalid"),
        (" 1", "amount_invalid"),
        ("1.005", "amount_invalid"),
        ("NaN", "amount_invalid"),
        ("", "amount_invalid"),
        (12.34, "amount_invalid"),
        (1234, "amount_invalid"),
        ("1000000.00", "amount_too_large"),
    ],
)
def test_ac_043_amount_that_is_none_is_refused(
    api: Any, gateway: FakeGateway, ada: Seller, amount: Any, code: str
) -> None:
    answer = api.post("/v1/payments", basket({**order(ada, "o-1"), "amount": amount}))

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert answer.json()["error"]["param"] == "payment_orders[0][amount]"
    assert not Checkout.objects.exists()
    assert gateway.calls == []


@pytest.mark.parametrize(
    "change",
    [
        {"payment_orders": []},
        {"buyer": {}},
        {"credit_card_info": {}},
        {"credit_card_info": {"token": "4242424242424242"}},
    ],
)
def test_malformed_checkout_is_refused_and_leaves_no_trace(
    api: Any, gateway: FakeGateway, ada: Seller, change: Any
) -> None:
    answer = api.post("/v1/payments", basket(order(ada, "o-1"), **change))

    assert answer.status_code == 400
    assert not Checkout.objects.exists()
    assert gateway.calls == []


def test_one_id_twice_in_a_checkout_is_refused(api: Any, gateway: FakeGateway, ada: Seller) -> None:
    answer = api.post("/v1/payments", basket(order(ada, "o-1"), order(ada, "o-1")))

    assert answer.json()["error"]["param"] == "payment_orders[1][payment_order_id]"
    assert not Checkout.objects.exists()


def test_unknown_seller_is_refused(api: Any, gateway: FakeGateway, ada: Seller) -> None:
    stranger = {**order(ada, "o-1"), "seller_account": "acct_unknown"}

    answer = api.post("/v1/payments", basket(stranger))

    assert (answer.status_code, answer.json()["error"]["param"]) == (
        404, "payment_orders[0][seller_account]",
    )  # fmt: skip
    assert not Checkout.objects.exists()


def test_one_time_token_for_several_orders_is_stored_before_any_is_charged(
    api: Any, gateway: FakeGateway, ada: Seller, bob: Seller
) -> None:
    api.post("/v1/payments", basket(order(ada, "o-1"), order(bob, "o-2")))

    assert [name for name, _ in gateway.calls] == ["store_method", "create", "create"]


def test_token_that_cannot_be_stored_leaves_the_order_ids_free(
    api: Any, gateway: FakeGateway, ada: Seller, bob: Seller
) -> None:
    gateway.before = [GatewayNotSent("connection refused")]

    broken = api.post("/v1/payments", basket(order(ada, "o-1"), order(bob, "o-2")))
    again = api.post("/v1/payments", basket(order(ada, "o-1"), order(bob, "o-2")))

    assert broken.status_code == 502
    assert again.json()["is_payment_done"] is True


def test_unknown_outcome_is_settled_by_the_sweep_with_all_flags(
    api: Any, gateway: FakeGateway, ada: Seller
) -> None:
    gateway.after = [GatewayUnknown("read timeout"), GatewayUnknown("read timeout")]
    answer = api.post("/v1/payments", basket(order(ada, "o-1"))).json()
    assert answer["payment_orders"][0]["status"] == "EXECUTING"

    sweep_attempts(now=timezone.now().replace(year=timezone.now().year + 1))

    paid = PaymentOrder.objects.get()
    assert (paid.status, paid.ledger_updated, paid.wallet_updated) == ("SUCCESS", True, True)
    assert len(gateway.captures) == 1


def test_running_a_checkout_again_charges_nothing_twice(
    api: Any, gateway: FakeGateway, ada: Seller, bob: Seller
) -> None:
    api.post("/v1/payments", basket(order(ada, "o-1"), order(bob, "o-2")))

    run_checkout(
        checkout_id=Checkout.objects.get().id,
        payment_method="pm_card_visa",
        origin=TESTER,
        now=timezone.now(),
    )

    assert gateway.count("create") == 2


def kept_checkout(ada: Seller, bob: Seller, token: str) -> Checkout:
    """Return a checkout of which the process died before it charged anything."""
    sellers = {"o-1": ada, "o-2": bob}
    wish = CheckoutWish(
        checkout_id="checkout-1",
        payment_method=token,
        orders=[
            OrderWish(payment_order_id=name, seller_id=seller.id, amount=1234, currency="EUR")
            for name, seller in sellers.items()
        ],
    )
    return create_checkout(scope=ada.scope, wish=wish, origin=TESTER, now=timezone.now())


def test_checkout_whose_process_died_is_finished_while_its_buyer_waits(
    gateway: FakeGateway, ada: Seller, bob: Seller
) -> None:
    checkout = kept_checkout(ada, bob, "pm_card_visa")
    kept = checkout.created_at

    assert sweep_checkouts(now=kept + timedelta(seconds=59)) == 0
    assert statuses() == {"o-1": "NOT_STARTED", "o-2": "NOT_STARTED"}

    assert sweep_checkouts(now=kept + timedelta(seconds=61)) == 1
    assert statuses() == {"o-1": "SUCCESS", "o-2": "SUCCESS"}
    assert len(gateway.captures) == 2
    checkout.refresh_from_db()
    assert checkout.is_payment_done
    assert sweep_checkouts(now=kept + timedelta(seconds=62)) == 0


def test_checkout_that_was_half_charged_is_finished_and_charges_nothing_twice(
    gateway: FakeGateway, ada: Seller, bob: Seller
) -> None:
    checkout = kept_checkout(ada, bob, "pm_card_visa")
    first = PaymentOrder.objects.get(payment_order_id="o-1")
    confirm_intent(
        scope=ada.scope,
        intent_id=first.intent_id,
        confirmation=Confirmation(payment_method=checkout.payment_method_id),
        origin=TESTER,
        now=timezone.now(),
    )

    sweep_checkouts(now=checkout.created_at + timedelta(minutes=2))

    assert statuses() == {"o-1": "SUCCESS", "o-2": "SUCCESS"}
    assert len(gateway.captures) == 2


def test_checkout_that_nobody_waits_for_any_more_is_given_up(
    gateway: FakeGateway, ada: Seller, bob: Seller
) -> None:
    checkout = kept_checkout(ada, bob, "pm_card_visa")

    assert sweep_checkouts(now=checkout.created_at + timedelta(minutes=16)) == 1

    assert statuses() == {"o-1": "FAILED", "o-2": "FAILED"}
    assert gateway.captures == []
    assert list(find_differences()) == []


def test_postgresql_refuses_an_order_that_says_booked_and_is_not(
    api: Any, gateway: FakeGateway, ada: Seller
) -> None:
    gateway.script = [challenge()]
    api.post("/v1/payments", basket(order(ada, "o-1")))
    assert not EntryKey.objects.filter(kind="captured").exists()

    with connection.cursor() as cursor:
        cursor.execute("UPDATE payments_paymentorder SET status = 'SUCCESS', ledger_updated = true")
    with pytest.raises(IntegrityError, match="is not booked"):
        flush_constraints()


def test_postgresql_refuses_flags_before_success(
    api: Any, gateway: FakeGateway, ada: Seller
) -> None:
    gateway.script = [challenge()]
    api.post("/v1/payments", basket(order(ada, "o-1")))

    with pytest.raises(IntegrityError, match="order_updated_means_paid"):
        PaymentOrder.objects.update(ledger_updated=True)


def test_payment_done_is_what_the_orders_say_whoever_writes_it(
    api: Any, gateway: FakeGateway, ada: Seller, bob: Seller
) -> None:
    gateway.script = [challenge()]
    api.post("/v1/payments", basket(order(ada, "o-1"), order(bob, "o-2")))

    Checkout.objects.update(is_payment_done=True)

    assert Checkout.objects.get().is_payment_done is False
