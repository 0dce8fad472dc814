"""Intents: what may happen to them, and that nothing happens on a refusal."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.gateways.base import DeclineClass, PaymentState
from apps.gateways.errors import GatewayNotSent, GatewayRejected, GatewayUnknown
from apps.ledger.models import JournalEntry
from apps.ledger.selectors import balance_of
from apps.outbox.history import find_differences
from apps.outbox.models import Event
from apps.payments.errors import (
    CaptureExceedsAuthorized,
    GatewayFailed,
    IntentNotCancelable,
    IntentNotCapturable,
    IntentNotConfirmable,
    PaymentInProgress,
    PaymentTerminallyFailed,
)
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.payments.services.attempts import resolve_attempt, sync_attempt
from apps.payments.services.intents import (
    Confirmation,
    cancel_intent,
    capture_intent,
    confirm_intent,
)
from apps.payments.services.sweeps import expire_intents, sweep_attempts, sweep_refunds
from tests.factories.payments import (
    SCOPE,
    TESTER,
    attempt_of,
    confirmed_intent,
    created_intent,
    held_intent,
    stored_method,
)
from tests.fake_gateway import FakeGateway, challenge, charge_amount, decline, pending

pytestmark = pytest.mark.django_db

VISA = Confirmation(payment_method="pm_card_visa")


def history(intent: PaymentIntent) -> list[str]:
    events = Event.objects.filter(object_id=intent.id).order_by("sequence")
    return [event.type.removeprefix("payment_intent.") for event in events]


def entries(intent: PaymentIntent) -> list[str]:
    ids = list(PaymentAttempt.objects.filter(intent_id=intent.id).values_list("id", flat=True))
    ids += list(intent.refunds.values_list("id", flat=True))
    return sorted(e.kind for e in JournalEntry.objects.filter(source_id__in=ids))


def error_of(intent: PaymentIntent) -> dict[str, Any]:
    assert intent.last_payment_error is not None
    error: dict[str, Any] = intent.last_payment_error
    return error


def reload(intent: PaymentIntent) -> PaymentIntent:
    return PaymentIntent.objects.get(pk=intent.id)


def confirm(intent: PaymentIntent, **options: object) -> PaymentIntent:
    return confirm_intent(
        scope=SCOPE, intent_id=intent.id, confirmation=VISA, origin=TESTER, now=timezone.now()
    )


def test_confirmed_payment_is_charged_booked_and_told(gateway: FakeGateway) -> None:
    intent = confirmed_intent(amount=1050)

    stored = reload(intent)
    assert (stored.status, stored.amount_received) == ("succeeded", 1050)
    assert [p.amount_captured for p in gateway.captures] == [1050]
    assert history(intent) == ["created", "processing", "succeeded"]
    assert entries(intent) == ["captured"]
    attempt = attempt_of(intent)
    assert (attempt.status, attempt.kept, attempt.fee) == ("captured", True, 30)
    assert attempt.method_details["last4"] == "4242"
    assert list(find_differences()) == []


def test_create_and_confirm_take_one_statement_each_way(
    gateway: FakeGateway, django_assert_num_queries: object
) -> None:
    confirmed_intent()  # warms the caches of the process, among them the rules of risk

    with django_assert_num_queries(1):  # type: ignore[operator]
        intent = created_intent()
    with django_assert_num_queries(3):  # type: ignore[operator]
        confirm(intent)


def test_retryable_decline_keeps_the_intent_alive(gateway: FakeGateway) -> None:
    gateway.script = [decline("insufficient_funds")]
    intent = confirmed_intent()
    assert intent.status == "failed"
    assert error_of(intent)["decline_code"] == "insufficient_funds"
    assert error_of(intent)["retryable"] is True

    intent = confirm(intent)

    assert intent.status == "succeeded"
    assert [a.status for a in intent.attempts.order_by("number")] == ["failed", "captured"]
    assert len(gateway.captures) == 1


def test_terminal_decline_ends_the_intent(gateway: FakeGateway) -> None:
    gateway.script = [decline("stolen_card", DeclineClass.TERMINAL)]
    intent = confirmed_intent()

    with pytest.raises(PaymentTerminallyFailed):
        confirm(intent)

    assert intent.attempts.count() == 1
    assert gateway.count("create") == 1


def test_paid_intent_cannot_be_confirmed_canceled_or_captured_again(gateway: FakeGateway) -> None:
    intent = confirmed_intent()
    at = timezone.now()

    with pytest.raises(IntentNotConfirmable):
        confirm(intent)
    with pytest.raises(IntentNotCancelable):
        cancel_intent(scope=SCOPE, intent_id=intent.id, reason="duplicate", origin=TESTER, now=at)
    with pytest.raises(IntentNotCapturable):
        capture_intent(scope=SCOPE, intent_id=intent.id, origin=TESTER, now=at)

    assert history(intent) == ["created", "processing", "succeeded"]
    assert gateway.count("create") == 1


def test_3ds_goes_to_the_bank_and_comes_back_paid(gateway: FakeGateway) -> None:
    gateway.script = [challenge()]
    intent = confirmed_intent(return_url="https://shop.example/back")
    assert intent.status == "requires_action"
    assert intent.next_action == {"type": "redirect_to_url", "url": "https://bank.example/3ds"}
    attempt = attempt_of(intent)
    gateway.move(attempt.gateway_reference, state=PaymentState.CAPTURED, amount_captured=1000)

    resolve_attempt(attempt_id=attempt.id, now=timezone.now())

    assert reload(intent).status == "succeeded"
    assert history(intent) == ["created", "processing", "requires_action", "succeeded"]


def test_ac_096_starting_over_fences_the_open_attempt_first(gateway: FakeGateway) -> None:
    gateway.script = [challenge()]
    intent = confirmed_intent()

    intent = confirm(intent)

    assert intent.status == "succeeded"
    assert [a.status for a in intent.attempts.order_by("number")] == ["voided", "captured"]
    assert len(gateway.captures) == 1


def test_ac_013_unknown_outcome_stays_processing_and_is_settled_once(
    gateway: FakeGateway,
) -> None:
    gateway.after = [GatewayUnknown("read timeout"), GatewayUnknown("read timeout")]
    intent = confirmed_intent()
    assert intent.status == "processing"
    assert attempt_of(intent).status == "unknown"
    with pytest.raises(PaymentInProgress):
        confirm(intent)

    settled = sweep_attempts(now=timezone.now() + timedelta(minutes=1))

    assert settled == 1
    assert reload(intent).status == "succeeded"
    assert len(gateway.captures) == 1
    assert entries(intent) == ["captured"]


def test_lost_answer_is_asked_for_again_inside_the_request(gateway: FakeGateway) -> None:
    gateway.after = [GatewayUnknown("connection reset")]

    intent = confirmed_intent()

    assert intent.status == "succeeded"
    assert gateway.count("create") == 2
    assert len(gateway.captures) == 1


def test_old_unknown_attempt_is_looked_up_not_charged(gateway: FakeGateway) -> None:
    gateway.before = [GatewayUnknown("black hole"), GatewayUnknown("black hole")]
    intent = confirmed_intent()

    sweep_attempts(now=timezone.now() + timedelta(minutes=20))

    intent = reload(intent)
    assert intent.status == "failed"
    assert error_of(intent)["error_class"] == "not_sent"
    assert (gateway.count("create"), gateway.count("find")) == (2, 1)
    assert gateway.captures == []


def test_ac_014_refused_connection_goes_to_the_next_gateway(
    two_gateways: tuple[FakeGateway, FakeGateway],
) -> None:
    first, second = two_gateways
    first.before = [GatewayNotSent("connection refused")]
    intent = created_intent()
    method = stored_method("stripe_main", "stripe_spare")
    intent = confirm_intent(
        scope=SCOPE,
        intent_id=intent.id,
        confirmation=Confirmation(payment_method=method.id),
        origin=TESTER,
        now=timezone.now(),
    )

    assert intent.status == "succeeded"
    tries = list(intent.attempts.order_by("number").values_list("gateway", "status"))
    assert tries == [("stripe_main", "failed"), ("stripe_spare", "captured")]
    assert (len(first.captures), len(second.captures)) == (0, 1)


def test_refused_connection_without_another_gateway_charges_nothing(
    gateway: FakeGateway,
) -> None:
    gateway.before = [GatewayNotSent("connection refused")]

    intent = confirmed_intent()

    assert intent.status == "failed"
    assert error_of(intent)["retryable"] is True
    assert confirm(intent).status == "succeeded"


def test_rejected_request_is_terminal(gateway: FakeGateway) -> None:
    gateway.before = [GatewayRejected("no such payment method", code="resource_missing")]

    intent = confirmed_intent()

    assert intent.status == "failed"
    assert error_of(intent)["retryable"] is False


@pytest.mark.parametrize(
    ("amount", "currency"), [(999, "EUR"), (1001, "EUR"), (1000, "USD"), (1000, "JPY")]
)
def test_ac_016_other_money_than_asked_for_needs_a_person(
    gateway: FakeGateway, amount: int, currency: str
) -> None:
    gateway.script = [charge_amount(amount, currency)]

    intent = confirmed_intent(amount=1000)

    assert reload(intent).status == "conflicted"
    assert entries(intent) == ["captured_in_conflict"]
    # Nobody ships anything for it, and nobody charges again either.
    assert history(intent) == ["created", "processing", "conflicted"]
    with pytest.raises(IntentNotConfirmable):
        confirm(intent)
    assert gateway.count("create") == 1
    assert list(find_differences()) == []


def expire(_intent: PaymentIntent, now: datetime) -> None:
    assert expire_intents(now=now) == 1


def cancel(intent: PaymentIntent, now: datetime) -> None:
    cancel_intent(scope=SCOPE, intent_id=intent.id, reason="abandoned", origin=TESTER, now=now)


@pytest.mark.parametrize(("end", "ended_as"), [(expire, "expired"), (cancel, "canceled")])
def test_ac_015_late_success_of_an_intent_that_ended_goes_back_and_is_told(
    gateway: FakeGateway,
    caplog: pytest.LogCaptureFixture,
    end: Callable[[PaymentIntent, datetime], None],
    ended_as: str,
) -> None:
    gateway.script = [challenge()]
    intent = confirmed_intent()
    reference = attempt_of(intent).gateway_reference
    later = timezone.now() + timedelta(hours=25)
    end(intent, later)
    assert reload(intent).status == ended_as
    gateway.move(reference, state=PaymentState.CAPTURED, amount_captured=1000)

    for _ in range(2):
        attempt = attempt_of(intent)
        sync_attempt(attempt_id=attempt.id, reference=reference, origin=TESTER, now=later)
        sweep_refunds(now=later)

    assert reload(intent).status == ended_as
    assert entries(intent) == ["captured", "refunded"]
    assert history(intent)[-1] == "compensation_started"
    assert "succeeded" not in history(intent)
    assert f"late success of {attempt_of(intent).id}" in caplog.text
    refund = intent.refunds.get()
    assert (refund.compensates, refund.amount, refund.status) == (True, 1000, "succeeded")
    # What was sold is nothing again; the gateway kept its fee.
    sums = {
        code: balance_of(scope=SCOPE, code=code, currency="EUR", owner=owner).posted
        for code, owner in [
            ("sales", ""), ("refunds", ""), ("gateway_clearing", "stripe_main"),
            ("gateway_fees", "stripe_main"),
        ]
    }  # fmt: skip
    assert sums["sales"] == sums["refunds"]
    assert sums["gateway_clearing"] == -30
    assert sums["gateway_fees"] == 30
    assert list(find_differences()) == []


def test_ac_048_partial_capture_releases_the_rest(gateway: FakeGateway) -> None:
    intent = held_intent(amount=10000)
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 10000)

    with pytest.raises(CaptureExceedsAuthorized):
        capture_intent(
            scope=SCOPE, intent_id=intent.id, amount=10100, origin=TESTER, now=timezone.now()
        )
    intent = capture_intent(
        scope=SCOPE, intent_id=intent.id, amount=6000, origin=TESTER, now=timezone.now()
    )

    assert (intent.status, intent.amount_received, intent.amount_capturable) == (
        "succeeded", 6000, 0,
    )  # fmt: skip
    assert entries(intent) == ["authorised", "captured"]
    with pytest.raises(IntentNotCapturable):
        capture_intent(scope=SCOPE, intent_id=intent.id, origin=TESTER, now=timezone.now())
    assert list(find_differences()) == []


def test_every_reason_cancels_a_payment_whose_payer_is_at_the_bank(gateway: FakeGateway) -> None:
    for reason in ("abandoned", "duplicate", "requested_by_customer"):
        gateway.script.append(challenge())
        waiting = confirmed_intent(amount=1000)

        intent = cancel_intent(
            scope=SCOPE, intent_id=waiting.id, reason=reason, origin=TESTER, now=timezone.now()
        )

        assert (intent.status, intent.cancellation_reason) == ("canceled", reason)


def test_ac_048_canceled_hold_is_voided_and_cannot_be_captured(gateway: FakeGateway) -> None:
    intent = held_intent()

    intent = cancel_intent(
        scope=SCOPE,
        intent_id=intent.id,
        reason="requested_by_customer",
        origin=TESTER,
        now=timezone.now(),
    )

    assert (intent.status, intent.cancellation_reason) == ("canceled", "requested_by_customer")
    assert attempt_of(intent).status == "voided"
    assert entries(intent) == ["authorised", "voided"]
    with pytest.raises(IntentNotCapturable):
        capture_intent(scope=SCOPE, intent_id=intent.id, origin=TESTER, now=timezone.now())
    assert gateway.captures == []


def test_ac_048_authorisation_that_runs_out_is_released(gateway: FakeGateway) -> None:
    intent = held_intent()

    sweep_attempts(now=timezone.now() + timedelta(days=6, hours=23))
    assert (reload(intent).status, reload(intent).amount_capturable) == ("requires_capture", 1000)
    assert gateway.count("void") == 0
    for days in (8, 9):
        sweep_attempts(now=timezone.now() + timedelta(days=days))

    intent = reload(intent)
    assert (intent.status, intent.cancellation_reason) == ("canceled", "expired")
    assert entries(intent) == ["authorised", "voided"]
    with pytest.raises(IntentNotCapturable):
        capture_intent(scope=SCOPE, intent_id=intent.id, origin=TESTER, now=timezone.now())
    assert gateway.captures == []


def test_unreachable_gateway_leaves_the_hold_as_it_was(gateway: FakeGateway) -> None:
    intent = held_intent()
    gateway.before = [GatewayNotSent("connection refused")]

    with pytest.raises(GatewayFailed):
        capture_intent(scope=SCOPE, intent_id=intent.id, origin=TESTER, now=timezone.now())

    assert reload(intent).status == "requires_capture"
    assert (
        capture_intent(scope=SCOPE, intent_id=intent.id, origin=TESTER, now=timezone.now()).status
        == "succeeded"
    )


def test_capture_of_unknown_outcome_is_finished_by_the_sweeper(gateway: FakeGateway) -> None:
    intent = held_intent()
    gateway.after = [GatewayUnknown("read timeout")]

    intent = capture_intent(scope=SCOPE, intent_id=intent.id, origin=TESTER, now=timezone.now())
    assert intent.status == "processing"
    sweep_attempts(now=timezone.now() + timedelta(minutes=1))

    assert reload(intent).status == "succeeded"
    assert entries(intent) == ["authorised", "captured"]


def test_slow_bank_is_waited_for(gateway: FakeGateway) -> None:
    gateway.script = [pending]
    intent = confirmed_intent()
    assert intent.status == "processing"
    gateway.move(
        attempt_of(intent).gateway_reference, state=PaymentState.CAPTURED, amount_captured=1000
    )

    sweep_attempts(now=timezone.now() + timedelta(minutes=2))

    assert reload(intent).status == "succeeded"


def test_asynchronous_answer_leaves_the_attempt_to_a_worker(gateway: FakeGateway) -> None:
    intent = confirmed_intent(inline=False)
    assert intent.status == "processing"
    assert gateway.calls == []

    sweep_attempts(now=timezone.now() + timedelta(seconds=1))

    assert reload(intent).status == "succeeded"
    assert len(gateway.captures) == 1


def test_unpaid_intent_expires(gateway: FakeGateway) -> None:
    intent = created_intent()

    expire_intents(now=timezone.now() + timedelta(hours=25))

    assert reload(intent).status == "expired"
    assert history(intent) == ["created", "expired"]
    assert gateway.calls == []
