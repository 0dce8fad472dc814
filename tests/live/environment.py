"""How a process of its own reaches the test's database and the simulated gateway."""

from typing import Any
from urllib.parse import quote

from django.conf import settings as django_settings

from apps.gateways import registry
from simulator.testing import RunningSimulator

WEBHOOK_SECRET = "whsec_test"


def database_url_of_test() -> str:
    """Return the address of the database which this test run uses."""
    database = django_settings.DATABASES["default"]
    host = quote(str(database["HOST"]), safe="")
    port = f":{database['PORT']}" if database["PORT"] else ""
    password = f":{database['PASSWORD']}" if database["PASSWORD"] else ""
    return f"postgres://{database['USER']}{password}@{host}{port}/{database['NAME']}"


def use_simulated_gateway(settings: Any, simulator: RunningSimulator) -> None:
    """Let this process talk to the simulator through the real adapter."""
    settings.GATEWAYS = {
        "stripe_main": {
            "kind": "stripe",
            "api_base": simulator.psp_url,
            "api_key": "sk_test_simulator",
            "webhook_secret": WEBHOOK_SECRET,
            "connect_timeout": 0.5,
            "read_timeout": 2.0,
            "total_timeout": 3.0,
        }
    }
    registry.reset_gateways()
