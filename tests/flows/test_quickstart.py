"""docs/quickstart.md does what it says: its commands run in order, and its answers come."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from apps.api.models import Merchant
from apps.payments.management.commands.seed_demo import MERCHANT_NAME
from simulator.testing import RunningSimulator
from tests.live.environment import platform_environment
from tests.live.running import ROOT, RunningWeb

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PAGE = ROOT / "docs" / "quickstart.md"
RUN_SECONDS = 120
# Parts the outputs of one block from those of the next.
MARK = "\x1e"


def blocks() -> list[tuple[str, str]]:
    """Return language and text of each fenced block."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def place(folder: Path, settings: dict[str, str], variables: dict[str, str]) -> None:
    """Make a folder look like a checkout in which `make run` runs."""
    for name in ("bin", "manage.py", ".venv"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".local").mkdir()
    (folder / ".local" / "demo.json").write_text(json.dumps(settings))
    lines = [f"{name}='{value}'" for name, value in variables.items()]
    (folder / ".local" / "demo.env").write_text("\n".join(lines))


def includes(got: Any, shown: Any) -> bool:
    """Whether the answer has all that the page shows of it; lists begin with what is shown."""
    if isinstance(shown, dict):
        return all(name in got and includes(got[name], value) for name, value in shown.items())
    if isinstance(shown, list):
        return len(got) >= len(shown) and all(map(includes, got, shown))
    return bool(got == shown)


def test_every_command_of_the_quickstart_does_what_the_page_says(
    web: RunningWeb,
    simulator: RunningSimulator,
    merchant: Merchant,
    secret_key: str,
    tmp_path: Path,
) -> None:
    merchant.name = MERCHANT_NAME
    merchant.save()
    written = {"base_url": web.url, "secret_key": secret_key}
    place(tmp_path, written, platform_environment(simulator))
    commands = [text for language, text in blocks() if language == "bash"]
    script = f"printf '{MARK}'\n".join(commands)

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    answers = [json.loads(output) for output in done.stdout.split(MARK)]
    shown = [json.loads(text) for language, text in blocks() if language == "json"]
    assert len(answers) == len(shown) == len(commands)
    for answer, expected in zip(answers, shown, strict=True):
        assert includes(answer, expected), (expected, answer)
    assert len(simulator.charges(reference=answers[1]["id"])) == 1


def test_the_page_has_no_other_commands() -> None:
    others = [text for language, text in blocks() if language not in {"bash", "json"}]

    # Starting everything has tests of its own (tests/demo), and a fresh clone in CI.
    assert others == ["make run\n"]
