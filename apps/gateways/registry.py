"""The gateways of this installation by name, built from the settings when first asked for."""

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from apps.gateways.base import Gateway, GatewayAccount, Timeouts
from apps.gateways.token_service import TokenService

# By path, so that the SDK of a gateway nobody uses is never loaded.
_ADAPTERS = {
    "stripe": "apps.gateways.stripe.adapter.StripeGateway",
    "adyen": "apps.gateways.adyen.build.build_adyen",
}

_gateways: dict[str, Gateway] = {}
_token_services: dict[str, TokenService] = {}
_lock = threading.Lock()


class UnknownGateway(LookupError):
    """
    The settings name no such account, though a row does.

    Not a GatewayError: that the account is gone says nothing about what it did.
    """


def gateway_names() -> list[str]:
    """Return the accounts in the order of preference."""
    return list(settings.GATEWAYS)


def get_gateway(name: str) -> Gateway:
    """
    Return the one gateway object of this process for the account.

    :raises UnknownGateway: the settings do not name it
    :raises ImproperlyConfigured: its settings are incomplete
    """
    gateway = _gateways.get(name)
    if gateway is None:
        with _lock:
            gateway = _gateways.get(name) or _build(name)
            _gateways[name] = gateway
    return gateway


def find_token_service() -> TokenService | None:
    """Return the card schemes' token service of this process, None when there is none."""
    account: Mapping[str, Any] = settings.TOKEN_SERVICE
    if not account["api_base"]:
        return None
    name: str = account["name"]
    if name not in _token_services:
        with _lock:
            _token_services.setdefault(name, TokenService(read_account(name, account)))
    return _token_services[name]


def get_webhook_source(name: str) -> Gateway | TokenService:
    """
    Return who calls us under this name: a gateway account, or the token service.

    :raises UnknownGateway: the settings do not name it
    """
    service = find_token_service()
    return service if service is not None and service.name == name else get_gateway(name)


def reset_gateways() -> None:
    """Close all gateways and the token service; the next use builds them anew."""
    while _gateways:
        _gateways.popitem()[1].close()
    while _token_services:
        _token_services.popitem()[1].close()


# Two processes that read from one connection would take each other's answers.
os.register_at_fork(after_in_child=_gateways.clear)
os.register_at_fork(after_in_child=_token_services.clear)


def _build(name: str) -> Gateway:
    try:
        account_settings: Mapping[str, Any] = settings.GATEWAYS[name]
    except KeyError:
        raise UnknownGateway(name) from None
    kind = account_settings["kind"]
    if kind not in _ADAPTERS:
        raise ImproperlyConfigured(f"GATEWAYS: {name} is of unknown kind {kind!r}")
    if not account_settings["api_key"]:
        raise ImproperlyConfigured(f"GATEWAYS_{name.upper()}_API_KEY is missing")
    adapter = cast("Callable[[GatewayAccount], Gateway]", import_string(_ADAPTERS[kind]))
    return adapter(read_account(name, account_settings))


def read_account(name: str, account: Mapping[str, Any]) -> GatewayAccount:
    """Return the account of one settings entry; blanks or commas part several secrets."""
    return GatewayAccount(
        name=name,
        api_key=account["api_key"],
        api_base=account["api_base"],
        merchant_account=account.get("merchant_account", ""),
        webhook_secrets=tuple(account["webhook_secret"].replace(",", " ").split()),
        timeouts=Timeouts(
            connect=account["connect_timeout"],
            read=account["read_timeout"],
            total=account["total_timeout"],
        ),
    )
