"""What only a real server shows: chunked bodies, doubled headers, clients that hang up."""

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Final
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from apps.api.models import IdempotencyKey, Merchant

pytestmark = [pytest.mark.django_db(transaction=True)]

START_SECONDS: Final = 60.0
ANSWER_SECONDS: Final = 30.0
BODY: Final = b'{"amount":1}'


@pytest.fixture
def port() -> Iterator[int]:
    """Run the web server on the test database."""
    # Below the range from which the kernel takes ports for outgoing connections.
    port = random.randrange(20_000, 32_000)  # noqa: S311 - no secret
    known = connection.settings_dict
    host, name = quote(str(known["HOST"]), safe=""), known["NAME"]
    login = f"{quote(str(known['USER']))}:{quote(str(known['PASSWORD']))}"
    if not host:
        host = quote(str(known["OPTIONS"].get("host", "")), safe="")
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgres://{login}@{host}:{known['PORT'] or 5432}/{name}",
        "DJANGO_SETTINGS_MODULE": "tests.api.server_settings",
        "PYTHONPATH": str(settings.BASE_DIR),
    }
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port)]
    server = subprocess.Popen(
        [*command, "config.wsgi:application"], env=environment, cwd=settings.BASE_DIR
    )
    try:
        _wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=START_SECONDS)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), 1)):
            return
        time.sleep(0.05)
    raise AssertionError("the server did not start")


def head(path: str, secret: str, *lines: str) -> bytes:
    first = [f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close"]
    common = [f"Authorization: Bearer {secret}", "Content-Type: application/json"]
    return "\r\n".join([*first, *common, *lines, "", ""]).encode("latin-1")


def send(port: int, request: bytes) -> bytes:
    """Return the whole answer; the server may hang up before it has read everything."""
    answer = b""
    with closing(socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS)) as client:
        with suppress(ConnectionError):
            client.sendall(request)
        with suppress(ConnectionError):
            while block := client.recv(65536):
                answer += block
    return answer


def test_bodies_and_headers_as_they_come_over_the_wire(port: int, secret_key: str) -> None:
    def ask(*lines: str, body: bytes = BODY) -> bytes:
        return send(port, head("/v1/notes", secret_key, *lines) + body)

    chunked = b"c\r\n" + BODY + b"\r\n0\r\n\r\n"
    flood = b"1e8480\r\n" + b"x" * 2_000_000 + b"\r\n0\r\n\r\n"
    length = f"Content-Length: {len(BODY)}"

    plain = ask("Idempotency-Key: a", length)
    in_chunks = ask("Idempotency-Key: b", "Transfer-Encoding: chunked", body=chunked)
    too_long = ask("Idempotency-Key: c", "Content-Length: 5000000")
    too_many = ask("Idempotency-Key: d", "Transfer-Encoding: chunked", body=flood)
    doubled = ask("Idempotency-Key: e", "Idempotency-Key: e", length)
    latin = ask("Idempotency-Key: \xe9", length)

    assert plain.startswith(b"HTTP/1.1 200 ")
    assert b"content-length: " in plain.lower()
    assert in_chunks.startswith(b"HTTP/1.1 200 ")
    assert too_long.startswith(b"HTTP/1.1 413 ")
    assert too_many.startswith(b"HTTP/1.1 413 ")
    assert doubled.startswith(b"HTTP/1.1 400 ")
    assert b"idempotency_key_invalid" in doubled
    assert latin.startswith(b"HTTP/1.1 400 ")
    assert sorted(IdempotencyKey.objects.values_list("key", flat=True)) == ["a", "b"]


def test_ac_012_a_client_that_hangs_up_finds_its_result_later(port: int, secret_key: str) -> None:
    request = head(
        "/v1/slow_notes", secret_key, "Idempotency-Key: k", f"Content-Length: {len(BODY)}"
    )
    with closing(socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS)) as client:
        client.sendall(request + BODY)
        # A server that has not begun when its client leaves does not begin at all.
        deadline = time.monotonic() + ANSWER_SECONDS
        while not IdempotencyKey.objects.exists() and time.monotonic() < deadline:
            time.sleep(0.01)

    answer = send(port, request + BODY)
    deadline = time.monotonic() + ANSWER_SECONDS
    while b"idempotency_key_in_use" in answer and time.monotonic() < deadline:
        time.sleep(0.1)
        answer = send(port, request + BODY)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"idempotent-replayed: true" in answer.lower()
    assert Merchant.objects.filter(name="1").count() == 1
