"""
The port: what every gateway adapter offers, in our words.

Amounts are minor units with an upper-case ISO 4217 currency. Every method may raise the three
errors of `apps.gateways.errors` and nothing else. Adapters know neither Django nor the database.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, Protocol


class PaymentState(StrEnum):
    """Where a payment stands at the gateway."""

    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    VOIDED = "voided"
    DECLINED = "declined"


class DeclineClass(StrEnum):
    """What a decline means for the next try (ruling C13)."""

    RETRYABLE = "retryable"
    TERMINAL = "terminal"
    FRAUD = "fraud"
    AUTHENTICATION_REQUIRED = "authentication_required"


class SetupState(StrEnum):
    """Where the wish to charge a method later stands at the gateway."""

    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


# Stripe's word for the number that acquirers give a movement of a card.
ACQUIRER_REFERENCE: Final = "acquirer_reference_number"


class RefundState(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decline:
    """The bank or the gateway said no."""

    code: str
    error_class: DeclineClass
    message: str = ""
    network_code: str = ""
    advice_code: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodDetails:
    """What a gateway tells about a payment method; never a card number."""

    type: str = "card"
    brand: str = ""
    last4: str = ""
    exp_month: int = 0
    exp_year: int = 0
    funding: str = ""
    country: str = ""
    fingerprint: str = ""
    bank_name: str = ""
    cvc_check: str = ""
    avs_line1_check: str = ""
    avs_postal_code_check: str = ""
    three_d_secure: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredMethod:
    """A payment method kept at the gateway: its token there and what it is."""

    token: str = field(repr=False)
    details: MethodDetails


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkCard:
    """A network token with the cryptogram of one charge: the schemes' stand-in for a card."""

    number: str = field(repr=False)
    exp_month: int
    exp_year: int
    cryptogram: str = field(repr=False)
    eci: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """Where the goods of a payment go, and with whom they travel; "" for what is not told."""

    name: str = field(repr=False)
    phone: str = field(repr=False)
    line1: str = field(repr=False)
    line2: str = field(repr=False)
    postal_code: str
    city: str
    state: str
    country: str
    carrier: str
    tracking_number: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentRequest:
    """
    Take `amount` from the payment method behind `token`.

    `attempt_id` is both the idempotency key and our reference at the gateway: the same attempt
    never charges twice. With `capture=False` the money is only held. `network_card` stands in for
    `token` at a gateway that has none of its own.
    """

    attempt_id: str
    intent_id: str
    amount: int
    currency: str
    token: str = field(repr=False)
    method_type: str = "card"
    capture: bool = True
    off_session: bool = False
    customer_reference: str = ""
    return_url: str = ""
    description: str = ""
    statement_descriptor: str = ""
    request_three_d_secure: str = ""
    shipping: Parcel | None = None
    network_card: NetworkCard | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Settlement:
    """
    What a gateway made of a payment's money where our account there is in another currency.

    `amount` is what it credited, or took for a refund, before its `fee`: positive minor units of
    `currency`. `rate` is the major units of it for one major unit of the payment's currency.
    """

    amount: int
    currency: str
    rate: Decimal
    at: datetime
    fee: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentResult:
    """
    What the gateway knows of a payment now.

    `attempt_id` is our reference as the gateway holds it ("" when it holds none); `reference` is
    the gateway's id of the payment, `charge_reference` that of the movement of money on it.
    `amount_captured` and `amount_refunded` are what it took and gave back in all; `fee` is None
    until the gateway tells it, or when it is taken in another currency: then `settlement` tells
    it. `method_token` is what the payment method is called there now: a one-time token becomes
    another one by being charged.
    """

    state: PaymentState
    reference: str
    amount: int
    currency: str
    attempt_id: str = ""
    intent_id: str = ""
    amount_captured: int = 0
    amount_refunded: int = 0
    charge_reference: str = ""
    fee: int | None = None
    settlement: Settlement | None = None
    decline: Decline | None = None
    action_url: str = ""
    method: MethodDetails | None = None
    method_token: str = field(default="", repr=False)
    authorization_expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SetupRequest:
    """
    Have the bank agree that the stored method behind `token` is charged later.

    `reference` is both the idempotency key and our reference at the gateway.
    """

    reference: str
    token: str = field(repr=False)
    method_type: str = "card"
    off_session: bool = True
    customer_reference: str = ""
    return_url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SetupResult:
    """How a setup stands at the gateway; `reference` is the gateway's id of it."""

    state: SetupState
    reference: str
    decline: Decline | None = None
    action_url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundRequest:
    """Give `amount` of a captured payment back; `refund_id` is the idempotency key."""

    refund_id: str
    reference: str
    charge_reference: str
    amount: int
    currency: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundResult:
    """
    What the gateway knows of a refund now.

    `refund_id` is our reference as the gateway holds it, "" when it holds none. `settlement` tells
    what it took from our account where that is in another currency. By `bank_reference` the bank
    behind the payer's card finds the money, once the gateway knows it; `bank_reference_type` is
    Stripe's word for what kind of number that is.
    """

    state: RefundState
    reference: str
    amount: int
    currency: str
    refund_id: str = ""
    payment_reference: str = ""
    failure_code: str = ""
    settlement: Settlement | None = None
    bank_reference: str = ""
    bank_reference_type: str = ""


class PayoutState(StrEnum):
    PENDING = "pending"
    IN_TRANSIT = "in_transit"
    PAID = "paid"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, kw_only=True, slots=True)
class PayoutRequest:
    """
    Send `amount` of what the gateway holds for us to the bank account behind `destination`.

    `payout_id` is both the idempotency key and our reference at the gateway.
    """

    payout_id: str
    amount: int
    currency: str
    destination: str = field(repr=False)
    description: str = ""
    statement_descriptor: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PayoutResult:
    """
    What the gateway knows of a payout now; a paid one may still come back as failed.

    `payout_id` is our reference as the gateway holds it, "" when it holds none.
    """

    state: PayoutState
    reference: str
    amount: int
    currency: str
    payout_id: str = ""
    failure_code: str = ""
    arrives_on: date | None = None


class DisputeState(StrEnum):
    """Where a dispute stands at the gateway; CLOSED is an inquiry that did not escalate."""

    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"
    PREVENTED = "prevented"


class DisputeStage(StrEnum):
    """How far a dispute has gone; an inquiry moves no money."""

    INQUIRY = "inquiry"
    CHARGEBACK = "chargeback"
    PRE_ARBITRATION = "pre_arbitration"
    ARBITRATION = "arbitration"


@dataclass(frozen=True, kw_only=True, slots=True)
class DisputeMovement:
    """
    Money that a dispute moved on our account at the gateway.

    `amount` is negative when it was withdrawn; `fee` is negative when it was given back.
    """

    reference: str
    amount: int
    fee: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DisputeResult:
    """
    What a gateway knows of a dispute now.

    `reason` is Stripe's word for it, `network_reason_code` the card scheme's. `due_at` is when the
    gateway stops taking evidence; None when it waits for none. `submissions` counts the evidence
    that it passed on.
    """

    state: DisputeState
    stage: DisputeStage
    reference: str
    amount: int
    currency: str
    reason: str
    opened_at: datetime
    payment_reference: str = ""
    charge_reference: str = ""
    network: str = ""
    network_reason_code: str = ""
    due_at: datetime | None = None
    submissions: int = 0
    is_charge_refundable: bool = False
    movements: tuple[DisputeMovement, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DisputeEvidence:
    """
    What answers a dispute: texts by Stripe's names, and a PDF that holds all of it.

    `stage` is what it answers: some gateways take the answer to a later round in another form.
    `compelling` names two earlier payments, as Stripe's `visa_compelling_evidence_3` does and by
    the gateway's references; the packet holds them as well.
    """

    stage: DisputeStage
    texts: Mapping[str, str] = field(repr=False)
    packet: bytes = field(default=b"", repr=False)
    compelling: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class FraudWarning:
    """The card's bank reports a payment as fraudulent; a dispute may follow."""

    reference: str
    kind: str
    is_actionable: bool
    payment_reference: str = ""
    charge_reference: str = ""


class EventKind(StrEnum):
    """What an inbound webhook is about; it wakes us up, the state is read from the gateway."""

    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    PAYOUT = "payout"
    METHOD = "method"
    SETUP = "setup"
    FRAUD_WARNING = "fraud_warning"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayEvent:
    """
    One verified inbound event; `id` is unique per gateway account.

    `reference` is the gateway's id of the object; `payment_reference` that of the payment it
    belongs to, when told; `attempt_id` our reference, when the gateway sends it back.
    """

    id: str
    type: str
    kind: EventKind
    reference: str
    occurred_at: datetime
    payment_reference: str = ""
    attempt_id: str = ""
    refund_id: str = ""
    payout_id: str = ""


class InvalidSignature(Exception):
    """The webhook's signature, time stamp or form is wrong; nothing of it may be believed."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; `total` bounds one call with all its bytes."""

    connect: float = 0.5
    read: float = 3.0
    total: float = 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayAccount:
    """
    What an adapter needs to work for one account.

    `api_base` "" is the gateway's own address; `merchant_account` names ours where one API key may
    serve several.

    All `webhook_secrets` are accepted, so that a secret can be replaced without losing an event.
    """

    name: str
    api_key: str = field(repr=False)
    api_base: str = ""
    merchant_account: str = ""
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    timeouts: Timeouts = Timeouts()


class Gateway(Protocol):
    """One account at one payment service provider. Thread-safe; connections are pooled."""

    name: str
    kind: str

    def create_payment(self, request: PaymentRequest) -> PaymentResult:
        """Authorise and, with `capture`, take the money. The attempt id is the key."""

    def retrieve_payment(self, reference: str) -> PaymentResult:
        """Return the payment with this gateway id."""

    def find_payment(self, attempt_id: str) -> PaymentResult | None:
        """Return the payment that holds our reference, None when the gateway has none."""

    def capture_payment(
        self, reference: str, *, amount: int, currency: str, key: str
    ) -> PaymentResult:
        """Take `amount` of what is held; the rest is released."""

    def finish_payment(self, reference: str, *, answer: Mapping[str, str]) -> PaymentResult:
        """
        Return how a payment stands whose payer comes back from the bank's page.

        `answer` is what the payer's browser brought along. It is passed on, never believed.
        """

    def increment_payment(
        self, reference: str, *, amount: int, currency: str, key: str
    ) -> PaymentResult:
        """
        Hold `amount` in all instead of what is held; the bank may decline, which is a refusal.

        A result with the old amount means that the gateway tells later.
        """

    def void_payment(self, reference: str, *, key: str) -> PaymentResult:
        """Release what is held, or stop a payment that has not moved money yet."""

    def fence_payment(self, attempt_id: str, *, key: str) -> PaymentResult | None:
        """
        End the payment that holds our reference, without knowing the gateway's.

        None when the gateway has none; pending when it will tell later how that went.
        """

    def create_refund(self, request: RefundRequest) -> RefundResult:
        """Give money back. The refund id is the key."""

    def retrieve_refund(self, reference: str) -> RefundResult:
        """Return the refund with this gateway id."""

    def find_refund(self, refund_id: str, *, payment_reference: str) -> RefundResult | None:
        """Return the refund of that payment which holds our reference, None when there is none."""

    def create_payout(self, request: PayoutRequest) -> PayoutResult:
        """Send money to a bank account. The payout id is the key."""

    def retrieve_payout(self, reference: str) -> PayoutResult:
        """Return the payout with this gateway id."""

    def find_payout(self, payout_id: str) -> PayoutResult | None:
        """Return the payout that holds our reference, None when the gateway has none."""

    def retrieve_dispute(self, reference: str) -> DisputeResult:
        """Return the dispute with this gateway id."""

    def list_disputes(self, *, since: datetime) -> Iterator[DisputeResult]:
        """Return the disputes opened since then, newest first."""

    def submit_evidence(
        self, reference: str, *, evidence: DisputeEvidence, key: str
    ) -> DisputeResult:
        """Send the evidence to the bank, for good: most banks read it once only."""

    def accept_dispute(self, reference: str, *, key: str) -> DisputeResult:
        """Give the dispute up; it is lost then."""

    def settlement_report(self, day: date, *, write: Callable[[bytes], object]) -> bool:
        """
        Write what moved on our account on a day in UTC, as the gateway reports it, piece by piece.

        The form is the gateway's own. False, and nothing written, while there is no report yet.
        """

    def retrieve_fraud_warning(self, reference: str) -> FraudWarning:
        """Return the early fraud warning with this gateway id."""

    def list_fraud_warnings(self, *, since: datetime) -> Iterator[FraudWarning]:
        """Return the early fraud warnings that came since then, newest first."""

    def store_method(
        self, *, type: str, token: str, billing_details: Mapping[str, object], key: str
    ) -> StoredMethod:
        """Turn a one-time token (or SEPA IBAN) into a payment method kept at the gateway."""

    def set_up_method(self, request: SetupRequest) -> SetupResult:
        """Ask the bank, with the payer present, whether a stored method may be charged later."""

    def finish_setup(self, reference: str, *, answer: Mapping[str, str]) -> SetupResult:
        """Return how a setup stands, as `finish_payment` does for payments."""

    def attach_method(self, token: str, *, customer_reference: str, key: str) -> StoredMethod:
        """Tie the method to the gateway's customer, so that it can be charged again."""

    def retrieve_method(self, token: str) -> StoredMethod:
        """Return the method as the gateway knows it now; account updates show here."""

    def detach_method(self, token: str, *, key: str) -> None:
        """Untie the method; it cannot be charged any more."""

    def create_customer(self, *, customer_id: str, email: str, name: str, key: str) -> str:
        """Return the gateway's id of a new customer that carries our id."""

    def parse_webhook(
        self, *, body: bytes, headers: Mapping[str, str], now: datetime
    ) -> list[GatewayEvent]:
        """
        Verify the signature over the raw bytes and return the events inside.

        `headers` has lower-case names. Every defect raises InvalidSignature, never another error.
        """

    def close(self) -> None:
        """Close the connections that are kept open; a later call opens them again."""
