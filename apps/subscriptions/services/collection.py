"""
Charge invoices: one intent at a time per invoice, whoever asks for it.

Three steps: under the lock the intent is made ready, then it is confirmed at the gateway without
any lock, then the outcome is recorded under the lock again. News of the intent from elsewhere
(the payer, a webhook) end in the same `settle_payment`: the relay of events rings for the few
intents that pay invoices, one statement per batch. Hearing an outcome twice changes nothing.

Locks are taken in one order: subscription, invoice, customer.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction

from apps.common.errors import DomainError
from apps.common.ids import new_id
from apps.common.origin import CLOCK, Origin, Scope
from apps.payments.errors import IntentNotCancelable, PaymentInProgress
from apps.payments.models import PaymentIntent
from apps.payments.selectors import get_intent
from apps.payments.services.intents import (
    Confirmation,
    cancel_intent,
    confirm_intent,
    create_intent,
    update_intent,
)
from apps.payments.states import IntentStatus
from apps.subscriptions.errors import InvoiceNotPayable, InvoicePaymentInProgress
from apps.subscriptions.metrics import count_dunning
from apps.subscriptions.models import CollectionTry, Invoice, InvoicePayment, Subscription
from apps.subscriptions.objects import render_invoice
from apps.subscriptions.policies.dunning import is_capped
from apps.subscriptions.selectors import (
    Times,
    list_lines,
    load_contract,
    method_to_charge,
    times_of,
)
from apps.subscriptions.services.balances import change_balance
from apps.subscriptions.services.bills import COLLECTION_LEASE
from apps.subscriptions.services.lifecycle import record
from apps.subscriptions.services.setbacks import (
    give_up,
    is_exhausted,
    record_failure,
    record_required_action,
)
from apps.subscriptions.services.unit import Unit
from apps.subscriptions.states import (
    InvoicePaymentStatus,
    InvoiceStatus,
    SubscriptionStatus,
)
from apps.vault.models import PaymentMethod

S = IntentStatus
# An invoice is paid within weeks of dunning, or later by hand: its intent outlives all of that.
INTENT_LIFETIME = timedelta(days=365)
# The longest window of the card schemes' caps.
CAPS_WINDOW = timedelta(days=30)

_CLAIM = """
UPDATE subscriptions_invoice SET collect_at = statement_timestamp() + make_interval(secs => %s)
WHERE id IN (
    SELECT id FROM subscriptions_invoice WHERE collect_at <= statement_timestamp()
    ORDER BY collect_at LIMIT %s FOR UPDATE SKIP LOCKED
)
RETURNING id
"""


_RING = """
UPDATE subscriptions_invoicepayment payment SET settle_at = statement_timestamp()
  FROM outbox_event event
 WHERE event.id = ANY (%s) AND event.type LIKE 'payment\\_intent.%%'
   AND payment.intent_id = event.object_id
"""
_CLAIM_NEWS = """
UPDATE subscriptions_invoicepayment
   SET settle_at = statement_timestamp() + make_interval(secs => %s)
 WHERE id IN (
    SELECT id FROM subscriptions_invoicepayment WHERE settle_at <= statement_timestamp()
    ORDER BY settle_at LIMIT %s FOR UPDATE SKIP LOCKED
)
RETURNING intent_id, settle_at
"""


@dataclass(frozen=True, slots=True)
class News:
    """An intent of which there are news; `leased_until` proves that they are ours to record."""

    intent_id: str
    leased_until: datetime


@dataclass(frozen=True, slots=True)
class Charge:
    """What is to be confirmed; without a method there is only an outcome to record."""

    intent_id: str
    scope: Scope
    method_id: str = ""


def claim_collections(limit: int) -> list[str]:
    """Take up to `limit` invoices that are due for a charge; each goes to `collect`."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [COLLECTION_LEASE.total_seconds(), limit])
        return [row[0] for row in cursor.fetchall()]


def queue_news(event_ids: list[str]) -> None:
    """Ring for those of the events that are news of an invoice's intent (a queue of MAP 2)."""
    with connection.cursor() as cursor:
        cursor.execute(_RING, [event_ids])


def claim_news(limit: int) -> list[News]:
    """Take up to `limit` intents of which there are news; each goes to `settle_news`."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM_NEWS, [COLLECTION_LEASE.total_seconds(), limit])
        return [News(*row) for row in cursor.fetchall()]


def settle_news(news: News, *, now: datetime) -> None:
    """Record how the intent stands; a ring that came meanwhile stays for another look."""
    settle_payment(intent_id=news.intent_id, origin=CLOCK, now=now)
    InvoicePayment.objects.filter(intent_id=news.intent_id, settle_at=news.leased_until).update(
        settle_at=None
    )


def collect(invoice_id: str, *, now: datetime) -> None:
    """Charge an invoice that was claimed."""
    collect_invoice(invoice_id=invoice_id, origin=CLOCK, now=now)


def collect_invoice(
    *,
    invoice_id: str,
    origin: Origin,
    now: datetime,
    method_id: str = "",
    off_session: bool = True,
) -> Invoice:
    """
    Charge an open invoice that is queued for it, and return it as that left it.

    A decline is recorded, not raised. An invoice that is not queued (any more) is left alone.
    """
    charge = _prepare(invoice_id, method_id, origin=origin, now=now)
    if charge is None:
        return Invoice.objects.select_related("customer", "subscription").get(pk=invoice_id)
    refusal: DomainError | None = None
    if charge.method_id:
        refusal = _confirm(charge, off_session=off_session, origin=origin, now=now)
    return settle_payment(
        intent_id=charge.intent_id, refusal=refusal, method_id=charge.method_id,
        origin=origin, now=now,
    )  # fmt: skip


# --- Step 1: make the intent ready --------------------------------------------------------------


def lock_with_subscription(invoice_id: str) -> Invoice:
    """Return the invoice, locked after its subscription, which hangs on it locked as well."""
    found = Invoice.objects.values_list("subscription_id", flat=True).get(pk=invoice_id)
    subscription = Subscription.objects.lock(found) if found else None
    invoice = Invoice.objects.lock(invoice_id)
    if subscription is not None:
        invoice.subscription = subscription
    return invoice


def _prepare(invoice_id: str, method_id: str, *, origin: Origin, now: datetime) -> Charge | None:
    with transaction.atomic():
        invoice = lock_with_subscription(invoice_id)
        if invoice.status != InvoiceStatus.OPEN or invoice.collect_at is None:
            return None
        times = times_of(invoice.test_clock_id, now)
        unit = Unit(origin=origin, times=times)
        method_id = method_id or method_to_charge(invoice, invoice.customer)
        scope = Scope(invoice.merchant_id, invoice.livemode)
        charge = None
        if not method_id:
            record_failure(unit, invoice, _NO_METHOD, times=times)
        elif _is_over_cap(method_id, times):
            invoice.collect_at = None
            unit.update(invoice)
            if is_exhausted(invoice):
                give_up(unit, invoice, times)
        else:
            charge = _make_ready(unit, invoice, scope, method_id)
        unit.write()
    return charge


_NO_METHOD = {
    "type": "invalid_request_error",
    "code": "payment_method_missing",
    "decline_code": None,
    "message": "The customer has no default payment method.",
    "error_class": "retryable",
}


def _is_over_cap(method_id: str, times: Times) -> bool:
    """Return whether the scheme lets nobody try this card again yet, however often it is saved."""
    method = PaymentMethod.objects.filter(pk=method_id).first()
    if method is None:
        return False
    same_card = PaymentMethod.objects.filter(
        merchant_id=method.merchant_id, livemode=method.livemode, fingerprint=method.fingerprint
    )
    tries = CollectionTry.objects.filter(
        payment_method_id__in=same_card.values("pk") if method.fingerprint else [method_id],
        tried_at__gt=times.now - CAPS_WINDOW,
    ).values_list("tried_at", flat=True)
    return is_capped(method.brand, list(tries), times.now)


def _make_ready(unit: Unit, invoice: Invoice, scope: Scope, method_id: str) -> Charge:
    """Return the charge on the invoice's one open intent: the last one's, or a new one's."""
    payment = InvoicePayment.objects.filter(
        invoice=invoice, status=InvoicePaymentStatus.OPEN
    ).first()
    if payment is not None:
        intent = get_intent(scope, payment.intent_id)
        has_news = intent.attempt_count > payment.tries_settled
        if has_news or intent.status in {S.PROCESSING, S.SUCCEEDED, S.CONFLICTED}:
            return Charge(intent.id, scope)
        if _can_be_confirmed(intent):
            if intent.amount != invoice.amount_remaining and intent.status != S.REQUIRES_ACTION:
                _change_amount(unit, payment, invoice, scope)
            return Charge(intent.id, scope, method_id)
        payment.status = InvoicePaymentStatus.CANCELED
        payment.save(update_fields=["status"])
    intent = open_intent(unit, invoice, scope)
    return Charge(intent.id, scope, method_id)


def prepare_payment(
    *, invoice_id: str, return_url: str, origin: Origin, now: datetime
) -> PaymentIntent:
    """
    Return the intent that pays an open invoice while its payer is there; nothing is charged yet.

    `return_url` is where the bank's page sends the payer back to.

    :raises InvoiceNotPayable: it is paid, void or written off
    """
    with transaction.atomic():
        invoice = lock_with_subscription(invoice_id)
        if invoice.status != InvoiceStatus.OPEN:
            raise InvoiceNotPayable(invoice=invoice.id, status=str(invoice.status))
        unit = Unit(origin=origin, times=times_of(invoice.test_clock_id, now))
        scope = Scope(invoice.merchant_id, invoice.livemode)
        charge = _make_ready(unit, invoice, scope, "")
        unit.write()
        intent = get_intent(scope, charge.intent_id)
        if intent.return_url == return_url:
            return intent
        return update_intent(
            scope=scope,
            intent_id=intent.id,
            changes={"return_url": return_url},
            origin=origin,
            now=now,
        )


def _can_be_confirmed(intent: PaymentIntent) -> bool:
    if intent.status == S.FAILED:
        return intent.is_retryable
    return intent.status in {S.CREATED, S.REQUIRES_ACTION}


def _change_amount(unit: Unit, payment: InvoicePayment, invoice: Invoice, scope: Scope) -> None:
    update_intent(
        scope=scope,
        intent_id=payment.intent_id,
        changes={"amount": invoice.amount_remaining},
        origin=unit.origin,
        now=unit.booked_at,
    )
    payment.amount = invoice.amount_remaining
    payment.save(update_fields=["amount"])


def open_intent(unit: Unit, invoice: Invoice, scope: Scope) -> PaymentIntent:
    """Make the intent that pays this invoice; nothing is charged yet."""
    intent = create_intent(
        scope=scope,
        fields={
            "amount": invoice.amount_remaining,
            "currency": invoice.currency,
            "customer_id": invoice.customer_id,
            "description": f"Invoice {invoice.number}",
            "metadata": {"invoice": invoice.id},
            "expires_at": unit.booked_at + INTENT_LIFETIME,
            "setup_future_usage": "off_session" if _saves_method(invoice) else "",
        },
        origin=unit.origin,
        now=unit.booked_at,
    )
    InvoicePayment.objects.create(
        id=new_id("inpay"),
        invoice=invoice,
        intent_id=intent.id,
        amount=intent.amount,
        created_at=unit.now,
    )
    return intent


def _saves_method(invoice: Invoice) -> bool:
    return invoice.subscription is not None and invoice.subscription.saves_method


# --- Step 2: at the gateway -----------------------------------------------------------------------


def _confirm(
    charge: Charge, *, off_session: bool, origin: Origin, now: datetime
) -> DomainError | None:
    """Confirm the intent; return what keeps it from the gateway. A decline is on the intent."""
    try:
        confirm_intent(
            scope=charge.scope,
            intent_id=charge.intent_id,
            confirmation=Confirmation(
                payment_method=charge.method_id, changes={"off_session": off_session}
            ),
            origin=origin,
            now=now,
        )
    except PaymentInProgress:
        return None  # somebody else is charging it right now: their outcome is ours
    except DomainError as refusal:
        return refusal
    return None


# --- Step 3: the outcome ----------------------------------------------------------------------


def settle_payment(
    *,
    intent_id: str,
    origin: Origin,
    now: datetime,
    refusal: DomainError | None = None,
    method_id: str = "",
) -> Invoice:
    """
    Record on the invoice how its intent stands now.

    `refusal` is why the intent could not even be confirmed. Called by whoever charged it and for
    each event of the intent: an outcome that is known already changes nothing.
    """
    with transaction.atomic():
        payment = InvoicePayment.objects.get(intent_id=intent_id)
        invoice = lock_with_subscription(payment.invoice_id)
        # The lock keeps the relay from ringing while we look: the next ring is for later news.
        payment = InvoicePayment.objects.select_for_update().get(pk=payment.pk)
        times = times_of(invoice.test_clock_id, now)
        unit = Unit(origin=origin, times=times)
        intent = get_intent(Scope(invoice.merchant_id, invoice.livemode), intent_id)
        _settle(unit, invoice, payment, intent, refusal, method_id, times)
        unit.write()
    return invoice


def _settle(
    unit: Unit,
    invoice: Invoice,
    payment: InvoicePayment,
    intent: PaymentIntent,
    refusal: DomainError | None,
    method_id: str,
    times: Times,
) -> None:
    if payment.status == InvoicePaymentStatus.PAID:
        return
    if intent.status in {S.SUCCEEDED, S.REFUNDED}:
        _receive(unit, invoice, payment, intent, times)
    elif intent.status in {S.CANCELED, S.EXPIRED}:
        unit.update(payment)
        payment.status = InvoicePaymentStatus.CANCELED
    elif intent.attempt_count > payment.tries_settled and intent.status != S.PROCESSING:
        _take_note(unit, invoice, payment, intent, times)
    elif refusal is not None and invoice.status == InvoiceStatus.OPEN:
        record_failure(unit, invoice, _as_error(refusal), times=times, method_id=method_id)
    elif invoice.collect_at is not None:
        # Under way at the gateway, which takes its time: its event will bring us back here.
        invoice.collect_at = None
        unit.update(invoice)


def _take_note(
    unit: Unit, invoice: Invoice, payment: InvoicePayment, intent: PaymentIntent, times: Times
) -> None:
    payment.tries_settled = intent.attempt_count
    unit.update(payment)
    if invoice.status != InvoiceStatus.OPEN:
        return
    method_id = intent.payment_method_id
    if intent.status == S.FAILED:
        error = intent.last_payment_error or {}
        record_failure(unit, invoice, error, times=times, method_id=method_id)
    elif intent.status == S.REQUIRES_ACTION:
        record_required_action(unit, invoice, times=times, method_id=method_id)


def _as_error(refusal: DomainError) -> dict[str, Any]:
    return {
        "type": refusal.type,
        "code": refusal.code,
        "decline_code": None,
        "message": refusal.message,
        "error_class": "terminal",
    }


def _receive(
    unit: Unit, invoice: Invoice, payment: InvoicePayment, intent: PaymentIntent, times: Times
) -> None:
    payment.status = InvoicePaymentStatus.PAID
    payment.tries_settled = intent.attempt_count
    unit.update(payment)
    if invoice.status not in {InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE}:
        # Paid another way or voided meanwhile: the money is the customer's, for later invoices.
        customer = type(invoice.customer).objects.lock(invoice.customer_id)
        change_balance(
            unit,
            customer,
            amount=-intent.amount_received,
            currency=invoice.currency,
            type_="unapplied_from_invoice",
            invoice_id=invoice.id,
        )
        return
    CollectionTry.objects.create(
        invoice=invoice,
        payment_method_id=intent.payment_method_id,
        outcome="succeeded",
        tried_at=times.now,
    )
    _keep_method(unit, invoice, intent)
    receive_money(unit, invoice, times=times)


def _keep_method(unit: Unit, invoice: Invoice, intent: PaymentIntent) -> None:
    """Charge later invoices to what paid this one, if the subscription is to have it so."""
    subscription, method_id = invoice.subscription, intent.payment_method_id
    if subscription is None or not subscription.saves_method:
        return
    if subscription.default_payment_method_id != method_id:
        subscription.default_payment_method_id = method_id
        record(unit, load_contract(subscription))


def receive_money(unit: Unit, invoice: Invoice, *, times: Times) -> None:
    """Mark the invoice as paid, and bring its subscription back if that was the last debt."""
    if not invoice.attempt_count:
        invoice.attempt_count = 1
    invoice.attempted = True
    invoice.pay(amount=invoice.amount_due - invoice.amount_credited, now=times.now)
    if invoice.first_failed_at is not None:
        count_dunning(invoice, "recovered")
    unit.record(invoice, "invoice.paid", partial(render_invoice, invoice, list_lines(invoice)))
    if invoice.subscription is not None:
        _reinstate(unit, invoice.subscription, invoice)


_BEHIND = {SubscriptionStatus.INCOMPLETE, SubscriptionStatus.PAST_DUE, SubscriptionStatus.UNPAID}


def _reinstate(unit: Unit, subscription: Subscription, paid: Invoice) -> None:
    if subscription.status not in _BEHIND:
        return
    owed = Invoice.objects.filter(
        subscription_id=subscription.pk, status=InvoiceStatus.OPEN, attempted=True
    ).exclude(pk=paid.pk)
    if subscription.status != SubscriptionStatus.INCOMPLETE and owed.exists():
        return
    subscription.activate()
    record(unit, load_contract(subscription))


# --- Giving a payment up ------------------------------------------------------------------------


def release_payment(*, invoice_id: str, origin: Origin, now: datetime) -> None:
    """
    End the invoice's open intent, so that nobody can pay it any more.

    :raises InvoicePaymentInProgress: it is being paid right now, or has been
    :raises GatewayFailed: the gateway could not be reached
    """
    payment = (
        InvoicePayment.objects.filter(invoice_id=invoice_id, status=InvoicePaymentStatus.OPEN)
        .select_related("invoice")
        .first()
    )
    if payment is None:
        return
    scope = Scope(payment.invoice.merchant_id, payment.invoice.livemode)
    try:
        cancel_intent(
            scope=scope, intent_id=payment.intent_id, reason="abandoned", origin=origin, now=now
        )
    except (PaymentInProgress, IntentNotCancelable) as refusal:
        intent = get_intent(scope, payment.intent_id)
        if intent.status not in {S.CANCELED, S.EXPIRED}:
            settle_payment(intent_id=intent.id, origin=origin, now=now)
            raise InvoicePaymentInProgress(
                invoice=invoice_id, payment_intent=intent.id
            ) from refusal
    settle_payment(intent_id=payment.intent_id, origin=origin, now=now)
