"""Stripe's objects as the simulator keeps them; `objects` and `method_objects` show them."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from simulator.books import Charge, Dispute, Movement
from simulator.instruments import BankAccount, Card, Instrument


class IntentStatus(StrEnum):
    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    REQUIRES_CAPTURE = "requires_capture"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


@dataclass(kw_only=True, slots=True)
class Customer:
    id: str
    created: int
    email: str | None = None
    name: str | None = None
    phone: str | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True, slots=True)
class PaymentMethod:
    """
    An instrument kept at Stripe; `token` is what it was made from.

    `is_spent`: charged without a customer, or detached; it cannot be charged again.
    """

    id: str
    created: int
    instrument: Instrument
    token: str
    billing_details: dict[str, Any]
    metadata: dict[str, str] = field(default_factory=dict)
    customer: str | None = None
    is_set_up: bool = False
    is_spent: bool = False
    mandate: str | None = None

    @property
    def type(self) -> str:
        return "sepa_debit" if isinstance(self.instrument, BankAccount) else "card"

    @property
    def card(self) -> Card | None:
        return self.instrument if isinstance(self.instrument, Card) else None


@dataclass(frozen=True, slots=True)
class Authenticated:
    """How the payer was authenticated, in Stripe's words."""

    flow: str
    result: str


@dataclass(kw_only=True, slots=True)
class StripeCharge(Charge):
    method: PaymentMethod
    customer: str | None
    metadata: dict[str, str]
    description: str | None
    statement_descriptor_suffix: str | None
    authenticated: Authenticated | None
    is_disputed: bool = False
    # Money that a dispute holds cannot be refunded, too; an inquiry holds none.
    is_charged_back: bool = False


@dataclass(kw_only=True, slots=True)
class Intent:
    """`shown_error` is `last_payment_error`, `action_url` leads to the open challenge."""

    id: str
    created: int
    amount: int
    currency: str
    client_secret: str
    capture_method: str
    status: IntentStatus = IntentStatus.REQUIRES_PAYMENT_METHOD
    customer: str | None = None
    method: PaymentMethod | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    allowed_types: tuple[str, ...] = ()
    description: str | None = None
    statement_descriptor: str | None = None
    statement_descriptor_suffix: str | None = None
    receipt_email: str | None = None
    setup_future_usage: str | None = None
    shipping: dict[str, Any] | None = None
    transfer_group: str | None = None
    request_three_d_secure: str = "automatic"
    can_increment: bool = False
    is_off_session: bool = False
    return_url: str = ""
    action_url: str = ""
    charge: StripeCharge | None = None
    shown_error: dict[str, Any] | None = None
    canceled_at: int | None = None
    cancellation_reason: str | None = None


@dataclass(kw_only=True, slots=True)
class SetupIntent:
    """`shown_error` is `last_setup_error`."""

    id: str
    created: int
    client_secret: str
    usage: str
    status: IntentStatus = IntentStatus.REQUIRES_PAYMENT_METHOD
    customer: str | None = None
    method: PaymentMethod | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    allowed_types: tuple[str, ...] = ()
    description: str | None = None
    return_url: str = ""
    action_url: str = ""
    shown_error: dict[str, Any] | None = None
    cancellation_reason: str | None = None
    mandate: str | None = None


@dataclass(kw_only=True, slots=True)
class Payout:
    id: str
    created: int
    amount: int
    currency: str
    movement: Movement
    destination: str | None = None
    status: str = "pending"
    failure_code: str | None = None
    description: str | None = None
    statement_descriptor: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True, slots=True)
class StripeDispute(Dispute):
    """`compelling` holds the earlier charges that the merchant named."""

    charge: StripeCharge
    compelling: list[str] = field(default_factory=list)

    def describe(self) -> dict[str, Any]:
        """Return what `/_sim/disputes` shows."""
        return {**Dispute.describe(self), "compelling": self.compelling}


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadedFile:
    """A file that the merchant uploaded, by its digest."""

    id: str
    purpose: str
    size: int
    sha256: str
    created: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FraudWarning:
    """The payer's bank says that the charge was a fraud."""

    id: str
    charge: StripeCharge
    created: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """An event with its body as it was and will be sent."""

    id: str
    type: str
    created: int
    body: bytes
