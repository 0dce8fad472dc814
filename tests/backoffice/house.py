"""One of everything that the back-office shows, made by the services where there are some."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Max
from django.urls import reverse
from django.utils import timezone

from apps.api.models import ApiKey, LoggedRequest
from apps.api.services import create_api_key, create_merchant
from apps.backoffice.models import Approval, StaffAction, StaffSession, User
from apps.backoffice.services import request_approval
from apps.backoffice.services.sessions import open_session
from apps.checkout.models import Session
from apps.checkout.services.sessions import Basket, create_setup_session
from apps.common.ids import new_id
from apps.common.origin import Origin
from apps.customers.models import Customer
from apps.disputes.models import Dispute, DisputePolicy, FraudReport
from apps.disputes.services.evidence import save_evidence
from apps.disputes.services.record import record_dispute
from apps.disputes.services.standing_orders import change_policy
from apps.disputes.services.warnings import record_fraud_warning
from apps.fraud.models import Decision, Review, Rule, ValueList, ValueListItem
from apps.fraud.services.list_changes import put_value
from apps.fraud.services.lists import create_list
from apps.gateways.base import DeclineClass, FraudWarning
from apps.gateways.models import RoutingRule
from apps.gateways.services import RoutingWish, create_routing_rule
from apps.ledger.policies import Rate
from apps.ledger.services.rates import keep_rates
from apps.outbox.models import Event, Message
from apps.payments.models import Checkout, PaymentAttempt, PaymentIntent, Refund
from apps.payments.services.orders import CheckoutWish, OrderWish, create_checkout
from apps.payments.services.refunds import request_refund, run_refund
from apps.payouts.models import Payout, Seller
from apps.reconciliation.models import Discrepancy
from apps.reconciliation.services import import_statement, reconcile_day
from apps.reconciliation.states import StatementFormat
from apps.reporting.models import ReportRun
from apps.reporting.reports import REPORTS
from apps.reporting.services.report_runs import run_report
from apps.reporting.spans import Span
from apps.setups.models import SetupIntent
from apps.subscriptions.models import DunningPolicy, Invoice, Subscription, TestClock
from apps.subscriptions.services.catalog import create_row
from apps.subscriptions.services.clocks import create_clock
from apps.subscriptions.states import CollectionMethod
from apps.vault.models import Mandate, PaymentMethod
from apps.vault.services import MandateAcceptance
from apps.vault.services.mandates import take_mandate
from apps.vault.states import Acceptance
from apps.webhooks.models import Delivery, DeliveryAttempt, InboundEvent, WebhookEndpoint
from apps.webhooks.states import DeliveryStatus, EndpointStatus, InboundStatus
from tests.backoffice.matrix import screens
from tests.factories.backoffice import staff
from tests.factories.fraud import draft_rule
from tests.factories.payments import SCOPE, TESTER, confirmed_intent, held_intent, stored_method
from tests.factories.payouts import asked_payout, paid_seller
from tests.factories.subscriptions import price, subscribe
from tests.fake_gateway import FakeGateway, decline


@dataclass(frozen=True, kw_only=True)
class House:
    paid: PaymentIntent
    held: PaymentIntent
    failed: PaymentIntent
    refund: Refund
    customer: Customer
    key: ApiKey
    event: Event
    dead_letter: Message
    webhook: InboundEvent
    endpoint: WebhookEndpoint
    delivery: Delivery
    approval: Approval
    person: User
    session: StaffSession
    seller: Seller
    payout: Payout
    dispute: Dispute
    warning: FraudReport
    orders: DisputePolicy
    review: Review
    rule: Rule
    value_list: ValueList
    listed: ValueListItem
    routing_rule: RoutingRule
    discrepancy: Discrepancy
    report: ReportRun
    subscription: Subscription
    invoice: Invoice
    clock: TestClock
    checkout: Session
    setup: SetupIntent
    mandate: Mandate


def furnish(gateway: FakeGateway) -> House:
    """Make one of everything; `gateway` is the script of the test's gateway."""
    now = timezone.now()
    merchant = create_merchant(name="Ada's books", now=now)
    key, _ = create_api_key(merchant=merchant, livemode=False, now=now, name="Shop")
    refused_request(key, now=now)
    customer = Customer.objects.create(
        merchant_id=SCOPE.merchant_id,
        livemode=False,
        email="ada@payer.example",
        name="Ada Payer",
        created_at=now,
    )
    stored_method("stripe_main")
    paid = confirmed_intent(amount=1050, customer_id=customer.id, description="Order 7")
    dispute = disputed_payment(gateway, now=now)
    subscription, clock = subscribe_customer(customer, now=now)
    checkout = session_to_save_a_card(customer, now=now)
    refund = request_refund(scope=SCOPE, intent_id=paid.id, amount=50, origin=TESTER, now=now)
    run_refund(refund_id=refund.id, now=now)
    gateway.script.append(decline("insufficient_funds", DeclineClass.RETRYABLE))
    failed = confirmed_intent(amount=2000, currency="JPY")
    person = staff(email="rae@shop.example")
    delivery = failed_delivery(now)
    seller = paid_seller(5000)
    ordered_from(seller, now=now)
    euros = Rate(base="EUR", quote="USD", value=Decimal("1.08"), source="ecb", as_of=now)
    keep_rates([euros])
    listed = blocked_address(now)
    return House(
        paid=paid,
        held=held_intent(amount=12_340),
        failed=failed,
        refund=refund,
        customer=customer,
        key=key,
        event=Event.objects.latest("id"),
        dead_letter=dead_letter(now),
        webhook=dead_webhook(now),
        endpoint=delivery.endpoint,
        delivery=delivery,
        seller=seller,
        payout=asked_payout(seller, 700),
        approval=request_approval(
            scope=SCOPE,
            kind="reset_second_factor",
            subject_id=person.email,
            reason="The phone is lost.",
            origin=Origin(actor="staff:somebody@shop.example"),
            now=now,
        ),
        person=person,
        session=open_session(user=person, ip="192.0.2.7", browser="Firefox", now=now),
        dispute=dispute,
        warning=warned_of(paid, now=now),
        orders=change_policy(scope=SCOPE, accept_below={"EUR": 500}, origin=TESTER),
        discrepancy=unexplained_line(now),
        report=kept_report(now),
        review=open_review(paid, now=now),
        rule=draft_rule(SCOPE, "block", "amount > 1", now=now),
        value_list=listed.value_list,
        listed=listed,
        routing_rule=create_routing_rule(
            scope=SCOPE,
            wish=RoutingWish(name="All to Stripe", weights={"stripe_main": 100}),
            origin=TESTER,
            now=now,
        ),
        subscription=subscription,
        invoice=Invoice.objects.get(subscription_id=subscription.id),
        clock=clock,
        checkout=checkout,
        setup=SetupIntent.objects.get(pk=checkout.setup_intent_id),
        mandate=mandate_of(stored_method("stripe_main"), now=now),
    )


def pages(house: House) -> Iterator[str]:
    """Return the address of each list, and of the page of one of its rows."""
    rows = {each._meta.model_name: each for each in vars(house).values()}
    for screen in screens():
        name = f"admin:{screen.opts.app_label}_{screen.opts.model_name}"
        yield reverse(f"{name}_changelist")
        row = rows.get(screen.opts.model_name) or screen.model._base_manager.last()
        if row is not None:
            yield reverse(f"{name}_change", args=[row.pk])


def session_to_save_a_card(customer: Customer, *, now: datetime) -> Session:
    """Return an open session in setup mode: the house counts its payments."""
    basket = Basket(items=[], fields={"customer_id": customer.id})
    return create_setup_session(scope=SCOPE, basket=basket, origin=TESTER, now=now)


def mandate_of(method: PaymentMethod, *, now: datetime) -> Mandate:
    """Return a mandate that was given online."""
    accepted = MandateAcceptance(type=Acceptance.ONLINE, ip="203.0.113.9", user_agent="Firefox")
    return take_mandate(method=method, acceptance=accepted, origin=TESTER, now=now)


def subscribe_customer(customer: Customer, *, now: datetime) -> tuple[Subscription, TestClock]:
    """Return a subscription on a test clock, with a dunning policy."""
    clock = create_clock(scope=SCOPE, name="A year", frozen_time=now, origin=TESTER, now=now)
    policy = DunningPolicy(name="Standard", is_default=True)
    create_row(policy, scope=SCOPE, origin=TESTER, now=now)
    customer.test_clock_id = clock.id
    customer.save(update_fields=["test_clock_id"])
    # Sent and not charged: the house counts its payments.
    terms = {"collection_method": CollectionMethod.SEND_INVOICE}
    return subscribe(customer, price(4900), now=now, fields=terms), clock


def unexplained_line(now: datetime) -> Discrepancy:
    """Return the exception of a day whose report has a stranger, a payout and a broken row."""
    columns = "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category"
    rows = [
        f"{columns},source_id,automatic_payout_id",
        f"txn_1,{now:%Y-%m-%d} 00:00:01,eur,10.00,0.59,9.41,charge,ch_stranger,po_house",
        f"txn_2,{now:%Y-%m-%d} 00:00:02,eur,-9.00,0.00,-9.00,payout,po_house,",
        f"txn_3,{now:%Y-%m-%d} 00:00:03,eur,n/a,0.00,1.00,charge,ch_broken,",
    ]
    import_statement(
        scope=SCOPE,
        source="stripe_main",
        format=StatementFormat.STRIPE,
        stream=io.BytesIO("\n".join(rows).encode()),
        name="balance.csv",
        origin=TESTER,
        now=now,
    )
    reconcile_day(scope=SCOPE, gateway="stripe_main", day=now.date(), origin=TESTER, now=now)
    return Discrepancy.objects.get(kind="missing_in_ledger")


def kept_report(now: datetime) -> ReportRun:
    """Return the file of a report of today."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return run_report(
        report=REPORTS["payments.by_day.1"],
        span=Span(SCOPE, midnight, now, made_at=now),
        file_format="csv",
        origin=TESTER,
    )


def ordered_from(seller: Seller, *, now: datetime) -> Checkout:
    """Return a checkout that nobody has charged yet."""
    wish = CheckoutWish(
        checkout_id="basket-1",
        payment_method="pm_card_visa",
        orders=[
            OrderWish(payment_order_id="order-1", seller_id=seller.id, amount=1234, currency="EUR")
        ],
    )
    return create_checkout(scope=SCOPE, wish=wish, origin=TESTER, now=now)


def open_review(payment: PaymentIntent, *, now: datetime) -> Review:
    """Return a review of a payment, as if a rule had asked for it."""
    decision = Decision.objects.get(intent_id=payment.id)
    return Review.objects.create(
        merchant_id=payment.merchant_id,
        livemode=payment.livemode,
        intent_id=payment.id,
        attempt_id=payment.latest_attempt_id,
        decision_id=decision.id,
        amount=payment.amount,
        currency=payment.currency,
        due_at=now,
        created_at=now,
    )


def blocked_address(now: datetime) -> ValueListItem:
    """Return an address on a block list."""
    blocked = create_list(
        scope=SCOPE,
        alias="email_blocklist",
        name="Addresses",
        item_type="email",
        metadata={},
        origin=TESTER,
        now=now,
    )
    item, _ = put_value(
        scope=SCOPE,
        list_id=blocked.id,
        value="mallory@payer.example",
        reason="Stolen cards.",
        expires_at=None,
        origin=TESTER,
        now=now,
    )
    return item


def refused_request(key: ApiKey, *, now: datetime) -> LoggedRequest:
    """Return a request that was refused, as the log keeps it."""
    error = {"type": "card_error", "code": "card_declined", "message": "The card was declined."}
    return LoggedRequest.objects.create(
        id=new_id("req"),
        merchant_id=key.merchant_id,
        livemode=key.livemode,
        key_id=key.id,
        method="POST",
        path="/v1/payment_intents",
        status=402,
        error_code="card_declined",
        duration_ms=312,
        ip="203.0.113.9",
        user_agent="Stripe/v1 PythonBindings/16.1.0",
        dialect="stripe",
        idempotency_key="order-7",
        original_request="",
        request=json.dumps({"amount": 1050, "currency": "eur", "receipt_email": "[redacted]"}),
        response=json.dumps({"error": error}),
        created_at=now,
    )


def disputed_payment(gateway: FakeGateway, *, now: datetime) -> Dispute:
    """Return a chargeback with the beginning of a draft."""
    confirmed_intent(amount=4900, receipt_email="bob@payer.example", description="Plan Pro")
    payment = list(gateway.payments.values())[-1]
    result = gateway.open_dispute(payment, now=now)
    dispute = record_dispute(gateway="stripe_main", result=result, origin=TESTER, now=now)
    save_evidence(
        scope=SCOPE, dispute_id=dispute.id, evidence={"access_activity_log": "Used."}, now=now
    )
    return dispute


def warned_of(intent: PaymentIntent, *, now: datetime) -> FraudReport:
    """Return a bank's warning about a payment."""
    attempt = PaymentAttempt.objects.get(intent_id=intent.id)
    warning = FraudWarning(
        reference="issfr_of_the_bank",
        kind="made_with_stolen_card",
        is_actionable=True,
        payment_reference=attempt.gateway_reference,
    )
    return record_fraud_warning(gateway=attempt.gateway, warning=warning, origin=TESTER, now=now)


def dead_letter(now: datetime) -> Message:
    """Return a message that was given up."""
    newest = Message.objects.aggregate(newest=Max("id"))["newest"]
    message = Message.objects.get(pk=newest)
    message.attempts, message.dead_at, message.last_error = 12, now, "TimeoutError: no answer"
    message.save()
    return message


def dead_webhook(now: datetime) -> InboundEvent:
    """Return a gateway's event that was given up."""
    return InboundEvent.objects.create(
        gateway="stripe_main",
        event_id="evt_gateway_1",
        type="payment_intent.succeeded",
        kind="payment",
        reference="pi_gateway_1",
        payment_reference="pi_gateway_1",
        occurred_at=now,
        body=b'{"id": "evt_gateway_1"}',
        received_at=now,
        available_at=now,
        status=InboundStatus.DEAD,
        attempts=12,
        last_error="UnknownObject: pi_gateway_1",
    )


def failed_delivery(now: datetime) -> Delivery:
    """Return a delivery that was given up, with one of its tries."""
    endpoint = WebhookEndpoint.objects.create(
        merchant_id=SCOPE.merchant_id,
        livemode=False,
        url="https://shop.example/hooks",
        enabled_events=["*"],
        dialect="own",
        api_version="2026-11-01",
        status=EndpointStatus.ENABLED,
        secret="whsec_of_the_test",
        created_at=now,
        verified_at=now,
    )
    delivery = Delivery.objects.create(
        merchant_id=SCOPE.merchant_id,
        livemode=False,
        endpoint=endpoint,
        event=Event.objects.earliest("id"),
        status=DeliveryStatus.FAILED,
        attempts=10,
        scheduled_at=now,
        next_attempt_at=now,
        last_status_code=500,
        created_at=now,
        finished_at=now,
    )
    DeliveryAttempt.objects.create(
        delivery=delivery,
        number=1,
        attempted_at=now,
        duration_ms=31,
        status_code=500,
        answer="out of order",
    )
    return delivery


def audited() -> StaffAction:
    """Return the only action in the audit trail."""
    return StaffAction.objects.get()
