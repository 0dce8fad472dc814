"""Documents that others name exist, and decisions are written in one form."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_document_that_a_file_names_exists() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "*.py", "*.md", "*.toml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    named = {
        (name, document)
        for name in filter(None, listed.stdout.split("\0"))
        for document in re.findall(r"\bdocs/[\w/-]+\.(?:md|yaml)\b", (ROOT / name).read_text())
    }

    assert [pair for pair in sorted(named) if not (ROOT / pair[1]).exists()] == []


def test_every_decision_has_a_number_of_its_own_and_the_four_headings() -> None:
    decisions = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = [path.name[:4] for path in decisions]

    assert len(numbers) == len(set(numbers))
    for path in decisions:
        headings = re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Alternatives"], path.name
