"""Runs of Schemathesis, and what its own report says that it did."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# The same requests in each run, so that a failure can be repeated.
SEED = 20_261_101
PATIENCE_SECONDS = 240
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "tells_nothing_of_the_inside",
)


@dataclass(frozen=True, slots=True)
class Report:
    """
    What a run did.

    `phases` maps each phase that ran to its status, `requests` to how many it sent; `accepted`
    counts the answers 2xx. `followed` counts, by their operations, the requests that were made
    from the answer to an earlier one and accepted; `links` is how many there were to follow.
    """

    text: str
    exit_code: int
    stop_reason: str
    phases: Mapping[str, str]
    requests: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    followed: Counter[tuple[str, str]] = field(default_factory=Counter)
    longest_chain: int = 0
    links: int = 0


def run_schemathesis(
    document: str, *options: str, secret_key: str, folder: Path, objects: Mapping[str, str]
) -> Report:
    """
    Run over the whole API of a document, an address or a file; the settings lie in `folder`.

    `objects` maps names of parameters to objects that exist (schemathesis_hooks.py).
    """
    events = folder / "events.ndjson"
    finished = subprocess.run(
        [
            sys.executable, "-W", "ignore", "-m", "schemathesis.cli", "run",
            document,
            "--header", f"Authorization: Bearer {secret_key}",
            "--mode", "all",
            "--checks", ",".join(CHECKS),
            # With two, threads parse source at once, which some releases of Python 3.11 cannot.
            "--workers", "1",
            "--seed", str(SEED),
            "--generation-database", "none",
            "--report-ndjson-path", str(events),
            "--no-color",
            *options,
        ],
        cwd=folder,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": str(ROOT / "tests" / "api" / "schemathesis_hooks.py"),
            "PYTHONPATH": str(ROOT),
            "OBJECTS": json.dumps(objects),
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )  # fmt: skip
    text = finished.stdout + finished.stderr
    return _read(events, text, finished.returncode)


def _read(events: Path, text: str, exit_code: int) -> Report:
    phases: dict[str, str] = {}
    requests: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    followed: Counter[tuple[str, str]] = Counter()
    longest, links, stop_reason = 0, 0, "none"
    for name, event in _events(events):
        if name == "PhaseStarted":
            links = (event.get("payload") or {}).get("transitions_selected", links)
        elif name == "PhaseFinished":
            phases[event["phase"]["name"]] = event["status"]
        elif name == "EngineFinished":
            stop_reason = event["stop_reason"]
        elif name == "ScenarioFinished":
            recorder = event["recorder"]
            cases, answers = recorder.get("cases", {}), recorder.get("interactions", {})
            requests[event["phase"]] += len(answers)
            fine = {case for case, answer in answers.items() if _is_accepted(answer)}
            accepted[event["phase"]] += len(fine)
            for case in fine:
                parent = cases[case].get("parent_id")
                if parent is not None and cases[case].get("is_transition_applied"):
                    followed[_label(cases[parent]), _label(cases[case])] += 1
            longest = max([longest, *(_depth(cases, case) for case in cases)])
    return Report(
        text, exit_code, stop_reason, phases, requests, accepted, followed, longest, links
    )


def _events(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open() as lines:
        for line in lines:
            yield from json.loads(line).items()


def _is_accepted(answer: dict[str, Any]) -> bool:
    response = answer.get("response") or {}
    return int(response.get("status_code", 0)) // 100 == 2


def _label(case: dict[str, Any]) -> str:
    value = case["value"]
    return f"{value['method']} {value['path']}"


def _depth(cases: dict[str, Any], case: str) -> int:
    depth = 1
    while (parent := cases[case].get("parent_id")) is not None:
        case, depth = parent, depth + 1
    return depth
