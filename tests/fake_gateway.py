"""A gateway with a script: what it answers next, and what it kept in its own books."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial
from typing import Any, TypeVar

from apps.gateways import registry
from apps.gateways.base import (
    Decline,
    DeclineClass,
    DisputeEvidence,
    DisputeMovement,
    DisputeResult,
    DisputeStage,
    DisputeState,
    FraudWarning,
    GatewayEvent,
    MethodDetails,
    PaymentRequest,
    PaymentResult,
    PaymentState,
    PayoutRequest,
    PayoutResult,
    PayoutState,
    RefundRequest,
    RefundResult,
    RefundState,
    Settlement,
    SetupRequest,
    SetupResult,
    SetupState,
    StoredMethod,
)
from apps.gateways.errors import GatewayError, GatewayRejected

VISA = MethodDetails(brand="visa", last4="4242", exp_month=12, exp_year=2030, country="US")

T = TypeVar("T")

# One line of the script: makes the answer out of what the gateway would have said.
Line = Callable[[PaymentResult], PaymentResult]


def decline(code: str, error_class: DeclineClass = DeclineClass.RETRYABLE) -> Line:
    """Script: the bank says no."""
    said = Decline(code=code, error_class=error_class, message=f"Declined: {code}.")
    return lambda result: replace(
        result, state=PaymentState.DECLINED, amount_captured=0, decline=said
    )


def challenge(url: str = "https://bank.example/3ds") -> Line:
    """Script: the payer has to go to the bank's page."""
    return lambda result: replace(
        result, state=PaymentState.REQUIRES_ACTION, amount_captured=0, action_url=url
    )


def pending(result: PaymentResult) -> PaymentResult:
    """Script: the bank needs days."""
    return replace(result, state=PaymentState.PENDING, amount_captured=0)


def charge_amount(amount: int, currency: str = "EUR") -> Line:
    """Script: other money is taken than was asked for."""
    return lambda result: replace(result, amount=amount, amount_captured=amount, currency=currency)


@dataclass
class FakeGateway:
    """
    Keeps what it was asked by key, as a real gateway does: the same key never charges twice.

    `script` lines shape the next new payments; `before` and `after` are errors to raise once,
    before anything is done or after it was done.
    """

    name: str = "stripe_main"
    kind: str = "stripe"
    fee: int | None = 30
    # US dollars per unit of the payment's currency, where the account is in dollars.
    rate: Decimal | None = None
    script: list[Line] = field(default_factory=list)
    before: list[GatewayError] = field(default_factory=list)
    after: list[GatewayError] = field(default_factory=list)
    payments: dict[str, PaymentResult] = field(default_factory=dict)
    requests: list[PaymentRequest] = field(default_factory=list)
    refunds: dict[str, RefundResult] = field(default_factory=dict)
    refund_state: RefundState = RefundState.SUCCEEDED
    bank_reference: str = ""
    payouts: dict[str, PayoutResult] = field(default_factory=dict)
    setups: dict[str, SetupResult] = field(default_factory=dict)
    setup_script: list[SetupResult] = field(default_factory=list)
    payout_state: PayoutState = PayoutState.PAID
    disputes: dict[str, DisputeResult] = field(default_factory=dict)
    fraud_warnings: dict[str, FraudWarning] = field(default_factory=dict)
    evidence: dict[str, Mapping[str, str]] = field(default_factory=dict)
    packets: dict[str, bytes] = field(default_factory=dict)
    compelling: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    reports: dict[date, bytes] = field(default_factory=dict)
    on_call: Callable[[], None] | None = None
    card: MethodDetails = VISA

    def create_payment(self, request: PaymentRequest) -> PaymentResult:
        return self._do("create", request.attempt_id, lambda: self._create(request))

    def _report(self, day: date, write: Callable[[bytes], object]) -> bool:
        if day in self.reports:
            write(self.reports[day])
        return day in self.reports

    def _create(self, request: PaymentRequest) -> PaymentResult:
        reference = f"pi_fake_{request.attempt_id}"
        if reference not in self.payments:
            self.requests.append(request)
            state = PaymentState.CAPTURED if request.capture else PaymentState.AUTHORIZED
            result = PaymentResult(
                state=state,
                reference=reference,
                amount=request.amount,
                currency=request.currency,
                attempt_id=request.attempt_id,
                intent_id=request.intent_id,
                amount_captured=request.amount if request.capture else 0,
                charge_reference=f"ch_fake_{request.attempt_id}",
                fee=self.fee if request.capture and self.rate is None else None,
                settlement=self._settle(request.amount, fee=self.fee) if request.capture else None,
                method=VISA,
                authorization_expires_at=(
                    None if request.capture else datetime.now(UTC) + timedelta(days=7)  # noqa: TID251
                ),
            )
            self.payments[reference] = self.script.pop(0)(result) if self.script else result
        return self.payments[reference]

    def retrieve_payment(self, reference: str) -> PaymentResult:
        return self._do("retrieve", reference, lambda: self._get(reference))

    def find_payment(self, attempt_id: str) -> PaymentResult | None:
        return self._do("find", attempt_id, lambda: self.payments.get(f"pi_fake_{attempt_id}"))

    def finish_payment(self, reference: str, *, answer: Mapping[str, str]) -> PaymentResult:
        return self._do("finish", reference, lambda: self._get(reference))

    def fence_payment(self, attempt_id: str, *, key: str) -> PaymentResult | None:
        found = self.find_payment(attempt_id)
        if found is None:
            return None
        try:
            return self.void_payment(found.reference, key=key)
        except GatewayRejected:
            return self.retrieve_payment(found.reference)

    def capture_payment(
        self, reference: str, *, amount: int, currency: str, key: str
    ) -> PaymentResult:
        return self._do("capture", key, lambda: self._capture(reference, amount))

    def increment_payment(
        self, reference: str, *, amount: int, currency: str, key: str
    ) -> PaymentResult:
        return self._do("increment", key, lambda: self.move(reference, amount=amount))

    def _capture(self, reference: str, amount: int) -> PaymentResult:
        held = self._get(reference)
        if held.state == PaymentState.VOIDED:
            raise GatewayRejected("canceled before")
        return self.move(
            reference,
            state=PaymentState.CAPTURED,
            amount_captured=amount,
            fee=self.fee if self.rate is None else None,
            settlement=self._settle(amount, fee=self.fee),
        )

    def void_payment(self, reference: str, *, key: str) -> PaymentResult:
        return self._do("void", key, lambda: self._void(reference))

    def _void(self, reference: str) -> PaymentResult:
        if self._get(reference).state == PaymentState.CAPTURED:
            raise GatewayRejected("captured before")
        return self.move(reference, state=PaymentState.VOIDED)

    def create_refund(self, request: RefundRequest) -> RefundResult:
        return self._do("refund", request.refund_id, lambda: self._refund(request))

    def _refund(self, request: RefundRequest) -> RefundResult:
        reference = f"re_fake_{request.refund_id}"
        if reference not in self.refunds:
            self.refunds[reference] = RefundResult(
                state=self.refund_state,
                reference=reference,
                amount=request.amount,
                currency=request.currency,
                refund_id=request.refund_id,
                payment_reference=request.reference,
                settlement=self._settle(request.amount),
                bank_reference=self.bank_reference,
                bank_reference_type="acquirer_reference_number" if self.bank_reference else "",
            )
        return self.refunds[reference]

    def retrieve_refund(self, reference: str) -> RefundResult:
        return self._do("retrieve_refund", reference, lambda: self.refunds[reference])

    def find_refund(self, refund_id: str, *, payment_reference: str) -> RefundResult | None:
        return self._do("find_refund", refund_id, lambda: self.refunds.get(f"re_fake_{refund_id}"))

    def create_payout(self, request: PayoutRequest) -> PayoutResult:
        return self._do("payout", request.payout_id, lambda: self._payout(request))

    def _payout(self, request: PayoutRequest) -> PayoutResult:
        reference = f"po_fake_{request.payout_id}"
        if reference not in self.payouts:
            self.payouts[reference] = PayoutResult(
                state=self.payout_state,
                reference=reference,
                amount=request.amount,
                currency=request.currency,
                payout_id=request.payout_id,
            )
        return self.payouts[reference]

    def retrieve_payout(self, reference: str) -> PayoutResult:
        return self._do("retrieve_payout", reference, lambda: self.payouts[reference])

    def find_payout(self, payout_id: str) -> PayoutResult | None:
        return self._do("find_payout", payout_id, lambda: self.payouts.get(f"po_fake_{payout_id}"))

    def retrieve_dispute(self, reference: str) -> DisputeResult:
        return self._do("retrieve_dispute", reference, lambda: self.disputes[reference])

    def list_disputes(self, *, since: datetime) -> Iterator[DisputeResult]:
        found = [each for each in self.disputes.values() if each.opened_at >= since]
        yield from self._do("list_disputes", since.isoformat(), lambda: found)

    def submit_evidence(
        self, reference: str, *, evidence: DisputeEvidence, key: str
    ) -> DisputeResult:
        return self._do("submit_evidence", key, lambda: self._submit(reference, evidence))

    def _submit(self, reference: str, evidence: DisputeEvidence) -> DisputeResult:
        if self.disputes[reference].state != DisputeState.NEEDS_RESPONSE:
            return self.disputes[reference]
        self.evidence[reference] = evidence.texts
        self.packets[reference] = evidence.packet
        self.compelling[reference] = dict(evidence.compelling)
        return self.move_dispute(reference, state=DisputeState.UNDER_REVIEW, submissions=1)

    def accept_dispute(self, reference: str, *, key: str) -> DisputeResult:
        lose = partial(self.move_dispute, reference, state=DisputeState.LOST)
        return self._do("accept_dispute", key, lose)

    def settlement_report(self, day: date, *, write: Callable[[bytes], object]) -> bool:
        return self._do("report", day.isoformat(), lambda: self._report(day, write))

    def retrieve_fraud_warning(self, reference: str) -> FraudWarning:
        return self._do("retrieve_fraud_warning", reference, lambda: self.fraud_warnings[reference])

    def list_fraud_warnings(self, *, since: datetime) -> Iterator[FraudWarning]:
        found = list(self.fraud_warnings.values())
        yield from self._do("list_fraud_warnings", since.isoformat(), lambda: found)

    def store_method(
        self, *, type: str, token: str, billing_details: Mapping[str, object], key: str
    ) -> StoredMethod:
        stored = StoredMethod(token=f"pm_fake_{token}", details=replace(VISA, type=type))
        return self._do("store_method", key, lambda: stored)

    def set_up_method(self, request: SetupRequest) -> SetupResult:
        return self._do("set_up", request.reference, lambda: self._set_up(request))

    def _set_up(self, request: SetupRequest) -> SetupResult:
        reference = f"seti_fake_{request.reference}"
        if reference not in self.setups:
            done = SetupResult(state=SetupState.SUCCEEDED, reference=reference)
            self.setups[reference] = (
                replace(self.setup_script.pop(0), reference=reference)
                if self.setup_script
                else done
            )
        return self.setups[reference]

    def finish_setup(self, reference: str, *, answer: Mapping[str, str]) -> SetupResult:
        return self._do("finish_setup", reference, lambda: self.setups[reference])

    def attach_method(self, token: str, *, customer_reference: str, key: str) -> StoredMethod:
        return self._do("attach", key, lambda: StoredMethod(token=token, details=VISA))

    def retrieve_method(self, token: str) -> StoredMethod:
        kept = StoredMethod(token=token, details=self.card)
        return self._do("retrieve_method", token, lambda: kept)

    def detach_method(self, token: str, *, key: str) -> None:
        self._do("detach", key, lambda: None)

    def create_customer(self, *, customer_id: str, email: str, name: str, key: str) -> str:
        return self._do("create_customer", key, lambda: f"cus_fake_{customer_id}")

    def parse_webhook(
        self, *, body: bytes, headers: Mapping[str, str], now: datetime
    ) -> list[GatewayEvent]:
        raise NotImplementedError("tests of webhooks use the real adapter")

    def close(self) -> None:
        """Hold no connections, so there is nothing to close."""

    # --- what tests look at and turn ----------------------------------------------------------

    @property
    def captures(self) -> list[PaymentResult]:
        """The payments of which money was taken."""
        return [p for p in self.payments.values() if p.state == PaymentState.CAPTURED]

    def count(self, operation: str) -> int:
        """How often the operation was asked for."""
        return sum(1 for name, _ in self.calls if name == operation)

    def move(self, reference: str, **changes: Any) -> PaymentResult:
        """Change a payment in the gateway's own books."""
        self.payments[reference] = replace(self._get(reference), **changes)
        return self.payments[reference]

    def open_dispute(
        self, payment: PaymentResult, *, now: datetime, fee: int = 1500, **changes: Any
    ) -> DisputeResult:
        """Let the payer's bank dispute a payment; a chargeback takes the money at once."""
        reference = f"du_fake_{len(self.disputes) + 1}"
        stage = changes.get("stage", DisputeStage.CHARGEBACK)
        opened = DisputeResult(
            state=DisputeState.NEEDS_RESPONSE,
            stage=stage,
            reference=reference,
            amount=payment.amount_captured,
            currency=payment.currency,
            reason="fraudulent",
            opened_at=now,
            payment_reference=payment.reference,
            charge_reference=payment.charge_reference,
            network="visa",
            network_reason_code="10.4",
            due_at=now + timedelta(days=7),
            is_charge_refundable=stage == DisputeStage.INQUIRY,
        )
        self.disputes[reference] = replace(opened, **changes)
        if stage != DisputeStage.INQUIRY:
            self.move_funds(reference, -self.disputes[reference].amount, fee=fee)
        return self.disputes[reference]

    def move_dispute(self, reference: str, **changes: Any) -> DisputeResult:
        """Change a dispute in the gateway's own books."""
        self.disputes[reference] = replace(self.disputes[reference], **changes)
        return self.disputes[reference]

    def move_funds(self, reference: str, amount: int, *, fee: int = 0) -> DisputeResult:
        """Withdraw (below zero) or give back money of a dispute."""
        dispute = self.disputes[reference]
        settled = self._settle(abs(amount))
        movement = DisputeMovement(
            reference=f"txn_{reference}_{len(dispute.movements) + 1}",
            amount=amount
            if settled is None
            else (settled.amount if amount > 0 else -settled.amount),
            fee=fee,
            currency=dispute.currency if settled is None else settled.currency,
        )
        return self.move_dispute(reference, movements=(*dispute.movements, movement))

    def win_dispute(self, reference: str, *, fee: int = 0) -> DisputeResult:
        """Decide for the merchant and give the money back."""
        self.move_funds(reference, self.disputes[reference].amount, fee=fee)
        return self.move_dispute(reference, state=DisputeState.WON, is_charge_refundable=True)

    def _settle(self, amount: int, *, fee: int | None = 0) -> Settlement | None:
        if self.rate is None:
            return None
        return Settlement(
            amount=int((amount * self.rate).quantize(Decimal(1), rounding=ROUND_HALF_EVEN)),
            currency="USD",
            rate=self.rate,
            at=datetime.now(UTC),  # noqa: TID251
            fee=fee or 0,
        )

    def _get(self, reference: str) -> PaymentResult:
        return self.payments[reference]

    def _do(self, operation: str, key: str, act: Callable[[], T]) -> T:
        self.calls.append((operation, key))
        if self.on_call is not None:
            self.on_call()
        if self.before:
            raise self.before.pop(0)
        result = act()
        if self.after:
            raise self.after.pop(0)
        return result


@contextmanager
def use_gateways(settings: Any, *gateways: FakeGateway) -> Iterator[None]:
    """Let these be the configured gateways, in this order."""
    settings.GATEWAYS = {gateway.name: {"kind": "stripe"} for gateway in gateways}
    registry.reset_gateways()
    registry._gateways.update({gateway.name: gateway for gateway in gateways})
    yield
    registry.reset_gateways()
