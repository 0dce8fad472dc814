from tests.live.conftest import simulator  # noqa: F401 - a fixture
