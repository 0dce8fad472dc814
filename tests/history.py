"""A test's last act where rows have a history: fold it again, and compare."""

from collections.abc import Iterator

import pytest

from apps.outbox.history import find_differences


@pytest.fixture(autouse=True)
def rows_are_the_fold_of_their_events(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hold each test of the folder whose conftest imports this to its histories."""
    uses_database = request.node.get_closest_marker("django_db") is not None
    if uses_database:
        # Set up before this fixture, so that its transaction is still open afterwards.
        request.getfixturevalue("_django_db_helper")
    yield
    if uses_database:
        assert list(find_differences()) == []
