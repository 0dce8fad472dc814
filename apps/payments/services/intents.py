"""Create, change, confirm, capture and cancel payment intents."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.conf import settings

from apps.common.errors import ResourceMissing
from apps.common.ids import new_id
from apps.common.metadata import with_metadata
from apps.common.money import check_charge_amount
from apps.common.origin import Origin, Scope
from apps.customers.selectors import get_customer
from apps.gateways.registry import gateway_names
from apps.gateways.routing import Payment
from apps.gateways.rulebook import decide_route
from apps.payments.errors import (
    CaptureExceedsAuthorized,
    ConcurrentChange,
    FeeExceedsAmount,
    FeeWithoutSeller,
    GatewayFailed,
    IntentNotCancelable,
    IntentNotCapturable,
    IntentNotConfirmable,
    IntentNotUpdatable,
    NoGatewayForMethod,
    PaymentInProgress,
    PaymentMethodRequired,
    PaymentTerminallyFailed,
)
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.payments.policies import INTENT_LIFETIME, LEASE
from apps.payments.selectors import get_attempt, get_attempt_and_intent, get_intent
from apps.payments.services.attempts import resolve_attempt, run_attempt, run_operation
from apps.payments.services.results import ABANDONED
from apps.payments.services.screening import screen_attempt
from apps.payments.services.step import MAX_TRIES, Reply, Step
from apps.payments.states import IntentStatus, Operation
from apps.payouts.selectors import get_seller
from apps.vault.errors import MethodOfOtherCustomer
from apps.vault.policies import choose_takers, is_gateway_token
from apps.vault.selectors import ChargeableMethod, get_chargeable_method
from apps.vault.services import draft_method, save_method

S = IntentStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirmation:
    """
    What a client settles when it confirms.

    `payment_method` is one of our ids or a gateway's token; `changes` are fields of the intent
    that confirming may still set. With `inline=False` a worker runs the attempt, not the request.
    `allow_duplicate` says that a payment just like one a moment ago is meant (AC-17).
    """

    payment_method: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    inline: bool = True
    allow_duplicate: bool = False


def create_intent(
    *,
    scope: Scope,
    fields: Mapping[str, Any],
    confirmation: Confirmation | None = None,
    origin: Origin,
    now: datetime,
    reply: Reply | None = None,
) -> PaymentIntent:
    """
    Create an intent and, with `confirmation`, start to charge it.

    `fields` are columns of the intent (`amount` in minor units, upper-case `currency`).

    :raises AmountInvalid: too small, too large, or not an amount of its currency
    :raises ResourceMissing: no such customer, payment method or seller
    :raises FeeWithoutSeller: a fee, but no seller to take it from
    :raises FeeExceedsAmount: the fee is more than the payment
    """
    check_charge_amount(fields["amount"], fields["currency"])
    if fields.get("customer_id"):
        get_customer(scope, fields["customer_id"])
    draft = _draft_of(fields.get("payment_method_id", ""), scope=scope, now=now)
    if draft is not None:
        fields = {**fields, "payment_method_id": draft.id}
    intent = _new_intent(scope, fields, now=now)
    _check_split(scope, intent, fields)
    step = Step(intent, origin=origin, now=now, is_new=True)
    _store_draft(step, draft)
    step.event("payment_intent.created", **_facts(intent))
    if confirmation is None:
        if intent.payment_method_id and draft is None:
            get_chargeable_method(scope, intent.payment_method_id)
        step.write(reply=reply)
        return intent
    confirmation = _save_method(intent, confirmation, scope=scope, origin=origin, now=now)
    attempt, method = _start_attempt(step, confirmation, scope=scope)
    step.write(reply=reply, recovery_point=_recovery_point(attempt, confirmation))
    return _run(intent, attempt, method, confirmation, origin=origin, now=now, reply=reply)


def _new_intent(scope: Scope, fields: Mapping[str, Any], *, now: datetime) -> PaymentIntent:
    intent_id = new_id("pi")
    defaults = {"expires_at": now + INTENT_LIFETIME}
    return PaymentIntent(
        id=intent_id,
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        client_secret=f"{intent_id}_secret_{secrets.token_hex(12)}",
        created_at=now,
        **{**defaults, **fields},
    )


def _facts(intent: PaymentIntent) -> dict[str, Any]:
    """Return the fields with which the intent begins, as its first event keeps them."""
    facts = {name: getattr(intent, name) for name in PaymentIntent.MUTABLE}
    facts["expires_at"] = intent.expires_at.isoformat()
    return facts


def update_intent(
    *,
    scope: Scope,
    intent_id: str,
    changes: Mapping[str, Any],
    origin: Origin,
    now: datetime,
    reply: Reply | None = None,
) -> PaymentIntent:
    """
    Change an intent that is not being charged yet; metadata and description may change any time.

    Where a parcel goes may be told once it is paid, too: only then there is a tracking number.

    :raises IntentNotUpdatable: it is being charged or is over
    :raises AmountInvalid: the new amount cannot be charged
    """
    draft = _draft_of(changes.get("payment_method_id", ""), scope=scope, now=now)
    if draft is not None:
        changes = {**changes, "payment_method_id": draft.id}
    for _ in range(MAX_TRIES):
        intent = get_intent(scope, intent_id)
        wanted = with_metadata(changes, intent.metadata)
        frozen = sorted(set(changes) - _always_open(intent))
        if frozen and intent.status not in {S.CREATED, S.FAILED}:
            raise IntentNotUpdatable(
                intent=intent.id, status=intent.status, fields=", ".join(frozen)
            )
        check_charge_amount(
            changes.get("amount", intent.amount), changes.get("currency", intent.currency)
        )
        if draft is None:
            _check_references(scope, changes)
        step = Step(intent, origin=origin, now=now)
        _store_draft(step, draft)
        step.event("payment_intent.updated", **wanted)
        _check_split(scope, intent, wanted)
        if step.write(reply=reply):
            return intent
    raise ConcurrentChange(intent=intent_id)


def _always_open(intent: PaymentIntent) -> set[str]:
    """Return what may be changed of the intent whether or not it is charged."""
    is_paid = intent.status in {S.SUCCEEDED, S.REFUNDED}
    return {"metadata", "description", "shipping"} if is_paid else {"metadata", "description"}


def _check_references(scope: Scope, changes: Mapping[str, Any]) -> None:
    if changes.get("customer_id"):
        get_customer(scope, changes["customer_id"])
    if changes.get("payment_method_id"):
        get_chargeable_method(scope, changes["payment_method_id"])


def _check_split(scope: Scope, intent: PaymentIntent, changes: Mapping[str, Any]) -> None:
    """Refuse a split that cannot be booked, before anything of the intent is written."""
    fee = intent.application_fee_amount
    if fee is not None and not intent.transfer_destination:
        raise FeeWithoutSeller(param="application_fee_amount")
    if fee is not None and fee > intent.amount:
        raise FeeExceedsAmount(fee=fee, amount=intent.amount, param="application_fee_amount")
    if changes.get("transfer_destination"):
        get_seller(scope, intent.transfer_destination, param="transfer_data[destination]")


def confirm_intent(
    *,
    scope: Scope,
    intent_id: str,
    confirmation: Confirmation,
    origin: Origin,
    now: datetime,
    reply: Reply | None = None,
) -> PaymentIntent:
    """
    Charge the intent: commit the attempt, run it at the gateway, record the outcome.

    Returns the intent as it stands when the time budget ends; an unknown outcome is `processing`.

    :raises PaymentInProgress: another attempt has no outcome yet
    :raises PaymentTerminallyFailed: the last decline forbids another try
    :raises IntentNotConfirmable: paid, canceled or expired
    :raises PaymentMethodRequired: no payment method was given, now or before
    :raises NoGatewayForMethod: no gateway can charge it
    Source: rulings C1, C11, C12, C13
    """
    for _ in range(MAX_TRIES):
        intent = _intent_to_confirm(scope, intent_id, origin=origin, now=now)
        confirmation = _save_method(intent, confirmation, scope=scope, origin=origin, now=now)
        step = Step(intent, origin=origin, now=now)
        attempt, method = _start_attempt(step, confirmation, scope=scope)
        if step.write(reply=reply, recovery_point=_recovery_point(attempt, confirmation)):
            return _run(intent, attempt, method, confirmation, origin=origin, now=now, reply=reply)
    raise ConcurrentChange(intent=intent_id)


def resume_attempt(
    *, attempt_id: str, origin: Origin, now: datetime, reply: Reply | None = None
) -> PaymentIntent:
    """
    Go on where a request with the same idempotency key died (AC-09).

    An attempt without outcome is run again with its own gateway key; one that is over is only
    answered.
    """
    attempt, intent = get_attempt_and_intent(attempt_id)
    if attempt.operation != Operation.NONE:
        intent = resolve_attempt(attempt_id=attempt_id, origin=origin, now=now)
    for _ in range(MAX_TRIES):
        if reply is None or Step(intent, origin=origin, now=now).write(reply=reply):
            return intent
        _, intent = get_attempt_and_intent(attempt_id)
    raise ConcurrentChange(intent=intent.id)


def _intent_to_confirm(
    scope: Scope, intent_id: str, *, origin: Origin, now: datetime
) -> PaymentIntent:
    intent = get_intent(scope, intent_id)
    if intent.status == S.REQUIRES_ACTION:
        # The payer starts over: the open attempt is fenced at its gateway before a new one begins.
        intent = _void(intent, reason=ABANDONED, origin=origin, now=now)
    if intent.status == S.PROCESSING:
        raise PaymentInProgress(intent=intent.id, attempt=intent.latest_attempt_id)
    if intent.status == S.FAILED and not intent.is_retryable:
        error = intent.last_payment_error or {}
        raise PaymentTerminallyFailed(intent=intent.id, decline_code=error.get("decline_code"))
    if intent.status not in {S.CREATED, S.FAILED} or now >= intent.expires_at:
        status = S.EXPIRED if intent.status in {S.CREATED, S.FAILED} else intent.status
        raise IntentNotConfirmable(intent=intent.id, status=status)
    return intent


def _save_method(
    intent: PaymentIntent,
    confirmation: Confirmation,
    *,
    scope: Scope,
    origin: Origin,
    now: datetime,
) -> Confirmation:
    """Tie the method to the customer before it is charged, if the merchant asks for that."""
    usage = confirmation.changes.get("setup_future_usage", intent.setup_future_usage)
    wanted = confirmation.payment_method or intent.payment_method_id
    if not (usage and wanted and intent.customer_id):
        return confirmation
    saved = save_method(
        scope=scope, wanted=wanted, customer_id=intent.customer_id, origin=origin, now=now
    )
    return replace(confirmation, payment_method=saved)


def _start_attempt(
    step: Step, confirmation: Confirmation, *, scope: Scope
) -> tuple[PaymentAttempt, ChargeableMethod]:
    intent = step.intent
    method = _method_to_charge(intent, confirmation, scope=scope, now=step.now)
    decision = decide_route(scope, _describe(intent, method), chargeable=method.chargeable_at)
    route = decision.route
    if not route:
        raise NoGatewayForMethod(payment_method=method.id, currency=intent.currency)
    attempt = PaymentAttempt(
        id=new_id("att"),
        intent_id=intent.id,
        merchant_id=intent.merchant_id,
        livemode=intent.livemode,
        number=intent.attempt_count + 1,
        gateway=route[0],
        route=route[1:],
        routing=decision.reasons,
        payment_method_id=method.id,
        method_type=method.type,
        amount=intent.amount,
        currency=intent.currency,
        checks=0 if confirmation.inline else -1,
        due_at=step.now + LEASE if confirmation.inline else step.now,
        created_at=step.now,
    )
    _store_draft(step, method)
    step.put(attempt)
    step.event(
        "payment_intent.processing",
        attempt=attempt.id,
        payment_method_id=method.id,
        **confirmation.changes,
    )
    screen_attempt(step, attempt, method, allow_duplicate=confirmation.allow_duplicate)
    return attempt, method


def _describe(intent: PaymentIntent, method: ChargeableMethod) -> Payment:
    return Payment(
        amount=intent.amount,
        currency=intent.currency,
        method_type=method.type,
        capture=intent.capture_method == "automatic",
        brand=method.card_details.get("brand", ""),
        country=method.card_details.get("country", ""),
        seller=intent.transfer_destination,
    )


def _method_to_charge(
    intent: PaymentIntent, confirmation: Confirmation, *, scope: Scope, now: datetime
) -> ChargeableMethod:
    wanted = confirmation.payment_method or intent.payment_method_id
    if not wanted:
        raise PaymentMethodRequired(intent=intent.id, param="payment_method")
    draft = _draft_of(wanted, scope=scope, now=now)
    if draft is not None:
        return draft
    method = get_chargeable_method(scope, wanted)
    if method.customer_id and intent.customer_id and method.customer_id != intent.customer_id:
        raise MethodOfOtherCustomer(
            payment_method=method.id, customer=intent.customer_id, param="payment_method"
        )
    return method


def _draft_of(wanted: str, *, scope: Scope, now: datetime) -> ChargeableMethod | None:
    """Return a method to be stored for a test token, or one the payer's browser just got."""
    if not is_gateway_token(wanted):
        return None
    gateways = choose_takers(
        wanted, type="card", takers=settings.TOKENISER_GATEWAYS, preferred=gateway_names()[0]
    )
    return draft_method(scope, token=wanted, gateways=gateways, type="card", now=now)


def _store_draft(step: Step, method: ChargeableMethod | None) -> None:
    if method is not None and method.draft is not None:
        step.put_method(method.draft)


def _recovery_point(attempt: PaymentAttempt, confirmation: Confirmation) -> str:
    """Return what a retry finds if we die; "" when the answer is known with this very write."""
    return attempt.id if confirmation.inline and attempt.is_open else ""


def _run(
    intent: PaymentIntent,
    attempt: PaymentAttempt,
    method: ChargeableMethod,
    confirmation: Confirmation,
    *,
    origin: Origin,
    now: datetime,
    reply: Reply | None,
) -> PaymentIntent:
    if not confirmation.inline or not attempt.is_open:
        return intent
    return run_attempt(
        intent=intent, attempt=attempt, method=method, origin=origin, now=now, reply=reply
    )


def capture_intent(
    *,
    scope: Scope,
    intent_id: str,
    amount: int | None = None,
    changes: Mapping[str, Any] | None = None,
    origin: Origin,
    now: datetime,
    reply: Reply | None = None,
) -> PaymentIntent:
    """
    Take the held money, or `amount` minor units of it; the rest is released (AC-48).

    `changes` are columns of the intent that are set along with it.

    :raises IntentNotCapturable: nothing is held
    :raises PaymentInProgress: a void of it is under way
    :raises CaptureExceedsAuthorized: more than is held
    :raises GatewayFailed: the gateway could not be reached; the money is still held
    """
    for _ in range(MAX_TRIES):
        intent = get_intent(scope, intent_id)
        if intent.status != S.REQUIRES_CAPTURE:
            raise IntentNotCapturable(intent=intent.id, status=intent.status)
        wanted = intent.amount_capturable if amount is None else amount
        if wanted > intent.amount_capturable:
            raise CaptureExceedsAuthorized(
                requested=wanted, capturable=intent.amount_capturable, param="amount_to_capture"
            )
        attempt = get_attempt(intent.latest_attempt_id)
        step = Step(intent, origin=origin, now=now)
        _start_operation(step, attempt, Operation.CAPTURE, amount=wanted)
        if changes:
            step.event("payment_intent.updated", **with_metadata(changes, intent.metadata))
        step.event("payment_intent.capture_requested", attempt=attempt.id, amount=wanted)
        if step.write(reply=reply, recovery_point=attempt.id):
            intent = run_operation(attempt_id=attempt.id, origin=origin, now=now, reply=reply)
            if intent.status == S.REQUIRES_CAPTURE:
                raise GatewayFailed
            return intent
    raise ConcurrentChange(intent=intent_id)


def cancel_intent(
    *,
    scope: Scope,
    intent_id: str,
    reason: str,
    origin: Origin,
    now: datetime,
    reply: Reply | None = None,
) -> PaymentIntent:
    """
    Give a payment up; what is held at the gateway is released first.

    :raises IntentNotCancelable: it is paid, over, or on its way at the gateway
    :raises PaymentInProgress: its attempt has no outcome yet
    :raises GatewayFailed: the gateway could not be reached; nothing has changed
    """
    for _ in range(MAX_TRIES):
        intent = get_intent(scope, intent_id)
        if intent.status == S.PROCESSING:
            raise PaymentInProgress(intent=intent.id, attempt=intent.latest_attempt_id)
        if intent.status in {S.REQUIRES_ACTION, S.REQUIRES_CAPTURE}:
            intent = _void(intent, reason=reason, origin=origin, now=now, reply=reply)
            return _check_canceled(intent)
        if intent.status not in {S.CREATED, S.FAILED}:
            raise IntentNotCancelable(intent=intent.id, status=intent.status)
        step = Step(intent, origin=origin, now=now)
        step.event("payment_intent.canceled", reason=reason, at=now.isoformat())
        if step.write(reply=reply):
            return intent
    raise ConcurrentChange(intent=intent_id)


def _check_canceled(intent: PaymentIntent) -> PaymentIntent:
    attempt = get_attempt(intent.latest_attempt_id)
    if intent.status in {S.SUCCEEDED, S.CONFLICTED}:
        raise IntentNotCancelable(intent=intent.id, status=intent.status)
    if intent.status not in {S.CANCELED, S.EXPIRED} and attempt.operation != Operation.VOID:
        raise GatewayFailed
    return intent


def _void(
    intent: PaymentIntent,
    *,
    reason: str,
    origin: Origin,
    now: datetime,
    reply: Reply | None = None,
) -> PaymentIntent:
    """Ask the gateway to let go of the intent's open attempt, and record what came of it."""
    attempt = get_attempt(intent.latest_attempt_id)
    step = Step(intent, origin=origin, now=now)
    attempt.void_reason = reason
    _start_operation(step, attempt, Operation.VOID)
    step.event("payment_intent.void_requested", attempt=attempt.id, reason=reason)
    if not step.write(reply=reply, recovery_point=attempt.id):
        raise ConcurrentChange(intent=intent.id)
    return run_operation(attempt_id=attempt.id, origin=origin, now=now, reply=reply)


def _start_operation(
    step: Step, attempt: PaymentAttempt, operation: Operation, *, amount: int = 0
) -> None:
    if attempt.operation in {Operation.CAPTURE, Operation.INCREMENT, Operation.VOID}:
        raise PaymentInProgress(intent=step.intent.id, attempt=attempt.id)
    attempt.operation = operation
    attempt.amount_to_capture = amount
    attempt.checks = 0
    attempt.due_at = step.now + LEASE
    step.put(attempt)


def find_intent_by_secret(client_secret: str) -> PaymentIntent:
    """
    Return the intent that a payer's browser names by its client secret.

    :raises ResourceMissing: no intent has this secret
    """
    intent_id, _, _ = client_secret.partition("_secret_")
    intent = PaymentIntent.objects.filter(pk=intent_id).first()
    if intent is None or not secrets.compare_digest(intent.client_secret, client_secret):
        raise ResourceMissing(resource="payment_intent", id=intent_id, param="client_secret")
    return intent
