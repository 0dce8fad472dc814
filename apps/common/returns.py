"""
The way back of a payer from the bank's page.

It leads over an address of ours, whatever the merchant's is: some gateways go on only once we hand
them what the payer's browser brings along. The address is signed, because it leads on to one with
the client secret.
"""

from collections.abc import Mapping
from urllib.parse import urlencode

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render


def return_address(kind: str, object_id: str) -> str:
    """Return where the payer of this object comes back to; `kind` is a part of the path."""
    return f"{settings.PUBLIC_BASE_URL}/return/{kind}/{_signer(kind).sign(object_id)}"


def read_return_token(kind: str, token: str) -> str | None:
    """Return the object that a return address names, None when we did not make it."""
    try:
        return _signer(kind).unsign(token)
    except BadSignature:
        return None


def send_on(request: HttpRequest, return_url: str, told: Mapping[str, str]) -> HttpResponse:
    """Send the payer on to the merchant with what Stripe would tell, or say that it is over."""
    if return_url:
        glue = "&" if "?" in return_url else "?"
        response: HttpResponse = HttpResponseRedirect(f"{return_url}{glue}{urlencode(told)}")
    else:
        response = render(request, "returned.html")
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _signer(kind: str) -> Signer:
    return Signer(salt=f"return.{kind}")
