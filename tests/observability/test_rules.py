"""Alert rules are valid, fire when they should, and each says where to read on."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.observability.boards import BOARDS, FOLDER, render

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "observability" / "prometheus"
RUNBOOK = ROOT / "docs" / "observability.md"

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        ["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_prometheus_takes_the_configuration_and_the_rules() -> None:
    promtool("check", "config", "--syntax-only", "prometheus.yml")
    promtool("check", "rules", "rules.yml", "alerts.yml")


@needs_promtool
def test_each_alert_fires_on_its_figures_and_not_before() -> None:
    promtool("test", "rules", "alerts_test.yml")


@pytest.mark.parametrize("is_firing", [True, False], ids=["firing", "silent"])
def test_each_alert_has_figures_in_the_test_with_which_it(is_firing: bool) -> None:
    tests = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())["tests"]
    tried = {
        case["alertname"]
        for test in tests
        for case in test["alert_rule_test"]
        if bool(case["exp_alerts"]) == is_firing
    }

    assert tried == {alert["alert"] for alert in alerts()}


def test_each_alert_says_how_bad_it_is_where_to_look_and_what_to_do() -> None:
    sections = set(re.findall(r"^### (\w+)$", RUNBOOK.read_text(), re.MULTILINE))
    boards = {board.name for board in BOARDS}

    for alert in alerts():
        assert alert["labels"]["severity"] in {"page", "ticket"}, alert["alert"]
        assert alert["labels"]["board"] in boards, alert["alert"]
    assert sections == {alert["alert"] for alert in alerts()}


def test_boards_are_fresh() -> None:
    written = {path.stem: path.read_text() for path in FOLDER.glob("*.json")}

    assert written == {board.name: render(board) for board in BOARDS}, "run `make docs` and commit"
