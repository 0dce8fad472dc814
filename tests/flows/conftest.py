from tests.live.conftest import simulator, web  # noqa: F401 - fixtures
