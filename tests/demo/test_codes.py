"""One-time codes against the published vectors."""

import pytest

from demo.codes import one_time_code

# RFC 6238 appendix B: the secret is the ASCII text "12345678901234567890".
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.mark.parametrize(
    ("at", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_standard(at: int, code: str) -> None:
    assert one_time_code(SECRET, at=at) == code


def test_a_secret_without_padding_and_in_small_letters_is_the_same_secret() -> None:
    assert one_time_code("gezdgnbvgy3tqojqge", at=59) == one_time_code(
        "GEZDGNBVGY3TQOJQGE======", at=59
    )
