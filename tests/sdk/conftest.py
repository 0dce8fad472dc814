"""The official SDKs of Stripe against the platform as a server of its own."""

from collections.abc import Iterator

import pytest
import stripe

from apps.api.models import Merchant
from simulator.testing import RunningSimulator
from tests.live.conftest import simulator, web  # noqa: F401 - fixtures
from tests.live.environment import platform_environment
from tests.live.running import RunningWeb
from tests.sdk.node_sdk import node  # noqa: F401 - a fixture

WRITES_PER_SECOND = 5


def client_of(server: RunningWeb, key: str) -> stripe.StripeClient:
    """Return the SDK's client for this key, which tries nothing twice."""
    stripe.enable_telemetry = False
    return stripe.StripeClient(
        key,
        base_addresses={"api": server.url, "files": server.url},
        http_client=stripe.RequestsClient(timeout=20),
        max_network_retries=0,
    )


@pytest.fixture
def client(web: RunningWeb, secret_key: str) -> stripe.StripeClient:  # noqa: F811 - the fixture
    return client_of(web, secret_key)


@pytest.fixture
def strict_web(merchant: Merchant, simulator: RunningSimulator) -> Iterator[RunningWeb]:  # noqa: F811 - the fixture
    """A platform that lets a key write only a few times a second."""
    limits = {
        "RATE_LIMIT_ENABLED": "true",
        "RATE_LIMIT_WRITES_PER_SECOND": str(WRITES_PER_SECOND),
    }
    with RunningWeb({**platform_environment(simulator), **limits}) as running:
        yield running
