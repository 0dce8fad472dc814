"""
Payments for the demo: made in memory by the rules of the house, written in large batches.

Each payment runs through the same transitions, events and ledger recipes as a real one, so its
history, its row and the books agree; only the gateway's answers are drawn by lot.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Any, Final

from django.db import connection, transaction

from apps.common.demo import Demo
from apps.common.ids import id_at
from apps.common.money import charge_step, exponent, smallest_charge
from apps.common.origin import CLOCK, Origin
from apps.customers.models import Customer
from apps.gateways.base import (
    Decline,
    DeclineClass,
    MethodDetails,
    PaymentResult,
    PaymentState,
    RefundResult,
    RefundState,
)
from apps.gateways.registry import gateway_names
from apps.payments.models import PaymentAttempt, PaymentIntent, Refund
from apps.payments.objects import render_refund
from apps.payments.policies import INTENT_LIFETIME
from apps.payments.services.refunds import settle_refund_result
from apps.payments.services.results import settle_result
from apps.payments.services.step import Step
from apps.payments.states import CaptureMethod, Operation
from apps.vault.models import PaymentMethod

SHOP: Final = Origin(actor="api:demo")
# In the metadata of the demo's customers: by it a second run knows that the history is there.
HISTORY_MARK: Final = "demo"
# Steps in one statement: large enough to be fast, small enough to be sent.
BATCH: Final = 250
# A month's partition begins empty, and PostgreSQL plans for that until it is told otherwise.
ANALYZE_EVERY: Final = 8
CUSTOMERS_PER_PAYMENT: Final = 0.08

# What people pay with and in, and how often in a hundred.
_CURRENCIES: Final = {"EUR": 58, "USD": 24, "GBP": 12, "JPY": 4, "KWD": 2}
_BRANDS: Final = {"visa": 52, "mastercard": 38, "amex": 10}
_COUNTRIES: Final = {"DE": 40, "US": 22, "GB": 14, "FR": 12, "JP": 6, "KW": 6}
# Outcome -> how often in a hundred.
_OUTCOMES: Final = {"captured": 88, "declined": 8, "held": 2, "abandoned": 2}
_DECLINES: Final = (
    ("insufficient_funds", DeclineClass.RETRYABLE, 46),
    ("do_not_honor", DeclineClass.RETRYABLE, 28),
    ("expired_card", DeclineClass.TERMINAL, 14),
    ("stolen_card", DeclineClass.FRAUD, 6),
    ("authentication_required", DeclineClass.AUTHENTICATION_REQUIRED, 6),
)
_REFUND_REASONS: Final = ("requested_by_customer", "duplicate", "fraudulent")
_GOODS: Final = ("Plan Pro", "Plan Team", "Order", "Gift card", "Workshop", "Annual licence")
_FIRST: Final = ("Ada", "Ben", "Chloe", "Dev", "Elif", "Finn", "Grace", "Hugo", "Ines", "Jonas")
_LAST: Final = ("Ahrens", "Brown", "Costa", "Diallo", "Evans", "Fischer", "Garcia", "Haddad")
# Shop traffic by hour of the day, UTC: quiet nights, busy evenings.
_HOURS: Final = (2, 1, 1, 1, 1, 2, 3, 5, 7, 8, 9, 9, 10, 9, 8, 8, 9, 10, 12, 13, 12, 9, 6, 4)
_FEE_PER_MILLE: Final = 14
_REFUNDED_IN_A_THOUSAND: Final = 55
_TOLD: Final = """
DELETE FROM outbox_message USING outbox_event event
 WHERE event.id = event_id AND outbox_message.id > %s AND event.created_at <= %s
"""
# Holds and open payments are of the last days: older ones would have run out.
_FRESH: Final = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class _Payer:
    customer_id: str
    method_id: str
    card: MethodDetails


def seed_payments(demo: Demo) -> None:
    """Make `demo.payments` payments with their customers, refunds and journal entries."""
    dice = demo.dice("payments")
    payers = _make_payers(demo, dice)
    steps = (
        _make_payment(demo, moment, dice.choice(payers), dice) for moment in _moments(demo, dice)
    )
    for number in count():
        batch = list(islice(steps, BATCH))
        if not batch:
            break
        _write(batch, demo)
        if number % ANALYZE_EVERY == 0:
            _analyze()


def _analyze() -> None:
    """Let PostgreSQL see that its tables are not empty any more: it planned for that."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _write(steps: list[Step], demo: Demo) -> None:
    """
    Write steps of new intents in one statement; what they tell is taken as told already.

    What a platform that runs has to tell at the same time is younger than the demo.
    """
    content = json.dumps([step.content() for step in steps])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM outbox_message")
        newest = cursor.fetchone()[0]
        cursor.execute(
            "SELECT count(payments_write_step(step)) FROM jsonb_array_elements(%s::jsonb) step",
            [content],
        )
        cursor.execute(_TOLD, [newest, demo.now])


def _moments(demo: Demo, dice: random.Random) -> Iterator[datetime]:
    """Yield when the payments are made, oldest first: more by day than by night, growing a bit."""
    hours = list(range(24))
    made = []
    for _ in range(demo.payments):
        # The square root makes later days busier: a shop that grows.
        day = int((demo.days + 1) * dice.random() ** 0.8)
        at = demo.begins_at + timedelta(days=day, seconds=dice.randrange(3600))
        at = at.replace(hour=dice.choices(hours, _HOURS)[0])
        # Nothing of the hours to come: those payments are of the day before.
        made.append(max(at if at < demo.now else at - timedelta(days=1), demo.begins_at))
    yield from sorted(made)


def _make_payers(demo: Demo, dice: random.Random) -> list[_Payer]:
    how_many = max(5, int(demo.payments * CUSTOMERS_PER_PAYMENT))
    customers, methods, payers = [], [], []
    for number in range(how_many):
        at = demo.begins_at + timedelta(seconds=number)
        name = f"{dice.choice(_FIRST)} {dice.choice(_LAST)}"
        customer = Customer(
            id=id_at("cus", at),
            merchant_id=demo.scope.merchant_id,
            livemode=demo.scope.livemode,
            name=name,
            email=f"{name.lower().replace(' ', '.')}.{number}@payer.example",
            metadata={HISTORY_MARK: "1"},
            created_at=at,
            version=1,
        )
        card = _draw_card(dice, number)
        method = PaymentMethod(
            id=id_at("pm", at),
            merchant_id=demo.scope.merchant_id,
            livemode=demo.scope.livemode,
            customer_id=customer.id,
            type="card",
            brand=card.brand,
            last4=card.last4,
            exp_month=card.exp_month,
            exp_year=card.exp_year,
            funding=card.funding,
            country=card.country,
            fingerprint=card.fingerprint,
            created_at=at,
            version=1,
        )
        customers.append(customer)
        methods.append(method)
        payers.append(_Payer(customer.id, method.id, card))
    Customer.objects.bulk_create(customers, batch_size=1000)
    PaymentMethod.objects.bulk_create(methods, batch_size=1000)
    return payers


def _draw_card(dice: random.Random, number: int) -> MethodDetails:
    return MethodDetails(
        brand=_draw(dice, _BRANDS),
        last4=f"{dice.randrange(10_000):04d}",
        exp_month=dice.randrange(1, 13),
        exp_year=2027 + dice.randrange(5),
        funding=dice.choice(("credit", "debit")),
        country=_draw(dice, _COUNTRIES),
        fingerprint=f"demo{number:08d}",
        cvc_check="pass",
        avs_postal_code_check=dice.choice(("pass", "pass", "pass", "fail")),
        three_d_secure=dice.choice(("", "", "authenticated", "attempt_acknowledged")),
    )


def _make_payment(demo: Demo, at: datetime, payer: _Payer, dice: random.Random) -> Step:
    outcome = _draw(dice, _OUTCOMES)
    if outcome == "held" and demo.now - at > _FRESH:
        outcome = "captured"
    currency = _draw(dice, _CURRENCIES)
    intent = PaymentIntent(
        id=id_at("pi", at),
        merchant_id=demo.scope.merchant_id,
        livemode=demo.scope.livemode,
        amount=_draw_amount(dice, currency),
        currency=currency,
        capture_method=CaptureMethod.MANUAL if outcome == "held" else CaptureMethod.AUTOMATIC,
        customer_id=payer.customer_id,
        payment_method_id=payer.method_id,
        description=f"{dice.choice(_GOODS)} {dice.randrange(1000, 99_999)}",
        metadata={"order": str(dice.randrange(10**6))},
        client_secret=f"demo_secret_{dice.getrandbits(64):016x}",
        created_at=at,
        expires_at=at + INTENT_LIFETIME,
    )
    step = Step(intent, origin=SHOP, now=at, is_new=True)
    facts = {name: getattr(intent, name) for name in PaymentIntent.MUTABLE}
    step.event("payment_intent.created", **{**facts, "expires_at": intent.expires_at.isoformat()})
    if outcome == "abandoned":
        _expire(step, demo)
        return step
    attempt = _start_attempt(step, payer, dice)
    step.now = at + timedelta(milliseconds=dice.randrange(180, 1400))
    settle_result(step, attempt, _draw_result(attempt, payer, outcome, dice, at=step.now))
    if outcome == "declined":
        _expire(step, demo)
    if outcome == "captured" and dice.randrange(1000) < _REFUNDED_IN_A_THOUSAND:
        _refund(step, attempt, demo, dice)
    return step


def _expire(step: Step, demo: Demo) -> None:
    """End what nobody paid, as the sweeper would have done by now."""
    if step.intent.expires_at < demo.now:
        step.origin, step.now = CLOCK, step.intent.expires_at
        step.event("payment_intent.expired", at=step.now.isoformat())


def _start_attempt(step: Step, payer: _Payer, dice: random.Random) -> PaymentAttempt:
    intent = step.intent
    names = list(gateway_names())
    gateway = names[0] if len(names) == 1 or dice.random() < 0.7 else dice.choice(names[1:])  # noqa: PLR2004
    attempt = PaymentAttempt(
        id=id_at("att", step.now),
        intent_id=intent.id,
        merchant_id=intent.merchant_id,
        livemode=intent.livemode,
        number=1,
        gateway=gateway,
        payment_method_id=payer.method_id,
        method_type="card",
        operation=Operation.CREATE,
        amount=intent.amount,
        currency=intent.currency,
        created_at=step.now,
    )
    step.put(attempt)
    step.event("payment_intent.processing", attempt=attempt.id, payment_method_id=payer.method_id)
    return attempt


def _draw_result(
    attempt: PaymentAttempt, payer: _Payer, outcome: str, dice: random.Random, *, at: datetime
) -> PaymentResult:
    reference = f"demo_{dice.getrandbits(80):020x}"
    told: dict[str, Any] = {
        "reference": reference,
        "charge_reference": f"{reference}_charge",
        "amount": attempt.amount,
        "currency": attempt.currency,
        "attempt_id": attempt.id,
    }
    # The method is known already: its details belong to the attempt, not to the vault.
    attempt.method_details = asdict(payer.card)
    if outcome == "declined":
        code, kind, _ = dice.choices(_DECLINES, [row[2] for row in _DECLINES])[0]
        decline = Decline(code=code, error_class=kind, message="The bank said no.")
        return PaymentResult(state=PaymentState.DECLINED, decline=decline, **told)
    if outcome == "held":
        ends = at + timedelta(days=7)
        return PaymentResult(state=PaymentState.AUTHORIZED, authorization_expires_at=ends, **told)
    return PaymentResult(
        state=PaymentState.CAPTURED,
        amount_captured=attempt.amount,
        fee=attempt.amount * _FEE_PER_MILLE // 1000 + charge_step(attempt.currency),
        **told,
    )


def _refund(step: Step, attempt: PaymentAttempt, demo: Demo, dice: random.Random) -> None:
    """Give a part or all of it back, some days later."""
    at = step.now + timedelta(hours=dice.randrange(1, 240))
    if at >= demo.now:
        return
    intent = step.intent
    step.now = at
    whole = dice.random() < 0.55  # noqa: PLR2004 - a little more often than not
    part = max(charge_step(intent.currency), intent.amount_received // 2)
    refund = Refund(
        id=id_at("re", at),
        merchant_id=intent.merchant_id,
        livemode=intent.livemode,
        version=1,
        intent_id=intent.id,
        attempt=attempt,
        amount=intent.amount_received if whole else part,
        currency=intent.currency,
        reason=dice.choice(_REFUND_REASONS),
        actor=SHOP.actor,
        created_at=at,
    )
    step.put_refund(refund)
    step.event("payment_intent.refund_requested", refund=refund.id, amount=refund.amount)
    step.object_event("refund.created", refund.id, 1, render_refund(refund))
    step.now = at + timedelta(seconds=dice.randrange(1, 30))
    reference = f"demo_{dice.getrandbits(80):020x}"
    if dice.random() < 0.03:  # noqa: PLR2004 - some accounts are closed
        result = RefundResult(
            state=RefundState.FAILED,
            reference=reference,
            amount=refund.amount,
            currency=refund.currency,
            failure_code="expired_or_canceled_card",
        )
    else:
        result = RefundResult(
            state=RefundState.SUCCEEDED,
            reference=reference,
            amount=refund.amount,
            currency=refund.currency,
        )
    settle_refund_result(step, refund, result)


def _draw_amount(dice: random.Random, currency: str) -> int:
    """Return what a shop's orders cost: many small ones, a few large ones."""
    major = min(round(dice.lognormvariate(3.6, 0.9), 2), 4000)
    scale = 10 ** exponent(currency) if exponent(currency) else 150
    unit = charge_step(currency)
    amount = int(major * scale) // unit * unit
    return max(amount, -(-smallest_charge(currency) // unit) * unit)


def _draw(dice: random.Random, weights: dict[str, int]) -> str:
    return dice.choices(list(weights), list(weights.values()))[0]
