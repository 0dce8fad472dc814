from collections.abc import Iterator

import pytest
from pytest_django import Settings

from apps.gateways.registry import UnknownGateway
from apps.outbox.routes import forget_routes
from apps.webhooks import views
from apps.webhooks.inbound import forget_inbound_routes
from tests.webhooks import routes
from tests.webhooks.gateways import CallingGateway


@pytest.fixture
def listening(settings: Settings) -> Iterator[None]:
    """Put the test's routes in place of MAP 2."""
    settings.EVENT_ROUTES = "tests.webhooks.routes"
    forget_routes()
    forget_inbound_routes()
    yield
    forget_routes()
    forget_inbound_routes()
    routes.heard.clear()
    routes.troubles.clear()


@pytest.fixture
def calling_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the account `stripe_main` be one that only calls us."""

    def find(name: str) -> CallingGateway:
        if name != CallingGateway.name:
            raise UnknownGateway(name)
        return CallingGateway()

    monkeypatch.setattr(views, "get_webhook_source", find)


@pytest.fixture
def loopback_allowed(settings: Settings) -> None:
    """Let endpoints of test mode be on this machine."""
    settings.WEBHOOKS_ALLOW_LOOPBACK = True
