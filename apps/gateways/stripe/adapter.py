"""The port's operations as calls to Stripe's API."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import quote

from apps.gateways.base import (
    DisputeEvidence,
    DisputeResult,
    DisputeStage,
    FraudWarning,
    GatewayAccount,
    GatewayEvent,
    Parcel,
    PaymentRequest,
    PaymentResult,
    PaymentState,
    PayoutRequest,
    PayoutResult,
    RefundRequest,
    RefundResult,
    SetupRequest,
    SetupResult,
    SetupState,
    StoredMethod,
)
from apps.gateways.errors import GatewayRejected, GatewayUnknown
from apps.gateways.stripe.client import CardRefused, StripeCalls
from apps.gateways.stripe.reports import write_day
from apps.gateways.stripe.translate import (
    Object,
    Unreadable,
    read_decline,
    read_dispute,
    read_fraud_warning,
    read_id,
    read_method,
    read_page,
    read_payment,
    read_payout,
    read_refund,
    read_setup,
)
from apps.gateways.stripe.webhooks import SIGNATURE_HEADER, read_event, verify_signature

if TYPE_CHECKING:
    # For the checker alone: loading the SDK's parameter types takes memory and brings nothing.
    from stripe.params import (
        CustomerCreateParams,
        DisputeUpdateParams,
        DisputeUpdateParamsEvidence,
        PaymentIntentCaptureParams,
        PaymentIntentCreateParams,
        PaymentIntentCreateParamsShipping,
        PaymentIntentCreateParamsShippingAddress,
        PaymentMethodCreateParams,
        PayoutCreateParams,
        RefundCreateParams,
    )

_Read = TypeVar("_Read")

# Why we do not give in, where the evidence has no text of its own about that.
_REASON_FOR_FILING = "The payment was authorised and is valid; the attached evidence shows why."
# With these an answer tells the fee and the card, and no second call is needed.
_EXPANDED = ["latest_charge.balance_transaction", "payment_method"]
# What a refund took from our account, where that is in another currency.
_REFUND_EXPANDED = ["balance_transaction"]

# Stripe takes no other reasons; ours go along as metadata of our own refund.
_REFUND_REASONS = {"duplicate", "fraudulent", "requested_by_customer"}

# Objects are listed 100 at a time; more than this many pages is a fault.
_PAGE_SIZE = 100
_MAX_PAGES = 20


class StripeGateway:
    """One account at Stripe."""

    kind = "stripe"

    def __init__(self, account: GatewayAccount) -> None:
        self.name = account.name
        self._calls = StripeCalls(account)
        self._webhook_secrets = account.webhook_secrets
        self._livemode = "_live_" in account.api_key

    def create_payment(self, request: PaymentRequest) -> PaymentResult:
        """
        Create and confirm a payment intent in one call.

        Source: Stripe's pages on `payment_intents` and on declines
        """
        try:
            intent = self._calls.post(
                "/v1/payment_intents", _payment_params(request), key=request.attempt_id
            )
        except CardRefused as refusal:
            return _read_refusal(refusal, request)
        return _require_attempt(_read(read_payment, intent), request.attempt_id)

    def retrieve_payment(self, reference: str) -> PaymentResult:
        """Read the payment intent."""
        intent = self._calls.get(_path("payment_intents", reference), {"expand": _EXPANDED})
        return _require_reference(_read(read_payment, intent), reference)

    def find_payment(self, attempt_id: str) -> PaymentResult | None:
        """
        Search by our reference in the metadata.

        Stripe's search lags behind: a payment shows up within a minute as a rule, later when
        Stripe is in trouble. So None means "never received" only for an attempt that is older than
        that; the caller waits.
        """
        found = _read(
            read_page,
            self._calls.get(
                "/v1/payment_intents/search",
                {
                    "query": f"metadata['attempt']:'{_quoted(attempt_id)}'",
                    "limit": 2,
                    "expand": [f"data.{path}" for path in _EXPANDED],
                },
            ),
        )
        if len(found) > 1:
            raise GatewayUnknown(f"more than one payment holds the reference {attempt_id}")
        if not found:
            return None
        return _require_attempt(_read(read_payment, found[0]), attempt_id)

    def capture_payment(
        self, reference: str, *, amount: int, currency: str, key: str
    ) -> PaymentResult:
        """Capture once; Stripe releases the rest. The currency is the intent's own."""
        del currency
        params: PaymentIntentCaptureParams = {"amount_to_capture": amount, "expand": _EXPANDED}
        return self._change_payment(reference, "capture", params, key=key)

    def finish_payment(self, reference: str, *, answer: Mapping[str, str]) -> PaymentResult:
        """Read the payment intent: the bank told Stripe, and the payer's browser adds nothing."""
        del answer
        return self.retrieve_payment(reference)

    def increment_payment(
        self, reference: str, *, amount: int, currency: str, key: str
    ) -> PaymentResult:
        """Raise the hold; the payment asked for that right when it was authorised."""
        del currency
        params = {"amount": amount, "expand": _EXPANDED}
        return self._change_payment(reference, "increment_authorization", params, key=key)

    def void_payment(self, reference: str, *, key: str) -> PaymentResult:
        """Cancel the intent, which releases what is held."""
        return self._change_payment(reference, "cancel", {"expand": _EXPANDED}, key=key)

    def fence_payment(self, attempt_id: str, *, key: str) -> PaymentResult | None:
        """Find it, then cancel it; what cannot be canceled any more is told as it stands."""
        found = self.find_payment(attempt_id)
        if found is None:
            return None
        try:
            return self.void_payment(found.reference, key=key)
        except GatewayRejected:
            return self.retrieve_payment(found.reference)

    def create_refund(self, request: RefundRequest) -> RefundResult:
        """Refund the intent's charge."""
        refund = self._post("/v1/refunds", _refund_params(request), key=request.refund_id)
        return _read(read_refund, refund)

    def retrieve_refund(self, reference: str) -> RefundResult:
        """Read the refund."""
        refund = self._calls.get(_path("refunds", reference), {"expand": _REFUND_EXPANDED})
        return _read(read_refund, refund)

    def find_refund(self, refund_id: str, *, payment_reference: str) -> RefundResult | None:
        """Look through the payment's refunds, newest first; this list does not lag behind."""
        expanded = [f"data.{path}" for path in _REFUND_EXPANDED]
        refunds = self._list(
            "/v1/refunds", {"payment_intent": payment_reference, "expand": expanded}
        )
        for refund in refunds:
            result = _read(read_refund, refund)
            if result.refund_id == refund_id:
                return result
        return None

    def create_payout(self, request: PayoutRequest) -> PayoutResult:
        """Pay out of the account's balance to one of its bank accounts."""
        payout = self._post("/v1/payouts", _payout_params(request), key=request.payout_id)
        return _read(read_payout, payout)

    def retrieve_payout(self, reference: str) -> PayoutResult:
        """Read the payout."""
        return _read(read_payout, self._calls.get(_path("payouts", reference)))

    def find_payout(self, payout_id: str) -> PayoutResult | None:
        """Look through the account's payouts, newest first; this list does not lag behind."""
        for payout in self._list("/v1/payouts", {}):
            result = _read(read_payout, payout)
            if result.payout_id == payout_id:
                return result
        return None

    def retrieve_dispute(self, reference: str) -> DisputeResult:
        """Read the dispute with its movements of money."""
        return _read(read_dispute, self._calls.get(_path("disputes", reference)))

    def list_disputes(self, *, since: datetime) -> Iterator[DisputeResult]:
        """Walk the account's disputes; this list does not lag behind."""
        for dispute in self._list("/v1/disputes", {"created": {"gte": int(since.timestamp())}}):
            yield _read(read_dispute, dispute)

    def submit_evidence(
        self, reference: str, *, evidence: DisputeEvidence, key: str
    ) -> DisputeResult:
        """Hand the evidence in, its packet as a file; Stripe takes no second submission."""
        files: list[str] = []
        if evidence.packet:
            kept = self._calls.upload(
                evidence.packet, purpose="dispute_evidence", key=f"{key}:file"
            )
            files.append(_read(lambda answer: read_id(answer, "file"), kept))
        is_appeal = evidence.stage == DisputeStage.PRE_ARBITRATION
        told = _appeal_of(evidence, files) if is_appeal else _evidence_of(evidence, files)
        params: DisputeUpdateParams = {"evidence": told, "submit": True}
        return _read(read_dispute, self._post(_path("disputes", reference), params, key=key))

    def accept_dispute(self, reference: str, *, key: str) -> DisputeResult:
        """Close the dispute, which loses it."""
        return _read(read_dispute, self._post(_path("disputes", reference, "close"), {}, key=key))

    def settlement_report(self, day: date, *, write: Callable[[bytes], object]) -> bool:
        """Have Stripe make its reports of the day, and put them into one."""
        return write_day(self._calls, day, write=write)

    def retrieve_fraud_warning(self, reference: str) -> FraudWarning:
        """Read the early fraud warning."""
        warning = self._calls.get(_path("radar/early_fraud_warnings", reference))
        return _read(read_fraud_warning, warning)

    def list_fraud_warnings(self, *, since: datetime) -> Iterator[FraudWarning]:
        """Walk the account's early fraud warnings."""
        created = {"created": {"gte": int(since.timestamp())}}
        for warning in self._list("/v1/radar/early_fraud_warnings", created):
            yield _read(read_fraud_warning, warning)

    def store_method(
        self, *, type: str, token: str, billing_details: Mapping[str, object], key: str
    ) -> StoredMethod:
        """Exchange the token or IBAN; a payment method of Stripe's is taken as it is."""
        if token.startswith("pm_"):
            method = self._calls.get(_path("payment_methods", token))
        else:
            params = _method_params(type, token, billing_details)
            method = self._post("/v1/payment_methods", params, key=key)
        return _read(read_method, method)

    def set_up_method(self, request: SetupRequest) -> SetupResult:
        """
        Create and confirm a setup intent in one call.

        Source: Stripe's pages on `setup_intents`
        """
        params: dict[str, Any] = {
            "confirm": True,
            "payment_method": request.token,
            "allowed_payment_method_types": [request.method_type],
            "usage": "off_session" if request.off_session else "on_session",
            "return_url": request.return_url,
            "metadata": {"attempt": request.reference},
        }
        if request.customer_reference:
            params["customer"] = request.customer_reference
        try:
            setup = self._calls.post("/v1/setup_intents", params, key=request.reference)
        except CardRefused as refusal:
            decline = read_decline(refusal.error)
            return SetupResult(state=SetupState.FAILED, reference="", decline=decline)
        return _read(read_setup, setup)

    def finish_setup(self, reference: str, *, answer: Mapping[str, str]) -> SetupResult:
        """Read the setup intent: the bank told Stripe, and the payer's browser adds nothing."""
        del answer
        return _read(read_setup, self._calls.get(_path("setup_intents", reference)))

    def attach_method(self, token: str, *, customer_reference: str, key: str) -> StoredMethod:
        """Attach the payment method to the customer; the bank may refuse that."""
        path = _path("payment_methods", token, "attach")
        return _read(read_method, self._post(path, {"customer": customer_reference}, key=key))

    def retrieve_method(self, token: str) -> StoredMethod:
        """Read the payment method."""
        return _read(read_method, self._calls.get(_path("payment_methods", token)))

    def detach_method(self, token: str, *, key: str) -> None:
        """Detach the payment method for good."""
        self._post(_path("payment_methods", token, "detach"), {}, key=key)

    def create_customer(self, *, customer_id: str, email: str, name: str, key: str) -> str:
        """Create a customer that carries our id."""
        params: CustomerCreateParams = {"metadata": {"customer": customer_id}}
        if email:
            params["email"] = email
        if name:
            params["name"] = name
        customer = self._post("/v1/customers", params, key=key)
        return _read(lambda each: read_id(each, "customer"), customer)

    def parse_webhook(
        self, *, body: bytes, headers: Mapping[str, str], now: datetime
    ) -> list[GatewayEvent]:
        """Stripe sends one event per request."""
        verify_signature(
            body=body,
            header=headers.get(SIGNATURE_HEADER, ""),
            secrets=self._webhook_secrets,
            now=now,
        )
        return [read_event(body, livemode=self._livemode)]

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._calls.close()

    def _change_payment(
        self, reference: str, action: str, params: Mapping[str, Any], *, key: str
    ) -> PaymentResult:
        intent = self._post(_path("payment_intents", reference, action), params, key=key)
        return _require_reference(_read(read_payment, intent), reference)

    def _list(self, path: str, filters: Mapping[str, Any]) -> Iterator[Object]:
        """Walk a list page by page; one without an end is a fault."""
        params: dict[str, Any] = {**filters, "limit": _PAGE_SIZE}
        for _ in range(_MAX_PAGES):
            page = self._calls.get(path, params)
            found = _read(read_page, page)
            yield from found
            if not page.get("has_more") or not found:
                return
            params["starting_after"] = found[-1].get("id")
        resource = path.rpartition("/")[2]
        raise GatewayUnknown(f"too many {resource} to look through")

    def _post(self, path: str, params: Mapping[str, Any], *, key: str) -> Object:
        """Call where a bank's no is not a result: it refuses the request, nothing was charged."""
        try:
            return self._calls.post(path, params, key=key)
        except CardRefused as refusal:
            decline = read_decline(refusal.error)
            raise GatewayRejected(f"the bank declined: {decline.code}", code=decline.code) from None


def _evidence_of(evidence: DisputeEvidence, files: Sequence[str]) -> "DisputeUpdateParamsEvidence":
    told = cast("DisputeUpdateParamsEvidence", dict(evidence.texts))
    if files:
        told["uncategorized_file"] = files[0]
    if evidence.compelling:
        compelling = cast("Any", evidence.compelling)
        told["enhanced_evidence"] = {"visa_compelling_evidence_3": compelling}
    return told


def _appeal_of(evidence: DisputeEvidence, files: Sequence[str]) -> "DisputeUpdateParamsEvidence":
    """Return the answer to a bank that came back: Stripe takes no other evidence then."""
    reason = evidence.texts.get("uncategorized_text", "") or _REASON_FOR_FILING
    return {"appeal": {"card": {"reason_for_filing": reason, "supporting_files": list(files)}}}


def _payment_params(request: PaymentRequest) -> Mapping[str, Any]:
    params: PaymentIntentCreateParams = {
        "amount": request.amount,
        "currency": request.currency.lower(),
        "confirm": True,
        "capture_method": "automatic" if request.capture else "manual",
        "allowed_payment_method_types": [request.method_type],
        # What the proof of "charged once" is read by, at Stripe's and in our own look-up.
        "metadata": {"intent": request.intent_id, "attempt": request.attempt_id},
        "expand": _EXPANDED,
    }
    if request.off_session:
        params["off_session"] = True
    if request.customer_reference:
        params["customer"] = request.customer_reference
    if request.return_url:
        params["return_url"] = request.return_url
    if request.description:
        params["description"] = request.description
    # Stripe takes no address without its first line.
    if request.shipping is not None and request.shipping.line1:
        params["shipping"] = _shipping_params(request.shipping)
    _add_type_params(params, request)
    return {**params, **_token_params(request)}


def _shipping_params(parcel: Parcel) -> "PaymentIntentCreateParamsShipping":
    address: PaymentIntentCreateParamsShippingAddress = {}
    for part in ("line1", "line2", "postal_code", "city", "state", "country"):
        if getattr(parcel, part):
            address[part] = getattr(parcel, part)
    params: PaymentIntentCreateParamsShipping = {"name": parcel.name, "address": address}
    for name in ("phone", "carrier", "tracking_number"):
        if getattr(parcel, name):
            params[name] = getattr(parcel, name)
    return params


def _token_params(request: PaymentRequest) -> Mapping[str, Any]:
    # A one-time token becomes a payment method in the same call. Stripe takes that, though the
    # types of its SDK leave out everything about card data here.
    if request.token.startswith("tok_"):
        return {"payment_method_data": {"type": "card", "card": {"token": request.token}}}
    return {"payment_method": request.token}


def _add_type_params(params: "PaymentIntentCreateParams", request: PaymentRequest) -> None:
    if request.method_type == "card":
        options = _card_options(request)
        if options:
            params["payment_method_options"] = {"card": options}
        if request.statement_descriptor:
            # Stripe refuses the whole descriptor for cards: its beginning is the account's own.
            params["statement_descriptor_suffix"] = request.statement_descriptor
    elif request.statement_descriptor:
        params["statement_descriptor"] = request.statement_descriptor
    if request.method_type == "sepa_debit":
        # The payer gave the mandate to us, on our page, before the IBAN was stored.
        params["mandate_data"] = {"customer_acceptance": {"type": "offline"}}


def _card_options(request: PaymentRequest) -> Any:
    options = {}
    if request.request_three_d_secure:
        options["request_three_d_secure"] = request.request_three_d_secure
    if not request.capture:
        # Has to be asked for beforehand; it costs nothing where the card cannot do it.
        options["request_incremental_authorization"] = "if_available"
    return options


def _refund_params(request: RefundRequest) -> Mapping[str, Any]:
    params: RefundCreateParams = {
        "payment_intent": request.reference,
        "amount": request.amount,
        "metadata": {"refund": request.refund_id},
        "expand": _REFUND_EXPANDED,
    }
    if request.reason in _REFUND_REASONS:
        params["reason"] = request.reason
    return params


def _payout_params(request: PayoutRequest) -> Mapping[str, Any]:
    params: PayoutCreateParams = {
        "amount": request.amount,
        "currency": request.currency.lower(),
        "destination": request.destination,
        "metadata": {"payout": request.payout_id},
    }
    if request.description:
        params["description"] = request.description
    if request.statement_descriptor:
        params["statement_descriptor"] = request.statement_descriptor
    return params


def _method_params(
    type_: str, token: str, billing_details: Mapping[str, object]
) -> Mapping[str, Any]:
    params: PaymentMethodCreateParams = {}
    if type_ == "card":
        params = {"type": "card", "card": {"token": token}}
    elif type_ == "sepa_debit":
        params = {"type": "sepa_debit", "sepa_debit": {"iban": token}}
    else:
        raise GatewayRejected(f"refused here: no methods of type {type_}", code="type_unknown")
    return {**params, "billing_details": billing_details} if billing_details else params


def _read_refusal(refusal: CardRefused, request: PaymentRequest) -> PaymentResult:
    """Read the declined payment out of the error; the bank's no stands even without one."""
    intent = refusal.error.get("payment_intent")
    if isinstance(intent, Mapping):
        result = _require_attempt(_read(read_payment, intent), request.attempt_id)
        if result.state == PaymentState.DECLINED:
            return result
        raise GatewayUnknown(f"declined, but {result.reference} is {result.state}")
    return PaymentResult(
        state=PaymentState.DECLINED,
        reference="",
        amount=request.amount,
        currency=request.currency.upper(),
        attempt_id=request.attempt_id,
        intent_id=request.intent_id,
        decline=read_decline(refusal.error),
    )


def _read(read: Callable[[Object], _Read], answer: Object) -> _Read:
    try:
        return read(answer)
    except Unreadable as defect:
        raise GatewayUnknown(f"the answer makes no sense: {defect}") from defect


def _require_attempt(result: PaymentResult, attempt_id: str) -> PaymentResult:
    if result.attempt_id != attempt_id:
        raise GatewayUnknown(f"the answer is about {result.reference}, not about {attempt_id}")
    return result


def _require_reference(result: PaymentResult, reference: str) -> PaymentResult:
    if result.reference != reference:
        raise GatewayUnknown(f"the answer is about {result.reference}, not about {reference}")
    return result


def _path(resource: str, reference: str, action: str = "") -> str:
    """Return the path of an object, refusing what would lead to another path."""
    if not reference:
        raise GatewayRejected(f"refused here: no reference of {resource}")
    path = f"/v1/{resource}/{quote(reference, safe='')}"
    return f"{path}/{action}" if action else path


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
