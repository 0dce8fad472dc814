"""A gateway with a script; and whatever is erased, rows stay the fold of their events."""

from tests.history import rows_are_the_fold_of_their_events  # noqa: F401 - for every test
from tests.payments.conftest import gateway  # noqa: F401 - a fixture
