"""docs/security.md names tests that exist, and for every control at least one."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROWS = [
    line
    for line in (ROOT / "docs" / "security.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| control")
]


def test_every_control_has_tests_and_they_exist() -> None:
    assert len(ROWS) >= 24
    for row in ROWS:
        control, _how, tests = (cell.strip() for cell in row.strip("|").split("|"))
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", tests)
        assert named, f"{control} has no test"
        assert tests.count("::") == len(named), control
        for path, name in named:
            text = (ROOT / path).read_text()
            assert f"def {name}(" in text, f"{path} has no {name}"
