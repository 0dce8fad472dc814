"""The official SDKs of Stripe against the platform as a server of its own."""

from tests.live.conftest import simulator, web  # noqa: F401 - fixtures
from tests.sdk.node_sdk import node  # noqa: F401 - a fixture
