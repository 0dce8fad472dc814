"""Stripe's own Node SDK, unmodified. Runs where Node.js is; CI has it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.live.running import LOOPBACK, RunningWeb

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

FOLDER = Path(__file__).parent / "node"
INSTALL_SECONDS = 120


@pytest.fixture(scope="module")
def node() -> str:
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


def test_node_sdk_pays_refunds_pages_and_reads_errors(
    node: str, web: RunningWeb, secret_key: str
) -> None:
    done = subprocess.run(
        [node, "pay.mjs", LOOPBACK, str(web.port), secret_key],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    assert seen == {
        "created": "requires_payment_method",
        "paid": "succeeded",
        "last4": "4242",
        "refund": "succeeded",
        "declined": {"type": "StripeCardError", "code": "card_declined", "status": 402},
        "customers": 6,
        "reused": "StripeIdempotencyError",
    }
