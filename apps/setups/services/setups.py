"""Create, confirm and cancel setup intents; ask the gateway, and record what it says."""

import logging
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from apps.common.errors import DomainError
from apps.common.ids import new_id
from apps.common.metadata import with_metadata
from apps.common.origin import CLOCK, Origin, Scope
from apps.common.returns import return_address
from apps.common.transactions import release_connection
from apps.customers.selectors import get_customer
from apps.fraud.states import Action
from apps.gateways.base import Decline, Gateway, SetupRequest, SetupResult, SetupState
from apps.gateways.errors import GatewayError, GatewayNotSent, GatewayRejected
from apps.gateways.registry import get_gateway
from apps.setups.errors import (
    SetupMethodRequired,
    SetupNotCancelable,
    SetupNotConfirmable,
    SetupNotUpdatable,
)
from apps.setups.models import SetupIntent
from apps.setups.policies import LEASE, next_look
from apps.setups.selectors import get_setup
from apps.setups.services.events import Moment
from apps.setups.services.screening import assess_setup, describe_block, keep_assessment
from apps.setups.states import UNSETTLED, SetupStatus, Usage
from apps.vault.errors import MethodOfOtherCustomer
from apps.vault.selectors import ChargeableMethod, get_chargeable_method
from apps.vault.services import attach_method, keep_token

logger = logging.getLogger(__name__)

S = SetupStatus
_WAITING = {S.PROCESSING, S.REQUIRES_ACTION}

# How many setups one sweep takes over.
BATCH = 50

# The part of the return address that leads to setups.
RETURN_KIND = "setup"


def create_setup(
    *, scope: Scope, fields: Mapping[str, Any], origin: Origin, now: datetime
) -> SetupIntent:
    """
    Create a setup intent; a one-time token in `payment_method_id` is kept at the gateways first.

    :raises ResourceMissing: no such customer or payment method
    :raises TokenRefused: the gateway does not know the token
    :raises GatewaysAway: none could be reached; nothing was stored
    """
    if fields.get("customer_id"):
        get_customer(scope, fields["customer_id"])
    begun = dict(fields)
    if begun.get("payment_method_id"):
        wanted, customer_id = begun["payment_method_id"], begun.get("customer_id", "")
        begun["payment_method_id"] = _keep_method(scope, wanted, customer_id, now=now).id
    setup_id = new_id("seti")
    setup = SetupIntent(
        id=setup_id,
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        client_secret=f"{setup_id}_secret_{secrets.token_hex(12)}",
        created_at=now,
    )
    with transaction.atomic():
        Moment(origin=origin, now=now).happen(setup, "setup_intent.created", **begun)
        setup.save(force_insert=True)
    return setup


def update_setup(
    *, scope: Scope, setup_id: str, changes: Mapping[str, Any], origin: Origin, now: datetime
) -> SetupIntent:
    """
    Change a setup that nobody has confirmed yet; metadata and description may change any time.

    :raises ResourceMissing: no such setup, customer or payment method
    :raises SetupNotUpdatable: it is being confirmed or is over
    :raises MethodOfOtherCustomer: the method belongs to somebody else
    :raises GatewaysAway: a one-time token could be kept nowhere; nothing was changed
    """
    setup = get_setup(scope, setup_id)
    _check_updatable(setup, changes)
    changed = dict(changes)
    customer_id = changed.get("customer_id", setup.customer_id)
    if changed.get("customer_id"):
        get_customer(scope, customer_id)
    if changed.get("payment_method_id"):
        wanted = changed["payment_method_id"]
        changed["payment_method_id"] = _keep_method(scope, wanted, customer_id, now=now).id
    with transaction.atomic():
        setup = SetupIntent.objects.lock(setup_id)
        _check_updatable(setup, changed)
        changed = with_metadata(changed, setup.metadata)
        Moment(origin=origin, now=now).happen(setup, "setup_intent.updated", **changed)
        setup.save()
    return setup


def _check_updatable(setup: SetupIntent, changes: Mapping[str, Any]) -> None:
    frozen = sorted(set(changes) - {"metadata", "description"})
    if frozen and setup.status not in {S.REQUIRES_PAYMENT_METHOD, S.REQUIRES_CONFIRMATION}:
        raise SetupNotUpdatable(setup=setup.id, status=setup.status, fields=", ".join(frozen))


def _keep_method(scope: Scope, wanted: str, customer_id: str, *, now: datetime) -> ChargeableMethod:
    """Return the stored method, keeping a one-time token at the gateways that take it."""
    method_id = keep_token(scope=scope, wanted=wanted, key=new_id("pm"), now=now)
    method = get_chargeable_method(scope, method_id)
    if method.customer_id and method.customer_id != customer_id:
        raise MethodOfOtherCustomer(
            payment_method=method.id, customer=customer_id, param="payment_method"
        )
    return method


def confirm_setup(
    *,
    scope: Scope,
    setup_id: str,
    payment_method: str = "",
    return_url: str = "",
    origin: Origin,
    now: datetime,
) -> SetupIntent:
    """
    Have the bank agree that the method is charged later, and tie it to the customer.

    Returns the setup as it stands: a bank that wants to see the payer leaves it `requires_action`,
    a lost answer `processing`, a refusal of the bank or of risk `requires_payment_method` with
    `last_setup_error`.

    :raises SetupNotConfirmable: it has succeeded, is canceled, or being confirmed
    :raises SetupMethodRequired: no payment method was given, now or before
    :raises MethodOfOtherCustomer: the method belongs to somebody else
    """
    setup = get_setup(scope, setup_id)
    _check_confirmable(setup)
    wanted = payment_method or setup.payment_method_id
    if not wanted:
        raise SetupMethodRequired(setup=setup.id, param="payment_method")
    method = _keep_method(scope, wanted, setup.customer_id, now=now)
    confirmed = {"payment_method_id": method.id}
    if return_url:
        confirmed["return_url"] = return_url
    assessment = assess_setup(setup, method, origin=origin, now=now)
    moment = Moment(origin=origin, now=now)
    with transaction.atomic():
        # The lock makes two confirmations at once take turns, and the second one find the first.
        setup = SetupIntent.objects.lock(setup_id)
        _check_confirmable(setup)
        setup.due_at, setup.checks = now + LEASE, 0
        moment.happen(
            setup, "setup_intent.processing", gateway=next(iter(method.tokens)), **confirmed
        )
        keep_assessment(assessment, setup)
        if assessment.action == Action.BLOCK:
            setup.due_at = None
            moment.happen(setup, "setup_intent.setup_failed", error=describe_block())
        setup.save()
    if setup.status != S.PROCESSING:
        return setup
    return _ask(setup, _confirmation(setup, method), origin=origin, now=now)


def _check_confirmable(setup: SetupIntent) -> None:
    if setup.status not in UNSETTLED:
        raise SetupNotConfirmable(setup=setup.id, status=setup.status)


def _confirmation(setup: SetupIntent, method: ChargeableMethod) -> Callable[[Gateway], SetupResult]:
    """Return the call that confirms; the same try always asks the same, so it may be repeated."""
    request = SetupRequest(
        reference=setup.reference,
        token=method.tokens[setup.gateway],
        method_type=method.type,
        off_session=setup.usage == Usage.OFF_SESSION,
        customer_reference=method.customer_references.get(setup.gateway, ""),
        return_url=return_address(RETURN_KIND, setup.id),
    )
    return lambda gateway: gateway.set_up_method(request)


def finish_setup(
    *, setup_id: str, answer: Mapping[str, str], origin: Origin, now: datetime
) -> SetupIntent:
    """Go on with a setup whose payer comes back from the bank's page, or of which there is news."""
    setup = SetupIntent.objects.get(pk=setup_id)
    if setup.status != S.REQUIRES_ACTION:
        return setup
    reference = setup.gateway_reference
    return _ask(
        setup,
        lambda gateway: gateway.finish_setup(reference, answer=answer),
        origin=origin,
        now=now,
    )


def cancel_setup(
    *, scope: Scope, setup_id: str, reason: str, origin: Origin, now: datetime
) -> SetupIntent:
    """
    Give a setup up; what a payer still does at the bank's page has no effect then.

    :raises ResourceMissing: no such setup
    :raises SetupNotCancelable: it has succeeded, is canceled already, or being confirmed
    """
    get_setup(scope, setup_id)
    with transaction.atomic():
        setup = SetupIntent.objects.lock(setup_id)
        if setup.status not in UNSETTLED:
            raise SetupNotCancelable(setup=setup.id, status=setup.status)
        setup.due_at = None
        Moment(origin=origin, now=now).happen(setup, "setup_intent.canceled", reason=reason)
        setup.save()
    return setup


def sweep_setups(*, now: datetime) -> int:
    """Ask again about setups whose answer was lost, or whose payer is at the bank's page."""
    due = list(SetupIntent.objects.filter(due_at__lte=now).order_by("due_at")[:BATCH])
    for setup in due:
        claimed = SetupIntent.objects.filter(pk=setup.pk, due_at=setup.due_at).update(
            due_at=next_look(now, checks=setup.checks), checks=F("checks") + 1
        )
        if not claimed:
            continue
        try:
            _look_again(setup, now=now)
        except DomainError as refusal:
            logger.warning("%s is looked at again: %s", setup.id, refusal)
    return len(due)


def _look_again(setup: SetupIntent, *, now: datetime) -> None:
    if setup.status == S.REQUIRES_ACTION:
        finish_setup(setup_id=setup.id, answer={}, origin=CLOCK, now=now)
        return
    if next_look(now, checks=setup.checks) is None:
        # Nobody told for a day. No money is at stake: the payer may try again.
        result = SetupResult(state=SetupState.FAILED, reference="")
        _record(setup, result, origin=CLOCK, now=now)
        return
    method = get_chargeable_method(setup.scope, setup.payment_method_id)
    _ask(setup, _confirmation(setup, method), origin=CLOCK, now=now)


def _ask(
    setup: SetupIntent,
    call: Callable[[Gateway], SetupResult],
    *,
    origin: Origin,
    now: datetime,
) -> SetupIntent:
    """Call the gateway with no transaction open, tie the method to its customer, record."""
    release_connection()
    try:
        result = call(get_gateway(setup.gateway))
    except (GatewayNotSent, GatewayRejected) as refusal:
        return _record(setup, _failed(setup, refusal), origin=origin, now=now)
    except GatewayError as error:
        logger.warning("%s: the gateway's answer was lost: %s", setup.id, error)
        return setup
    if result.state == SetupState.SUCCEEDED and setup.customer_id:
        # The end of a setup is told only when the method can be charged for its customer.
        attach_method(
            scope=setup.scope,
            method_id=setup.payment_method_id,
            customer_id=setup.customer_id,
            origin=origin,
            now=now,
        )
    return _record(setup, result, origin=origin, now=now)


def _failed(setup: SetupIntent, error: GatewayError) -> SetupResult:
    logger.warning("%s: the gateway did not set it up: %s", setup.id, error)
    return SetupResult(state=SetupState.FAILED, reference="")


def _record(
    asked: SetupIntent, result: SetupResult, *, origin: Origin, now: datetime
) -> SetupIntent:
    """Take what the gateway says of the try that was asked about; hearing it again is no news."""
    moment = Moment(origin=origin, now=now)
    with transaction.atomic():
        setup = SetupIntent.objects.lock(asked.pk)
        if setup.tries != asked.tries or setup.status not in _WAITING:
            return setup
        if result.state == SetupState.SUCCEEDED:
            setup.due_at = None
            moment.happen(setup, "setup_intent.succeeded", reference=result.reference)
        elif result.state == SetupState.FAILED:
            setup.due_at = None
            moment.happen(setup, "setup_intent.setup_failed", error=_describe(result.decline))
        elif result.state == SetupState.REQUIRES_ACTION and setup.status == S.PROCESSING:
            setup.due_at, setup.checks = next_look(now, checks=2), 2
            moment.happen(
                setup,
                "setup_intent.requires_action",
                url=result.action_url,
                reference=result.reference,
            )
        setup.save()
    return setup


def _describe(decline: Decline | None) -> dict[str, Any]:
    """Return `last_setup_error`, in the shape of Stripe's error object."""
    if decline is None:
        return {
            "type": "api_error",
            "code": "gateway_unavailable",
            "decline_code": None,
            "message": "No gateway could set the payment method up; nothing was changed.",
        }
    return {
        "type": "card_error",
        "code": "card_declined",
        "decline_code": decline.code,
        "error_class": str(decline.error_class),
        "message": decline.message or "The card was declined.",
    }
