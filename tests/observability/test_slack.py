"""The real Alertmanager tells Slack: once, with how bad it is, what it is about, and a link."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

CONFIG = Path(__file__).resolve().parents[2] / "deploy" / "observability" / "alertmanager"
PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
# Longer than it takes to start; a message that is due comes within one.
PATIENCE_SECONDS = 60

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no Alertmanager here"),
]


class Slack(HTTPServer):
    """Keeps what is posted to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.messages: list[dict[str, Any]] = []


class _Post(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Slack)
        self.server.messages.append(json.loads(body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def slack() -> Iterator[Slack]:
    server = Slack()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def alertmanager(slack: Slack, tmp_path: Path) -> Iterator[str]:
    """Run the committed configuration; only the waits are shorter and Slack is ours."""
    url = tmp_path / "slack_url"
    url.write_text(f"http://127.0.0.1:{slack.server_port}/hook")
    text = (CONFIG / "alertmanager.yml").read_text()
    text = text.replace("/etc/alertmanager/slack_url", str(url))
    for wait in ("10s", "30s"):
        text = text.replace(f"group_wait: {wait}", "group_wait: 0s")
    (tmp_path / "alertmanager.yml").write_text(text)
    shutil.copy(CONFIG / "slack.tmpl", tmp_path)
    port = _free_port()
    assert PROGRAM is not None
    process = subprocess.Popen(
        [
            PROGRAM,
            f"--config.file={tmp_path}/alertmanager.yml",
            f"--storage.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ],
        stderr=subprocess.DEVNULL,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        _wait_until(lambda: _answers(f"{base}/-/ready"))
        yield base
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1).is_success
    except httpx.TransportError:
        return False


def _wait_until(is_so: Any) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def _fire(base: str, name: str, *, summary: str, **labels: str) -> None:
    alert = {"labels": {"alertname": name, **labels}, "annotations": {"summary": summary}}
    httpx.post(f"{base}/api/v2/alerts", json=[alert]).raise_for_status()


def test_a_page_comes_once_with_severity_text_and_link(alertmanager: str, slack: Slack) -> None:
    for _ in range(3):
        _fire(
            alertmanager,
            "LedgerOutOfBalance",
            severity="page",
            board="ledger",
            currency="EUR",
            summary="Debits and credits of EUR differ by 1 minor units",
        )
    _wait_until(lambda: slack.messages)
    _fire(alertmanager, "DeadLetters", severity="ticket", board="pipeline", summary="2 messages")
    _wait_until(lambda: len(slack.messages) > 1)

    page, ticket = slack.messages
    assert page["channel"] == "#payments-pages"
    assert page["attachments"][0]["title"] == "[page] LedgerOutOfBalance"
    assert page["attachments"][0]["title_link"].endswith("/d/payments-ledger")
    assert page["attachments"][0]["color"] == "danger"
    assert page["attachments"][0]["text"] == (
        "Debits and credits of EUR differ by 1 minor units\n"
        'What to do: docs/observability.md, "LedgerOutOfBalance"'
    )
    assert ticket["channel"] == "#payments-alerts"
    assert ticket["attachments"][0]["color"] == "warning"


def test_what_follows_from_something_worse_is_not_told(alertmanager: str, slack: Slack) -> None:
    _fire(
        alertmanager,
        "ProcessorErrors",
        severity="page",
        board="processors",
        processor="stripe_main",
        summary="50% fail",
    )
    _wait_until(lambda: slack.messages)
    _fire(
        alertmanager,
        "CircuitOpen",
        severity="ticket",
        board="processors",
        processor="stripe_main",
        op="create",
        summary="it rests",
    )
    _fire(alertmanager, "DeadLetters", severity="ticket", board="pipeline", summary="2 messages")
    _wait_until(lambda: len(slack.messages) > 1)

    titles = [message["attachments"][0]["title"] for message in slack.messages]
    assert titles == ["[page] ProcessorErrors", "[ticket] DeadLetters"]
