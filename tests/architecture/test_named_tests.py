"""Documents that name the tests of what they promise name tests that exist, and never none."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("document", "least"), [("security.md", 24), ("faults.md", 22)])
def test_every_row_has_tests_and_they_exist(document: str, least: int) -> None:
    lines = (ROOT / "docs" / document).read_text().splitlines()
    table = [line for line in lines if line.startswith("| ")][1:]

    assert len(table) >= least
    for row in table:
        promise, _how, tests = (cell.strip() for cell in row.strip("|").split("|"))
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", tests)
        assert named, f"{promise} has no test"
        assert tests.count("::") == len(named), promise
        for path, name in named:
            text = (ROOT / path).read_text()
            assert f"def {name}(" in text, f"{path} has no {name}"
