"""`/v1/payment_intents` and its actions."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from apps.api.addresses import ParcelShipping, parcel_of
from apps.api.fields import (
    AmountField,
    BooleanField,
    CurrencyField,
    EnumField,
    IdField,
    ListField,
    MetadataField,
    TextField,
    TimestampField,
)
from apps.api.idempotency import Claim
from apps.api.lists import ListSchema, list_envelope, list_page
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import ClaimMode, Json, Result
from apps.common.errors import DomainError, InvalidParameter, ResourceMissing
from apps.common.metadata import with_metadata
from apps.outbox.models import Event
from apps.payments.api.shapes import (
    PAYMENT_ATTEMPTS,
    PAYMENT_INTENT,
    PAYMENT_INTENT_EVENT,
    PAYMENT_INTENTS,
    PAYMENT_TRACE,
)
from apps.payments.errors import CardDeclined, GatewayFailed, MethodUnknownToGateway
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.payments.objects import render_attempt, render_intent
from apps.payments.policies import METHOD_UNKNOWN
from apps.payments.selectors import get_attempt, get_intent
from apps.payments.services.increments import check_increment, increment_intent
from apps.payments.services.intents import (
    Confirmation,
    cancel_intent,
    capture_intent,
    confirm_intent,
    create_intent,
    resume_attempt,
    update_intent,
)
from apps.payments.states import ErrorClass, IntentStatus, ThreeDSecure
from apps.payments.trace import trace_intent
from apps.vault.method_data import MethodInside, MethodInsideView

# An intent keeps its history of at most this many events in one answer.
MAX_HISTORY = 1000

THREE_D_SECURE = [word for word in ThreeDSecure.values if word]
CAPTURE_METHODS = ["automatic", "manual", "automatic_async"]
CANCELLATION_REASONS = ["duplicate", "fraudulent", "requested_by_customer", "abandoned"]


class TransferData(RequestSchema):
    destination = IdField("acct")
    amount = AmountField(required=False)


class AutomaticPaymentMethods(RequestSchema):
    """Stripe's switch; our gateways decide by the payment method, so it changes nothing."""

    enabled = BooleanField()
    allow_redirects = EnumField(["always", "never"], required=False)


class CardOptions(RequestSchema):
    request_three_d_secure = EnumField(THREE_D_SECURE, required=False)


class MethodOptions(RequestSchema):
    """How the payment is to be made if it is made in this way."""

    card = CardOptions(required=False)


class _Confirming(MethodInside):
    """What may be set until an intent is charged, also by charging it."""

    payment_method_options = MethodOptions(required=False, allow_null=True)
    shipping = ParcelShipping(required=False, allow_null=True)


class _Shared(_Confirming):
    """What may be set when an intent is made and until it is charged."""

    customer = IdField("cus", required=False, allow_null=True)
    description = TextField(required=False, allow_null=True, max_length=1000)
    receipt_email = TextField(required=False, allow_null=True, max_length=512)
    statement_descriptor = TextField(required=False, allow_null=True, max_length=22)
    statement_descriptor_suffix = TextField(required=False, allow_null=True, max_length=22)
    setup_future_usage = EnumField(["on_session", "off_session"], required=False, allow_null=True)
    capture_method = EnumField(CAPTURE_METHODS, required=False)
    metadata = MetadataField()
    application_fee_amount = AmountField(required=False, allow_null=True, min_value=0)
    transfer_data = TransferData(required=False)
    transfer_group = TextField(required=False, allow_null=True, max_length=255)
    payment_method_types = ListField(EnumField(["card", "sepa_debit"]), required=False)


class CreateIntent(_Shared):
    amount = AmountField()
    currency = CurrencyField()
    confirmation_method = EnumField(["automatic"], required=False)
    automatic_payment_methods = AutomaticPaymentMethods(required=False)
    confirm = BooleanField(required=False, default=False)
    off_session = BooleanField(required=False)
    return_url = TextField(required=False, max_length=2048)
    expires_at = TimestampField(required=False)
    use_stripe_sdk = BooleanField(required=False)
    allow_duplicate = BooleanField(required=False, default=False)


class UpdateIntent(_Shared):
    amount = AmountField(required=False)
    currency = CurrencyField(required=False)


class ConfirmIntent(_Confirming):
    client_secret = TextField(required=False, max_length=200)
    capture_method = EnumField(CAPTURE_METHODS, required=False)
    off_session = BooleanField(required=False)
    receipt_email = TextField(required=False, max_length=512)
    return_url = TextField(required=False, max_length=2048)
    setup_future_usage = EnumField(["on_session", "off_session"], required=False)
    use_stripe_sdk = BooleanField(required=False)
    allow_duplicate = BooleanField(required=False, default=False)


class CaptureIntent(RequestSchema):
    amount_to_capture = AmountField(required=False)
    metadata = MetadataField()


class IncrementIntent(RequestSchema):
    amount = AmountField()


class CancelIntent(RequestSchema):
    cancellation_reason = EnumField(CANCELLATION_REASONS, required=False)


class RetrieveIntent(RequestSchema):
    client_secret = TextField(required=False, max_length=200)


class ListIntents(ListSchema):
    customer = IdField("cus", required=False)


# What only a secret key may set when it confirms: a payer would weaken the merchant's guards by it.
_MERCHANTS = ("allow_duplicate", "capture_method", "off_session", "payment_method_options")

# How an intent is answered: the object, a decline, or None for what is no answer to keep.
Answer = Callable[[PaymentIntent], Json | DomainError | None]


class IntentReply:
    """Claims and answers the request's key in the statements of the payment's own steps."""

    def __init__(self, view: "IntentView", claim: Claim, answer: Answer) -> None:
        self._view = view
        self._claim = claim
        self._answer = answer

    def begin(self, object_id: str) -> Json:
        """Return the claim with its recovery point."""
        return self._claim.row(object_id=object_id)

    def finish(self, intent: PaymentIntent) -> Json | None:
        """
        Return the claim with its answer.

        An answer with expanded objects is made after the step, which changes those too: until
        then the claim has its recovery point only.
        """
        answer = self._answer(intent)
        if answer is None:
            return None
        if self._view.is_expanding:
            return self._claim.row(object_id=intent.latest_attempt_id or intent.id)
        return self._view.answer_row(answer, status=self._view.success_status(intent))

    def settle(self, standing: Json | None) -> None:
        """Take what the claim met."""
        self._claim.settle(standing)


def answer_intent(intent: PaymentIntent) -> Json | DomainError | None:
    """
    Return how a confirmed intent is answered: the object, or the decline.

    None when the gateway failed before anything happened: that is no answer to keep.
    """
    error = intent.last_payment_error or {}
    if intent.status != IntentStatus.FAILED:
        return render_intent(intent)
    if error.get("type") == "card_error":
        return CardDeclined(error, intent=render_intent(intent))
    return None


def _failure(intent: PaymentIntent) -> DomainError:
    """Return what is told of a payment that the bank was never asked about."""
    shown = render_intent(intent)
    if (intent.last_payment_error or {}).get("code") == METHOD_UNKNOWN:
        return MethodUnknownToGateway(payment_intent=shown, param="payment_method")
    return GatewayFailed(payment_intent=shown)


class IntentView(MethodInsideView):
    """What all views of intents share."""

    resource = "payment_intents"
    transactional_answer = False
    claim_mode = ClaimMode.BY_SERVICE

    def reply(self, answer: Answer | None = None) -> IntentReply | None:
        """Return the request's key, for a service to claim and answer."""
        return IntentReply(self, self.claim, answer or answer_intent) if self.claim else None

    def success_status(self, intent: PaymentIntent) -> int:
        """Return 202 for a payment that a worker runs, as the request asked, else 200."""
        is_left_to_worker = not self.wants_inline and intent.status == IntentStatus.PROCESSING
        return HTTPStatus.ACCEPTED if is_left_to_worker else HTTPStatus.OK

    def shown(self, intent: PaymentIntent) -> Result:
        """Answer a payment: the object, or the error that tells why it failed."""
        answer = answer_intent(intent)
        if answer is None:
            raise _failure(intent)
        if isinstance(answer, DomainError):
            raise answer
        return self.success_status(intent), answer

    def resumed(self, now: datetime) -> PaymentIntent | None:
        """
        Go on where an earlier run of this request died, if one did.

        None when there is nothing to go on with: no earlier run, or one that never reached the
        gateway, so that this request may try anew.
        """
        attempt_id = self.claim.object_id if self.claim else ""
        if attempt_id.startswith("pi_"):
            return get_intent(self.scope, attempt_id)
        if not attempt_id or get_attempt(attempt_id).error_class == ErrorClass.NOT_SENT:
            return None
        return resume_attempt(
            attempt_id=attempt_id, origin=self.origin, now=now, reply=self.reply()
        )

    def check_payer(self, params: dict[str, Any]) -> None:
        """Let a publishable key, which any payer has, settle nothing that is the merchant's."""
        for name in _MERCHANTS if self.caller.is_publishable else ():
            if params.get(name):
                raise InvalidParameter(f"{name} takes a secret key.", param=name)

    @property
    def wants_inline(self) -> bool:
        """Whether the request itself runs the attempt (`Prefer: respond-async` says no)."""
        return "respond-async" not in self.request.META.get("HTTP_PREFER", "")

    def check_secret(self, intent_id: str, client_secret: str | None) -> None:
        """Let a publishable key act only on the intent whose client secret it shows."""
        if self.caller.is_publishable or client_secret is not None:
            intent = get_intent(self.scope, intent_id)
            if client_secret != intent.client_secret:
                raise ResourceMissing(
                    resource="payment_intent", id=intent_id, param="client_secret"
                )


class IntentList(IntentView):
    schemas = {"GET": ListIntents, "POST": CreateIntent}
    answers = {"GET": PAYMENT_INTENTS, "POST": PAYMENT_INTENT}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = PaymentIntent.objects.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        )
        if "customer" in params:
            rows = rows.filter(customer_id=params["customer"])
        return list_page(rows, params, url="/v1/payment_intents", show=render_intent)

    def post(self, _request: HttpRequest) -> Result:
        now = timezone.now()
        params = self.load()
        self.claim_early(params)
        resumed = self.resumed(now)
        if resumed is not None:
            return self.shown(resumed)
        params = self.with_method(params, now)
        confirmation = None
        if params["confirm"]:
            confirmation = Confirmation(
                payment_method=params.get("payment_method", ""),
                inline=self.wants_inline,
                allow_duplicate=params["allow_duplicate"],
            )
        intent = create_intent(
            scope=self.scope,
            fields=with_metadata(_columns(params), {}),
            confirmation=confirmation,
            origin=self.origin,
            now=now,
            reply=self.reply(),
        )
        return self.shown(intent)


class IntentDetail(IntentView):
    schemas = {"GET": RetrieveIntent, "POST": UpdateIntent}
    answers = {"GET": PAYMENT_INTENT, "POST": PAYMENT_INTENT}
    publishable_methods = frozenset({"GET"})

    def get(self, _request: HttpRequest, intent_id: str) -> Json:
        params = self.load()
        intent = get_intent(self.scope, intent_id)
        secret = params.get("client_secret")
        if (self.caller.is_publishable or secret) and secret != intent.client_secret:
            raise ResourceMissing(resource="payment_intent", id=intent_id, param="client_secret")
        return render_intent(intent)

    def post(self, _request: HttpRequest, intent_id: str) -> Json:
        now = timezone.now()
        params = self.load()
        self.claim_early(params)
        params = self.with_method(params, now)
        intent = update_intent(
            scope=self.scope,
            intent_id=intent_id,
            changes=_columns(params),
            origin=self.origin,
            now=now,
            reply=self.reply(render_intent),
        )
        return render_intent(intent)


class IntentConfirm(IntentView):
    schemas = {"POST": ConfirmIntent}
    answers = {"POST": PAYMENT_INTENT}
    publishable_methods = frozenset({"POST"})

    def post(self, _request: HttpRequest, intent_id: str) -> Result:
        now = timezone.now()
        params = self.load()
        self.check_secret(intent_id, params.get("client_secret"))
        self.check_payer(params)
        self.claim_early(params)
        resumed = self.resumed(now)
        if resumed is not None:
            return self.shown(resumed)
        params = self.with_method(params, now)
        changes = _columns(params)
        changes.pop("payment_method_id", None)
        intent = confirm_intent(
            scope=self.scope,
            intent_id=intent_id,
            confirmation=Confirmation(
                payment_method=params.get("payment_method", ""),
                changes=changes,
                inline=self.wants_inline,
                allow_duplicate=params["allow_duplicate"],
            ),
            origin=self.origin,
            now=now,
            reply=self.reply(),
        )
        return self.shown(intent)


class IntentCapture(IntentView):
    schemas = {"POST": CaptureIntent}
    answers = {"POST": PAYMENT_INTENT}

    def post(self, _request: HttpRequest, intent_id: str) -> Json:
        now = timezone.now()
        params = self.load()
        resumed = self.resumed(now)
        if resumed is not None:
            return render_intent(resumed)
        intent = capture_intent(
            scope=self.scope,
            intent_id=intent_id,
            amount=params.get("amount_to_capture"),
            changes={name: params[name] for name in ("metadata",) if name in params},
            origin=self.origin,
            now=now,
            reply=self.reply(_answer_capture),
        )
        return render_intent(intent)


class IntentIncrement(IntentView):
    schemas = {"POST": IncrementIntent}
    answers = {"POST": PAYMENT_INTENT}

    def post(self, _request: HttpRequest, intent_id: str) -> Json:
        """Hold more; `amount` is the new total."""
        now = timezone.now()
        amount = self.load()["amount"]
        resumed = self.resumed(now)
        if resumed is not None:
            check_increment(resumed, amount=amount)
            return render_intent(resumed)
        intent = increment_intent(
            scope=self.scope,
            intent_id=intent_id,
            amount=amount,
            origin=self.origin,
            now=now,
            reply=self.reply(lambda raised: _answer_increment(raised, amount)),
        )
        return render_intent(intent)


class IntentCancel(IntentView):
    schemas = {"POST": CancelIntent}
    answers = {"POST": PAYMENT_INTENT}

    def post(self, _request: HttpRequest, intent_id: str) -> Json:
        now = timezone.now()
        params = self.load()
        resumed = self.resumed(now)
        if resumed is not None:
            return render_intent(resumed)
        intent = cancel_intent(
            scope=self.scope,
            intent_id=intent_id,
            reason=params.get("cancellation_reason", "requested_by_customer"),
            origin=self.origin,
            now=now,
            reply=self.reply(_answer_cancel),
        )
        return render_intent(intent)


def _answer_capture(intent: PaymentIntent) -> Json | None:
    """Answer a capture; one that did not reach the gateway is no answer to keep."""
    return None if intent.status == IntentStatus.REQUIRES_CAPTURE else render_intent(intent)


def _answer_increment(intent: PaymentIntent, amount: int) -> Json | None:
    """Answer a larger hold; while the gateway has not told, and if it refused, none is kept."""
    return render_intent(intent) if intent.amount >= amount else None


def _answer_cancel(intent: PaymentIntent) -> Json | None:
    over = {IntentStatus.CANCELED, IntentStatus.EXPIRED}
    return render_intent(intent) if intent.status in over else None


class IntentAttempts(IntentView):
    answers = {"GET": PAYMENT_ATTEMPTS}

    def get(self, _request: HttpRequest, intent_id: str) -> Json:
        self.load()
        intent = get_intent(self.scope, intent_id)
        attempts = PaymentAttempt.objects.filter(intent_id=intent.id).order_by("number")
        return list_envelope(
            [render_attempt(attempt) for attempt in attempts],
            url=f"/v1/payment_intents/{intent.id}/attempts",
        )


class IntentEvents(IntentView):
    answers = {"GET": ListOf(PAYMENT_INTENT_EVENT)}

    def get(self, _request: HttpRequest, intent_id: str) -> Json:
        self.load()
        intent = get_intent(self.scope, intent_id)
        events = Event.objects.filter(object_id=intent.id).order_by("sequence")[:MAX_HISTORY]
        return list_envelope(
            [_show_fact(event) for event in events],
            url=f"/v1/payment_intents/{intent.id}/events",
        )


class IntentTrace(IntentView):
    """Everything the platform did for the payment, oldest first."""

    answers = {"GET": PAYMENT_TRACE}

    def get(self, _request: HttpRequest, intent_id: str) -> Json:
        self.load()
        return trace_intent(get_intent(self.scope, intent_id))


def _show_fact(event: Event) -> Json:
    return {
        "id": event.id,
        "object": "payment_intent.event",
        "type": event.type,
        "sequence": event.sequence,
        "created": int(event.created_at.timestamp()),
        "actor": event.actor,
        "request": event.request_id or None,
        "data": event.data,
    }


# Parameters whose column has another name.
_COLUMNS = {
    "customer": "customer_id",
    "payment_method": "payment_method_id",
    "transfer_data": "transfer_destination",
}
_NOT_COLUMNS = frozenset(
    {
        "confirm", "confirmation_method", "automatic_payment_methods", "payment_method_types",
        "client_secret", "use_stripe_sdk", "allow_duplicate",
    }
)  # fmt: skip


def _columns(params: dict[str, Any]) -> dict[str, Any]:
    """Return the intent's columns which the parameters set."""
    columns = {
        _COLUMNS.get(name, name): _as_column(name, value)
        for name, value in params.items()
        if name not in _NOT_COLUMNS
    }
    transfer = params.get("transfer_data") or {}
    if "amount" in transfer:
        columns["application_fee_amount"] = _fee_beside(transfer["amount"], params)
    if params.get("confirm"):
        # The attempt brings its own method, which may be a token that is no stored method yet.
        columns.pop("payment_method_id", None)
    if "return_url" in columns and not columns["return_url"].startswith(("https://", "http://")):
        raise InvalidParameter("return_url must be an http(s) address.", param="return_url")
    return columns


def _fee_beside(share: int, params: dict[str, Any]) -> int:
    """Return our fee when the seller's share is what the caller names: all the rest."""
    name = "transfer_data[amount]"
    if params.get("application_fee_amount") is not None:
        raise InvalidParameter(f"{name} and application_fee_amount exclude each other.", param=name)
    if "amount" not in params or share > params["amount"]:
        raise InvalidParameter(f"{name} is part of amount, which goes with it.", param=name)
    return int(params["amount"]) - share


def _as_column(name: str, value: Any) -> Any:
    convert = _CONVERTERS.get(name)
    if convert is not None:
        return convert(value)
    return "" if value is None and name not in _NULLABLE else value


_NULLABLE = frozenset({"application_fee_amount", "metadata", "payment_method_options"})
_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "capture_method": lambda value: "manual" if value == "manual" else "automatic",
    "currency": lambda value: value.upper(),
    "shipping": parcel_of,
    "transfer_data": lambda value: value["destination"],
}
