"""Documents that are made from the code are fresh."""

from tests.architecture.generated import (
    ACCEPTANCE,
    STATE_MACHINES,
    acceptance_table,
    state_machines,
)


def test_table_of_acceptance_cases_is_fresh() -> None:
    assert ACCEPTANCE.read_text() == acceptance_table(), "run `make docs` and commit"


def test_diagrams_of_state_machines_are_fresh() -> None:
    assert STATE_MACHINES.read_text() == state_machines(), "run `make docs` and commit"
