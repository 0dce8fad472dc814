"""What no tracked file may hold: it would leak, or tie the project to one machine."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Above this size a file belongs into a release, not into everybody's clone.
LARGEST_FILE_BYTES = 1024 * 1024

FORBIDDEN = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a live API key": r"\b[sr]k_live_[0-9A-Za-z]{16,}",
    "somebody's home folder": r"(?<![\w.])/(?:home|root|Users)/[a-z]\w*/",
    "a merge conflict": r"^(?:<{7}|>{7}) ",
    "a forgotten breakpoint": r"^\s*(?:breakpoint\(\)|import i?pdb)\b",
}


def tracked_files() -> Iterator[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    yield from (
        path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()
    )


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_tracked_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what], re.MULTILINE)

    found = [
        str(path.relative_to(ROOT))
        for path in tracked_files()
        if pattern.search(path.read_text(errors="replace"))
    ]

    assert found == []


def test_requirements_name_packages_and_hashes_but_no_place() -> None:
    """Where packages come from is the machine's business: an index, a mirror, a folder."""
    files = sorted((ROOT / "requirements").iterdir())

    assert files
    for path in files:
        assert not re.search(r"^\s*--(?!hash)|://", path.read_text(), re.MULTILINE), path.name
    for path in (f for f in files if f.suffix == ".txt"):
        pins = re.findall(r"^\S+==\S+.*$", path.read_text(), re.MULTILINE)
        assert pins
        assert all(pin.endswith("\\") for pin in pins), f"{path.name}: a pin without hashes"


def test_no_tracked_file_is_large() -> None:
    large = [
        str(p.relative_to(ROOT)) for p in tracked_files() if p.stat().st_size > LARGEST_FILE_BYTES
    ]

    assert large == []
