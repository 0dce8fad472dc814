"""Redis may take its time in tests of counts; a loaded machine misses the 20 ms now and then."""

from collections.abc import Iterator
from typing import Final

import pytest

from apps.fraud import velocity
from apps.fraud.services import assessments

_PATIENCE_SECONDS: Final = 5.0


@pytest.fixture(autouse=True, scope="package")
def patient_redis() -> Iterator[None]:
    """Count in Redis, however long it takes; a test that wants it away says so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(velocity, "TIMEOUT_SECONDS", _PATIENCE_SECONDS)
        # An assessment that takes too long goes on without its score.
        patch.setattr(assessments, "BUDGET_SECONDS", _PATIENCE_SECONDS)
        _forget_clients()
        yield
    _forget_clients()


def _forget_clients() -> None:
    velocity.redis_client.cache_clear()
    velocity._script.cache_clear()
