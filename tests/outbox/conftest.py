from collections.abc import Iterator

import pytest
from pytest_django import Settings

from apps.outbox.routes import forget_routes
from tests.outbox import routes


@pytest.fixture
def listening(settings: Settings) -> Iterator[None]:
    """Put the test's routes in place of MAP 2."""
    settings.EVENT_ROUTES = "tests.outbox.routes"
    forget_routes()
    yield
    forget_routes()
    routes.heard.clear()
    routes.queued.clear()
    routes.troubles.clear()
