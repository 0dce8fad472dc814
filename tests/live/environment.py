"""How a process of its own reaches the test's database and the simulated gateway."""

from typing import Any
from urllib.parse import quote

from django.db import connection

from apps.gateways import registry
from simulator.testing import RunningSimulator

API_KEY = "sk_test_simulator"
WEBHOOK_SECRET = "whsec_test"
ADYEN_SECRET = "0123456789abcdef" * 4


def database_url_of_test() -> str:
    """Return the address of the database which this test run uses."""
    database = connection.settings_dict
    host = quote(str(database["HOST"]), safe="")
    port = f":{database['PORT']}" if database["PORT"] else ""
    password = f":{database['PASSWORD']}" if database["PASSWORD"] else ""
    return f"postgres://{database['USER']}{password}@{host}{port}/{database['NAME']}"


def platform_environment(simulator: RunningSimulator, **more: str) -> dict[str, str]:
    """Return the variables of a process that runs the platform on the test's database."""
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": database_url_of_test(),
        "GATEWAYS": "stripe_main",
        "GATEWAYS_STRIPE_MAIN_API_BASE": simulator.psp_url,
        "GATEWAYS_STRIPE_MAIN_API_KEY": API_KEY,
        "GATEWAYS_STRIPE_MAIN_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "RATE_LIMIT_ENABLED": "false",
        **more,
    }


def use_both_gateways(settings: Any, simulator: RunningSimulator, *, first: str) -> None:
    """
    Let this process charge at both played gateways, `first` before the other.

    The first has the port that closes while it refuses; the other one stays reachable.
    """
    second = "adyen" if first == "stripe" else "stripe"
    bases = {first: simulator.psp_url, second: simulator.url}
    settings.GATEWAYS = {f"{kind}_main": account_of(kind, base) for kind, base in bases.items()}
    settings.TOKENISER_GATEWAYS = list(settings.GATEWAYS)
    registry.reset_gateways()


def account_of(kind: str, api_base: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "api_base": api_base,
        "api_key": {"stripe": API_KEY, "adyen": "adyen_test_simulator"}[kind],
        "merchant_account": "DevelopmentMerchant",
        "webhook_secret": {"stripe": WEBHOOK_SECRET, "adyen": ADYEN_SECRET}[kind],
        "connect_timeout": 0.3,
        "read_timeout": 0.5,
        "total_timeout": 0.7,
    }


def use_simulated_gateway(settings: Any, simulator: RunningSimulator) -> None:
    """Let this process talk to the simulator through the real adapter."""
    settings.GATEWAYS = {
        "stripe_main": {
            "kind": "stripe",
            "api_base": simulator.psp_url,
            "api_key": API_KEY,
            "webhook_secret": WEBHOOK_SECRET,
            "connect_timeout": 0.5,
            "read_timeout": 2.0,
            "total_timeout": 3.0,
        }
    }
    registry.reset_gateways()
