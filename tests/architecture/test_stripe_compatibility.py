"""The table of what Stripe's SDK does here is fresh."""

from tests.sdk.compatibility import DOCUMENT, compatibility_table


def test_table_of_the_sdk_is_fresh() -> None:
    assert DOCUMENT.read_text() == compatibility_table(), "run `make docs` and commit"
