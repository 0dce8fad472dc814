"""Stripe's Node SDK: installed when Node.js is there, and run with a script of ours."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.live.running import LOOPBACK, RunningWeb

FOLDER = Path(__file__).parent / "node"
INSTALL_SECONDS = 120
RUN_SECONDS = 60


@pytest.fixture(scope="session")
def node() -> str:
    """Return the program, with the SDK in place. CI has it."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs Node.js for the SDK's tests")
        pytest.skip("no Node.js here")
    if not (FOLDER / "node_modules" / "stripe").exists():
        subprocess.run(
            [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"],
            cwd=FOLDER,
            check=True,
            timeout=INSTALL_SECONDS,
        )
    return program


def run_node(node: str, script: str, web: RunningWeb, *keys: str) -> Any:
    """Return what a script has printed as JSON about the running platform."""
    done = subprocess.run(
        [node, script, LOOPBACK, str(web.port), *keys],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
