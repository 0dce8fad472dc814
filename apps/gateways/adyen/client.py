"""The door to Adyen's SDK: sends one request, sorts what comes back."""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import date
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote, urlsplit

from Adyen import AdyenClient
from Adyen.exceptions import AdyenError
from Adyen.services.checkout import AdyenCheckoutApi
from Adyen.services.disputes import AdyenDisputesApi

from apps.gateways.base import GatewayAccount
from apps.gateways.errors import (
    GatewayError,
    GatewayNotSent,
    GatewayRejected,
    GatewayUnknown,
)
from apps.gateways.transport import HttpTransport

# The shape of Adyen's answers that `facts` reads.
ADYEN_VERSION = "v72"
TEST_API_BASE = "https://checkout-test.adyen.com"
TEST_DISPUTES_BASE = "https://ca-test.adyen.com"
LIVE_DISPUTES_BASE = "https://ca-live.adyen.com"
DISPUTES_PATH = "/ca/services/DisputeService/v30"
REPORTS_PATH = "/reports/download/MerchantAccount/"

# The SDK's debug lines would quote whole requests, with tokens and names.
logging.getLogger("Adyen").setLevel(logging.WARNING)

# Adyen's code for a key in use, or used for another request: what that one did stays open.
_KEY_TAKEN = "704"
_MAX_KEY_CHARS = 64

Object = Mapping[str, Any]


class AdyenCalls:
    """One merchant account at Adyen. Every POST has a key, so that repeating changes nothing."""

    def __init__(self, account: GatewayAccount) -> None:
        api_base = account.api_base or TEST_API_BASE
        self._merchant = account.merchant_account
        self._transport = HttpTransport(api_base, timeouts=account.timeouts)
        client = AdyenClient(xapikey=account.api_key, platform="test")
        # The SDK would open a connection for each call, and knows one timeout for all of it.
        client.http_client = _SdkTransport(self._transport)
        client.http_init = True
        checkout = AdyenCheckoutApi(client)
        self._payments = checkout.payments_api
        self._modifications = checkout.modifications_api
        self._recurring = checkout.recurring_api
        disputes_base = _disputes_base(account.api_base)
        self._disputes_transport = HttpTransport(disputes_base, timeouts=account.timeouts)
        disputes_client = AdyenClient(xapikey=account.api_key, platform="test")
        disputes_client.http_client = _SdkTransport(self._disputes_transport)
        disputes_client.http_init = True
        self._disputes = AdyenDisputesApi(disputes_client).disputes_api
        self._disputes.baseUrl = f"{disputes_base}{DISPUTES_PATH}"
        self._api_key = account.api_key
        for api in (self._payments, self._modifications, self._recurring):
            api.baseUrl = f"{api_base}/{ADYEN_VERSION}"

    def pay(self, params: Object, *, key: str) -> Object:
        """
        Ask for a payment; a bank's no is an answer.

        :raises GatewayError: see `apps.gateways.errors`
        """
        return self._post(self._payments.payments, params, key=key)

    def finish(self, params: Object, *, key: str) -> Object:
        """
        Tell what the payer brought back from the bank's page; a bank's no is an answer.

        :raises GatewayError: see `apps.gateways.errors`
        """
        return self._post(self._payments.payments_details, params, key=key)

    def capture(self, reference: str, params: Object, *, key: str) -> Object:
        """
        Ask for a capture.

        :raises GatewayError: see `apps.gateways.errors`
        """
        call = self._modifications.capture_authorised_payment
        return self._post(call, params, quote(reference, safe=""), key=key)

    def raise_hold(self, reference: str, params: Object, *, key: str) -> Object:
        """
        Ask for a larger hold.

        :raises GatewayError: see `apps.gateways.errors`
        """
        call = self._modifications.update_authorised_amount
        return self._post(call, params, quote(reference, safe=""), key=key)

    def cancel(self, reference: str, params: Object, *, key: str) -> Object:
        """
        Ask for the release of a hold.

        :raises GatewayError: see `apps.gateways.errors`
        """
        call = self._modifications.cancel_authorised_payment_by_psp_reference
        return self._post(call, params, quote(reference, safe=""), key=key)

    def cancel_by_our_reference(self, params: Object, *, key: str) -> Object:
        """
        Ask for the end of a payment of which we know no reference of Adyen's.

        :raises GatewayError: see `apps.gateways.errors`
        """
        return self._post(self._modifications.cancel_authorised_payment, params, key=key)

    def refund(self, reference: str, params: Object, *, key: str) -> Object:
        """
        Ask for a refund.

        :raises GatewayError: see `apps.gateways.errors`
        """
        call = self._modifications.refund_captured_payment
        return self._post(call, params, quote(reference, safe=""), key=key)

    def store(self, params: Object, *, key: str) -> Object:
        """
        Keep a payment method for a shopper.

        :raises GatewayError: see `apps.gateways.errors`
        """
        return self._post(self._recurring.stored_payment_methods, params, key=key)

    def list_stored(self, shopper: str) -> Object:
        """
        Read what is kept for a shopper.

        :raises GatewayError: see `apps.gateways.errors`
        """
        query = {"shopperReference": quote(shopper, safe=""), "merchantAccount": self._account}
        return _call(
            lambda: self._recurring.get_tokens_for_stored_payment_details(query_parameters=query)
        )

    def delete_stored(self, stored: str, *, shopper: str) -> None:
        """
        Forget what is kept.

        :raises GatewayError: see `apps.gateways.errors`
        """
        query = {"shopperReference": quote(shopper, safe=""), "merchantAccount": self._account}
        _call(
            lambda: self._recurring.delete_token_for_stored_payment_details(
                quote(stored, safe=""), query_parameters=query
            )
        )

    def list_defences(self, dispute: str, *, key: str) -> Object:
        """
        Read in which ways a dispute can be defended.

        :raises GatewayError: see `apps.gateways.errors`
        """
        return self._post_dispute(
            self._disputes.retrieve_applicable_defense_reasons, dispute, {}, key=key
        )

    def supply_document(self, dispute: str, params: Object, *, key: str) -> Object:
        """
        Hand in a document of a defence.

        :raises GatewayError: see `apps.gateways.errors`
        """
        return self._post_dispute(self._disputes.supply_defense_document, dispute, params, key=key)

    def defend(self, dispute: str, params: Object, *, key: str) -> Object:
        """
        Send a defence to the bank.

        :raises GatewayError: see `apps.gateways.errors`
        """
        return self._post_dispute(self._disputes.defend_dispute, dispute, params, key=key)

    def accept_dispute(self, dispute: str, *, key: str) -> Object:
        """
        Give a dispute up.

        :raises GatewayError: see `apps.gateways.errors`
        """
        return self._post_dispute(self._disputes.accept_dispute, dispute, {}, key=key)

    def dispute_report(self, day: date) -> str:
        """
        Read the report of a day's dispute events in UTC, "" when there is none.

        :raises GatewayError: see `apps.gateways.errors`
        """
        name = f"dispute_report_{day:%Y_%m_%d}.csv"
        answer = self._disputes_transport.send(
            "GET",
            f"{REPORTS_PATH}{self._account}/{name}",
            headers={"X-API-Key": self._api_key},
            body=None,
        )
        if answer.status == HTTPStatus.NOT_FOUND:
            return ""
        if answer.status != HTTPStatus.OK:
            raise GatewayUnknown(f"adyen answered {answer.status} to a report")
        return answer.body.decode("utf-8", "replace")

    def download_report(self, name: str, *, write: Callable[[bytes], object]) -> None:
        """
        Write a report that Adyen announced, piece by piece.

        :raises GatewayError: see `apps.gateways.errors`
        """
        status = self._disputes_transport.download(
            f"{REPORTS_PATH}{self._account}/{quote(name, safe='')}",
            headers={"X-API-Key": self._api_key},
            write=write,
        )
        if status != HTTPStatus.OK:
            raise GatewayUnknown(f"adyen answered {status} to a report")

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._transport.close()
        self._disputes_transport.close()

    @property
    def _account(self) -> str:
        return quote(self._merchant, safe="")

    def _post_dispute(
        self, call: Callable[..., Any], dispute: str, params: Object, *, key: str
    ) -> Object:
        request = {
            "disputePspReference": dispute,
            "merchantAccountCode": self._merchant,
            **params,
        }
        answer = _call(lambda: call(request, idempotency_key=key))
        result = answer.get("disputeServiceResult")
        if not isinstance(result, Mapping) or result.get("success") is not True:
            raise GatewayRejected("adyen took no answer to the dispute", code="dispute_refused")
        return answer

    def _post(self, call: Callable[..., Any], params: Object, *path: str, key: str) -> Object:
        if not key or len(key) > _MAX_KEY_CHARS:
            raise GatewayRejected("refused here: a call that changes something needs a fitting key")
        request = {"merchantAccount": self._merchant, **params}
        return _call(lambda: call(request, *path, idempotency_key=key))


def _disputes_base(api_base: str) -> str:
    """Return where disputes are answered: a host of its own, but in development."""
    if not api_base:
        return TEST_DISPUTES_BASE
    is_live = (urlsplit(api_base).hostname or "").endswith(".adyenpayments.com")
    return LIVE_DISPUTES_BASE if is_live else api_base


def _call(call: Callable[[], Any]) -> Object:
    try:
        answer = call().message
    except AdyenError as error:
        raise sort_error(error) from error
    except (AttributeError, TypeError, ValueError) as error:
        # The SDK trips over bodies that are JSON, but no objects.
        raise GatewayUnknown("the answer is unreadable") from error
    if not isinstance(answer, Mapping):
        raise GatewayUnknown("the answer is no object")
    return cast("Object", answer)


def sort_error(error: AdyenError) -> GatewayError:
    """
    Return what an error of the SDK means for the money.

    An error that is not in Adyen's form leaves everything open: something between us and Adyen
    wrote it.
    """
    status = error.status_code if isinstance(error.status_code, int) else 0
    code = error.error_code if isinstance(error.error_code, str) else ""
    text = f"adyen answered {status} {code or 'no error code'} ({error.psp or 'no reference'})"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return GatewayNotSent(text)
    is_refusal = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    if is_refusal and code and code != _KEY_TAKEN:
        return GatewayRejected(text, code=code)
    return GatewayUnknown(text)


class _SdkTransport:
    """Lets the SDK send through our transport, whose errors pass the SDK untouched."""

    user_agent = "payments"

    def __init__(self, transport: HttpTransport) -> None:
        self._transport = transport

    def request(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        xapikey: str = "",
        headers: Mapping[str, str],
    ) -> tuple[bytes, Any, int, Mapping[str, str]]:
        """Send one request; the SDK wants body, request, status and headers."""
        parts = urlsplit(url)
        answer = self._transport.send(
            method,
            f"{parts.path}?{parts.query}" if parts.query else parts.path,
            headers={**headers, "X-API-Key": xapikey, "Content-Type": "application/json"},
            body=None if json is None else _dump(json),
        )
        # The SDK parses an empty body as an empty object only when it is not JSON.
        return answer.body, json, answer.status, cast("Mapping[str, str]", answer.headers)


def _dump(content: Any) -> bytes:
    return json.dumps(content).encode()
