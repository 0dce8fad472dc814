"""
The port's operations as calls to Adyen's Checkout API.

Adyen answers captures, cancels and refunds with "received" and tells the outcome in notifications,
so every answer and every notification goes into the journal, and a state is read from there.
"""

import base64
import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from apps.gateways.adyen.client import AdyenCalls
from apps.gateways.adyen.dispute_report import read_report
from apps.gateways.adyen.disputes import (
    ACCEPTED,
    DEFENDED,
    DISPUTE_CODES,
    FRAUD_CODES,
    answered,
    fold_dispute,
    fold_fraud_warning,
    read_defence,
)
from apps.gateways.adyen.facts import (
    Unreadable,
    capture_mode,
    initiator,
    read_answer,
    read_cancel_answer,
    read_details_answer,
    read_refund_answer,
)
from apps.gateways.adyen.fold import (
    amount_refundable,
    find_refused_raise,
    fold_payment,
    fold_refund,
    is_refund_fact,
)
from apps.gateways.adyen.journal import Fact, Journal, collect_facts
from apps.gateways.adyen.methods import read_stored, read_stored_list, split_token
from apps.gateways.adyen.reports import file_by_day, write_day
from apps.gateways.adyen.webhooks import read_notification
from apps.gateways.base import (
    DisputeEvidence,
    DisputeResult,
    DisputeState,
    FraudWarning,
    GatewayAccount,
    GatewayEvent,
    NetworkCard,
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

# Adyen's answer when nothing carries the reference.
_NO_SUCH_PAYMENT = "167"

# What nothing is paid in, when a card is verified; any currency would do.
_VERIFICATION_CURRENCY = "EUR"

# Another answer of the same payer is another request; its key has to fit into 64 characters.
_KEY_DIGITS = 24

# Where Adyen takes no address without its state. Source: Adyen's page "Payments", deliveryAddress
_COUNTRIES_WITH_STATES = frozenset({"CA", "US"})

_Read = TypeVar("_Read")


class AdyenGateway:
    """One merchant account at Adyen."""

    kind = "adyen"

    def __init__(
        self, account: GatewayAccount, *, journal: Journal, clock: Callable[[], datetime]
    ) -> None:
        self.name = account.name
        self._calls = AdyenCalls(account)
        self._journal = journal
        self._clock = clock
        self._merchant_account = account.merchant_account
        self._webhook_secrets = account.webhook_secrets
        self._livemode = "-live" in account.api_base

    def create_payment(self, request: PaymentRequest) -> PaymentResult:
        """
        Ask for a payment; the same key again brings the first answer.

        Source: Adyen's pages "Payments" and "API idempotency"
        """
        answer = self._calls.pay(_payment_params(request), key=request.attempt_id)
        fact = _read(lambda: read_answer(answer, request, now=self._clock()))
        self._journal.note([fact])
        return self._payment(request.attempt_id)

    def finish_payment(self, reference: str, *, answer: Mapping[str, str]) -> PaymentResult:
        """
        Hand on what the payer brought back; without it Adyen never asks the bank for the money.

        Source: Adyen's page "Redirect 3D Secure 2 authentication"
        """
        known = self._payment(reference)
        brought = answer.get("redirectResult", "")
        if known.state != PaymentState.REQUIRES_ACTION or not brought:
            return known
        digest = hashlib.sha256(brought.encode()).hexdigest()[:_KEY_DIGITS]
        try:
            told = self._calls.finish(
                {"details": {"redirectResult": brought}}, key=f"{known.attempt_id}_{digest}"
            )
        except GatewayRejected:
            # Forged, used before, or the payer did not answer the bank: nothing has changed.
            return self._payment(reference)
        fact = _read(lambda: read_details_answer(told, known, now=self._clock()))
        self._journal.note([fact])
        return self._payment(known.attempt_id)

    def retrieve_payment(self, reference: str) -> PaymentResult:
        """Return what Adyen has told so far."""
        return self._payment(reference)

    def find_payment(self, attempt_id: str) -> PaymentResult | None:
        """
        Return the payment if Adyen has told about it.

        A notification may take a minute, longer when Adyen is in trouble. So None means "never
        received" only for an attempt that is older than that; the caller waits.
        """
        facts = collect_facts(self._journal, attempt_id)
        return fold_payment(facts) if facts else None

    def capture_payment(
        self, reference: str, *, amount: int, currency: str, key: str
    ) -> PaymentResult:
        """
        Ask for a capture; it is taken when a notification says so.

        What cannot succeed by what we know is refused here: Adyen would only say so much later.
        """
        known = self._payment(reference)
        if known.state == PaymentState.CAPTURED and known.amount_captured == amount:
            return known
        if known.state != PaymentState.AUTHORIZED:
            raise GatewayRejected(f"refused here: the payment is {known.state}")
        if amount > known.amount:
            raise GatewayRejected(f"refused here: {amount} is more than {known.amount}")
        params = {"amount": _amount(amount, currency), "reference": known.attempt_id}
        self._calls.capture(known.reference, params, key=key)
        return self._payment(reference)

    def increment_payment(
        self, reference: str, *, amount: int, currency: str, key: str
    ) -> PaymentResult:
        """
        Ask for a larger hold; a notification tells what the bank said.

        Asked again after that, this refuses as the bank did.
        """
        known = self._payment(reference)
        if known.state != PaymentState.AUTHORIZED:
            raise GatewayRejected(f"refused here: the payment is {known.state}")
        if known.amount >= amount:
            return known
        refused = find_refused_raise(collect_facts(self._journal, reference), amount=amount)
        if refused is not None:
            raise GatewayRejected("the bank declined to hold more", code=refused)
        params = {
            "amount": _amount(amount, currency),
            "reference": known.attempt_id,
            "industryUsage": "delayedCharge",
        }
        self._calls.raise_hold(known.reference, params, key=key)
        return self._payment(reference)

    def void_payment(self, reference: str, *, key: str) -> PaymentResult:
        """Ask for the release of what is held, or the end of a payment that nobody paid yet."""
        known = self._payment(reference)
        if known.state in {PaymentState.CAPTURED, PaymentState.DECLINED}:
            raise GatewayRejected(f"refused here: the payment is {known.state}")
        params = {"reference": known.attempt_id}
        if known.reference == known.attempt_id:
            params["paymentReference"] = known.attempt_id
            self._calls.cancel_by_our_reference(params, key=key)
        elif known.state != PaymentState.VOIDED:
            self._calls.cancel(known.reference, params, key=key)
        return self._payment(reference)

    def fence_payment(self, attempt_id: str, *, key: str) -> PaymentResult | None:
        """
        Ask Adyen to end what carries our reference; a notification tells what became of it.

        That we heard of no payment does not mean there is none, so Adyen itself has to say so.
        """
        if not collect_facts(self._journal, attempt_id):
            params = {"reference": attempt_id, "paymentReference": attempt_id}
            try:
                answer = self._calls.cancel_by_our_reference(params, key=key)
            except GatewayRejected as refusal:
                if refusal.code == _NO_SUCH_PAYMENT:
                    return None
                raise
            fact = _read(lambda: read_cancel_answer(answer, attempt_id, now=self._clock()))
            self._journal.note([fact])
        known = self._payment(attempt_id)
        if known.state in {PaymentState.AUTHORIZED, PaymentState.REQUIRES_ACTION}:
            return self.void_payment(attempt_id, key=key)
        return known

    def create_refund(self, request: RefundRequest) -> RefundResult:
        """Ask for a refund; a notification tells whether it went through."""
        known = self.find_refund(request.refund_id, payment_reference=request.reference)
        if known is not None:
            return known
        left = amount_refundable(self._payment_facts(request.reference))
        if request.amount > left:
            raise GatewayRejected(f"refused here: {request.amount} is more than {left}")
        params = {
            "amount": _amount(request.amount, request.currency),
            "reference": request.refund_id,
        }
        answer = self._calls.refund(request.reference, params, key=request.refund_id)
        fact = _read(lambda: read_refund_answer(answer, request, now=self._clock()))
        self._journal.note([fact])
        return self.retrieve_refund(fact.reference)

    def retrieve_refund(self, reference: str) -> RefundResult:
        """Return what Adyen has told so far."""
        facts = [each for each in self._journal.find({reference}) if each.reference == reference]
        if not facts:
            raise GatewayRejected("nothing was told about such a refund")
        return fold_refund(facts)

    def find_refund(self, refund_id: str, *, payment_reference: str) -> RefundResult | None:
        """Return the refund if Adyen has told about it; see `find_payment` on when it has not."""
        del payment_reference
        facts = [each for each in self._journal.find({refund_id}) if is_refund_fact(each)]
        return fold_refund(facts) if facts else None

    def create_payout(self, request: PayoutRequest) -> PayoutResult:
        """Adyen pays out through a platform of its own, which this account has not."""
        raise GatewayRejected(_no_payout(request.payout_id), code="not_supported")

    def retrieve_payout(self, reference: str) -> PayoutResult:
        """There are no payouts here."""
        raise GatewayRejected(_no_payout(reference), code="not_supported")

    def find_payout(self, payout_id: str) -> PayoutResult | None:
        """There are no payouts here."""
        del payout_id
        return None

    def retrieve_dispute(self, reference: str) -> DisputeResult:
        """Return what Adyen has told so far; `list_disputes` finds what it told in vain."""
        return fold_dispute(self._dispute_facts(reference))

    def list_disputes(self, *, since: datetime) -> Iterator[DisputeResult]:
        """
        Read the daily reports since then, keep what no notification told, and return the disputes.

        Adyen lists events, so a dispute shows up here whenever something happened to it.
        """
        facts = self._read_reports(since, DISPUTE_CODES)
        for reference in dict.fromkeys(fact.reference for fact in reversed(facts)):
            yield self.retrieve_dispute(reference)

    def submit_evidence(
        self, reference: str, *, evidence: DisputeEvidence, key: str
    ) -> DisputeResult:
        """Hand the packet in as the document of the first defence that Adyen offers, and defend."""
        known = self.retrieve_dispute(reference)
        if known.state != DisputeState.NEEDS_RESPONSE:
            return known
        offered = self._calls.list_defences(reference, key=f"{key}:list")
        defence, document = _read(lambda: read_defence(offered))
        supplied = {
            "defenseDocuments": [
                {
                    "content": base64.b64encode(evidence.packet).decode(),
                    "contentType": "application/pdf",
                    "defenseDocumentTypeCode": document,
                }
            ]
        }
        self._calls.supply_document(reference, supplied, key=f"{key}:file")
        self._calls.defend(reference, {"defenseReasonCode": defence}, key=key)
        self._journal.note([answered(DEFENDED, known, now=self._clock())])
        return self.retrieve_dispute(reference)

    def accept_dispute(self, reference: str, *, key: str) -> DisputeResult:
        """Give the dispute up; Adyen sends no notification of that."""
        known = self.retrieve_dispute(reference)
        self._calls.accept_dispute(reference, key=key)
        self._journal.note([answered(ACCEPTED, known, now=self._clock())])
        return self.retrieve_dispute(reference)

    def retrieve_fraud_warning(self, reference: str) -> FraudWarning:
        """Return what the notification of fraud said."""
        facts = [each for each in self._journal.find({reference}) if each.reference == reference]
        if not facts:
            raise GatewayRejected("nothing was told about such a warning")
        return fold_fraud_warning(facts[0])

    def list_fraud_warnings(self, *, since: datetime) -> Iterator[FraudWarning]:
        """Read the daily reports since then, which tell of fraud beside the disputes."""
        for fact in reversed(self._read_reports(since, FRAUD_CODES)):
            yield self.retrieve_fraud_warning(fact.reference)

    def store_method(
        self, *, type: str, token: str, billing_details: Mapping[str, object], key: str
    ) -> StoredMethod:
        """Keep the card or account; the key stands for the shopper until there is a customer."""
        params = {
            "paymentMethod": _new_method(type, token, holder=str(billing_details.get("name", ""))),
            "shopperReference": key,
            "recurringProcessingModel": "UnscheduledCardOnFile",
        }
        answer = self._calls.store(params, key=key)
        return _read(lambda: read_stored(answer))

    def set_up_method(self, request: SetupRequest) -> SetupResult:
        """
        Pay nothing with the method: so the bank sees the payer, and takes later charges.

        Source: Adyen's page "Tokenization", zero-value authorisation
        """
        wish = PaymentRequest(
            attempt_id=request.reference,
            intent_id=request.reference.rpartition("_")[0],
            amount=0,
            currency=_VERIFICATION_CURRENCY,
            token=request.token,
            method_type=request.method_type,
            return_url=request.return_url,
        )
        return _as_setup(self.create_payment(wish))

    def finish_setup(self, reference: str, *, answer: Mapping[str, str]) -> SetupResult:
        """Hand on what the payer brought back, as for a payment."""
        return _as_setup(self.finish_payment(reference, answer=answer))

    def attach_method(self, token: str, *, customer_reference: str, key: str) -> StoredMethod:
        """
        Return the method; Adyen knows no attaching.

        Whose it is stands in our vault; the shopper's reference stays what it was stored under.
        """
        del customer_reference, key
        return self.retrieve_method(token)

    def retrieve_method(self, token: str) -> StoredMethod:
        """Look through what is kept for the shopper."""
        shopper, _ = split_token(token)
        kept = _read(lambda: read_stored_list(self._calls.list_stored(shopper)))
        for method in kept:
            if method.token == token:
                return method
        raise GatewayRejected("no such stored payment method", code="not_found")

    def detach_method(self, token: str, *, key: str) -> None:
        """Delete what is stored; a deletion needs no key."""
        del key
        shopper, stored = split_token(token)
        self._calls.delete_stored(stored, shopper=shopper)

    def create_customer(self, *, customer_id: str, email: str, name: str, key: str) -> str:
        """Return our own id: Adyen has no customers, only references of shoppers."""
        del email, name, key
        return customer_id

    def settlement_report(self, day: date, *, write: Callable[[bytes], object]) -> bool:
        """Fetch the reports of the batches that Adyen closed on the day."""
        return write_day(self._calls, self._journal, day, write=write)

    def parse_webhook(
        self, *, body: bytes, headers: Mapping[str, str], now: datetime
    ) -> list[GatewayEvent]:
        """
        Verify all items, keep what they say, return them as events.

        Adyen sends no time stamp, so an old notification can be sent again; as the journal keeps
        each fact once, that tells nothing new.
        """
        del headers, now
        items = read_notification(
            body,
            secrets=self._webhook_secrets,
            merchant_account=self._merchant_account,
            livemode=self._livemode,
        )
        self._journal.note([file_by_day(fact) for fact, _ in items])
        return [event for _, event in items]

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._calls.close()

    def _dispute_facts(self, reference: str) -> list[Fact]:
        facts = [each for each in self._journal.find({reference}) if each.reference == reference]
        if not any(each.code in DISPUTE_CODES for each in facts):
            raise GatewayRejected("nothing was told about such a dispute")
        return facts

    def _read_reports(self, since: datetime, codes: Collection[str]) -> list[Fact]:
        """Return what the daily reports tell by these codes, oldest first, and keep it."""
        facts: list[Fact] = []
        day, today = since.astimezone(UTC).date(), self._clock().astimezone(UTC).date()
        while day <= today:
            text = self._calls.dispute_report(day)
            facts += [fact for fact in _read(partial(read_report, text)) if fact.code in codes]
            day += timedelta(days=1)
        self._journal.note(facts)
        return facts

    def _payment(self, reference: str) -> PaymentResult:
        return fold_payment(self._payment_facts(reference))

    def _payment_facts(self, reference: str) -> list[Fact]:
        facts = collect_facts(self._journal, reference)
        if not facts:
            raise GatewayRejected("nothing was told about such a payment")
        return facts


_SETUP_STATES = {
    PaymentState.CAPTURED: SetupState.SUCCEEDED,
    PaymentState.AUTHORIZED: SetupState.SUCCEEDED,
    PaymentState.REQUIRES_ACTION: SetupState.REQUIRES_ACTION,
    PaymentState.PENDING: SetupState.PENDING,
    PaymentState.DECLINED: SetupState.FAILED,
    PaymentState.VOIDED: SetupState.FAILED,
}


def _as_setup(payment: PaymentResult) -> SetupResult:
    return SetupResult(
        state=_SETUP_STATES[payment.state],
        reference=payment.reference,
        decline=payment.decline,
        action_url=payment.action_url,
    )


def _payment_params(request: PaymentRequest) -> dict[str, Any]:
    params: dict[str, Any] = {
        "amount": _amount(request.amount, request.currency),
        "reference": request.attempt_id,
        # What the proof of "charged once" is read by.
        "merchantOrderReference": request.intent_id,
        "metadata": {"capture": capture_mode(request), "initiator": initiator(request)},
        "shopperInteraction": "ContAuth" if request.off_session else "Ecommerce",
        "channel": "Web",
        **_method_params(request),
    }
    if request.capture:
        params["captureDelayHours"] = 0
    else:
        # A hold that may grow has to be a pre-authorisation from the start.
        params["additionalData"] = {"manualCapture": "true", "authorisationType": "PreAuth"}
    if request.return_url:
        params["returnUrl"] = request.return_url
    if request.statement_descriptor:
        params["shopperStatement"] = request.statement_descriptor
    address = request.shipping and _delivery_address(request.shipping)
    if address:
        params["deliveryAddress"] = address
    if request.request_three_d_secure in {"any", "challenge"}:
        params["authenticationData"] = {"attemptAuthentication": "always"}
    return params


def _delivery_address(parcel: Parcel) -> dict[str, str] | None:
    """Return where the goods go; None when Adyen would refuse it for a part that is not told."""
    if not (parcel.line1 and parcel.city and parcel.postal_code and parcel.country):
        return None
    if parcel.country in _COUNTRIES_WITH_STATES and not parcel.state:
        return None
    address = {
        "street": parcel.line1,
        # Has to be there; merchants send the number with the street.
        "houseNumberOrName": parcel.line2 or "N/A",
        "city": parcel.city,
        "postalCode": parcel.postal_code,
        "country": parcel.country,
    }
    return {**address, "stateOrProvince": parcel.state} if parcel.state else address


def _method_params(request: PaymentRequest) -> dict[str, Any]:
    if request.network_card is not None:
        return _network_params(request, request.network_card)
    if "/" in request.token:
        shopper, stored = split_token(request.token)
        type_ = "scheme" if request.method_type == "card" else "sepadirectdebit"
        return {
            "paymentMethod": {"type": type_, "storedPaymentMethodId": stored},
            "shopperReference": shopper,
            "recurringProcessingModel": "UnscheduledCardOnFile",
        }
    return {
        "paymentMethod": _new_method(request.method_type, request.token),
        # What was encrypted for one use is kept, so that the payer need not type it again.
        "shopperReference": request.customer_reference or request.attempt_id,
        "storePaymentMethod": True,
        "recurringProcessingModel": "UnscheduledCardOnFile",
    }


def _network_params(request: PaymentRequest, card: NetworkCard) -> dict[str, Any]:
    return {
        "paymentMethod": {
            "type": "networkToken",
            "number": card.number,
            "expiryMonth": f"{card.exp_month:02d}",
            "expiryYear": str(card.exp_year),
        },
        "mpiData": {
            "tokenAuthenticationVerificationValue": card.cryptogram,
            "eci": card.eci,
        },
        "shopperReference": request.customer_reference or request.attempt_id,
        "recurringProcessingModel": "UnscheduledCardOnFile",
    }


def _new_method(type_: str, token: str, *, holder: str = "") -> dict[str, str]:
    if type_ == "card":
        return {"type": "scheme", "encryptedCard": token}
    if type_ == "sepa_debit":
        named = {"ownerName": holder} if holder else {}
        return {"type": "sepadirectdebit", "iban": token, **named}
    raise GatewayRejected(f"refused here: no methods of type {type_}", code="type_unknown")


def _amount(value: int, currency: str) -> dict[str, Any]:
    return {"value": value, "currency": currency.upper()}


def _read(read: Callable[[], _Read]) -> _Read:
    try:
        return read()
    except Unreadable as defect:
        raise GatewayUnknown(f"the answer makes no sense: {defect}") from defect


def _no_payout(reference: str) -> str:
    return f"refused here: this account pays nobody out, so not {reference}"
