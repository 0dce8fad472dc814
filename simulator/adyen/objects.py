"""Shows payments in Adyen's form."""

from typing import Any

from simulator.adyen.records import Payment, ResultCode
from simulator.instruments import Card

_CVC_RESULTS = {"pass": "1 Matches", "fail": "2 Doesn't match"}
_AVS_RESULTS = {
    None: "3 AVS unavailable",
    "fail": "2 Neither postal code nor address match",
    "pass": "7 Both postal code and address match",
}


def show_payment(payment: Payment, *, merchant: str) -> dict[str, Any]:
    """Return the answer to a payment request."""
    shown: dict[str, Any] = {
        "resultCode": str(payment.result),
        "merchantReference": payment.reference,
        "amount": {"currency": payment.currency.upper(), "value": payment.amount},
    }
    if payment.result == ResultCode.REDIRECT_SHOPPER:
        # Adyen names no reference yet: the payment has not reached the bank.
        action = {
            "type": "redirect",
            "method": "GET",
            "paymentMethodType": "scheme",
            "url": payment.action_url,
        }
        return {**shown, "action": action}
    shown["pspReference"] = payment.psp_reference
    shown["additionalData"] = {**show_details(payment), "merchantAccount": merchant}
    if payment.refusal is not None:
        shown["refusalReason"] = payment.refusal.reason
        shown["refusalReasonCode"] = payment.refusal.code
    return shown


def show_details(payment: Payment) -> dict[str, str]:
    """Return `additionalData`, which stands in answers and notifications alike."""
    details = {f"metadata.{name}": value for name, value in payment.metadata.items()}
    if payment.order_reference:
        details["merchantOrderReference"] = payment.order_reference
    if payment.card is not None:
        details.update(_show_card(payment.card, is_authenticated=payment.is_authenticated))
    elif payment.bank is not None:
        details["iban"] = payment.bank.iban
        details["bankSummary"] = payment.bank.last4
    if payment.charge is not None and payment.charge.decline is not None:
        details["refusalReasonRaw"] = payment.charge.decline.network_code
    if payment.stored is not None:
        details["tokenization.shopperReference"] = payment.stored.shopper
        details["tokenization.storedPaymentMethodId"] = payment.stored.id
    return details


def _show_card(card: Card, *, is_authenticated: bool) -> dict[str, str]:
    return {
        "paymentMethod": {"mastercard": "mc"}.get(card.brand, card.brand),
        "cardSummary": card.last4,
        "expiryDate": f"{card.exp_month}/{card.exp_year}",
        "fundingSource": "CREDIT",
        "cardIssuingCountry": "US",
        "alias": card.fingerprint,
        "cvcResult": _CVC_RESULTS.get(card.cvc_check, "0 Unknown"),
        "avsResult": _AVS_RESULTS.get(card.address_check, "0 Unknown"),
        "threeDAuthenticated": "true" if is_authenticated else "false",
        "threeDOffered": "true" if is_authenticated else "false",
    }
