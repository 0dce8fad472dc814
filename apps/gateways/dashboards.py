"""Where people look at a payment at the gateway itself: an address without secrets."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

from django.conf import settings

from apps.common.ids import is_id


def find_payment_page(gateway: str, *, reference: str) -> str:
    """
    Return the address of a payment in the gateway's own dashboard, "" where none is known.

    An account that calls another machine than the gateway's, such as a simulator, has no dashboard,
    and neither has one that was taken out of the settings.
    """
    account: Mapping[str, Any] = settings.GATEWAYS.get(gateway, {})
    make = _PAGES.get(account.get("kind", ""))
    # Until a gateway has told its reference, ours stands in for it.
    is_known = bool(reference) and not is_id(reference)
    return make(account, quote(reference, safe="")) if make and is_known else ""


def _of_stripe(account: Mapping[str, Any], reference: str) -> str:
    if account.get("api_base") and _host(account) != "api.stripe.com":
        return ""
    # The key itself stays here; only whether it moves real money decides about the page.
    mode = "" if "_live_" in account.get("api_key", "") else "test/"
    return f"https://dashboard.stripe.com/{mode}payments/{reference}"


def _of_adyen(account: Mapping[str, Any], reference: str) -> str:
    if account.get("api_base") and not _host(account).endswith(
        (".adyen.com", ".adyenpayments.com")
    ):
        return ""
    mode = "live" if "-live" in _host(account) else "test"
    page = f"https://ca-{mode}.adyen.com/ca/ca/accounts/showTx.shtml"
    return f"{page}?pspReference={reference}&txType=Payment"


def _host(account: Mapping[str, Any]) -> str:
    return urlsplit(account.get("api_base", "")).hostname or ""


_PAGES: Final[Mapping[str, Callable[[Mapping[str, Any], str], str]]] = {
    "stripe": _of_stripe,
    "adyen": _of_adyen,
}
