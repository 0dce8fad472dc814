"""What a fault means for the money, on real sockets."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.gateways import transport
from apps.gateways.base import Timeouts
from apps.gateways.errors import GatewayError, GatewayNotSent, GatewayUnknown
from apps.gateways.transport import MAX_ANSWER_BYTES, HttpAnswer, HttpTransport
from tests.gateways.scripted_server import (
    Scene,
    ScriptedServer,
    answer,
    drip,
    hang,
    render,
    reset,
    write,
    write_and_close,
)
from tests.untrusted_tls import untrusted_tls

QUICK = Timeouts(connect=0.3, read=0.3, total=0.6)


def post(url: str, timeouts: Timeouts = QUICK) -> HttpAnswer:
    http = HttpTransport(url, timeouts=timeouts)
    try:
        return send(http)
    finally:
        http.close()


def send(http: HttpTransport) -> HttpAnswer:
    return http.send("POST", "/v1/things?a=1", headers={"X-Name": "value"}, body=b"amount=1")


def refusal_of(url: str) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        post(url)
    return caught.value


def test_an_answer_comes_back_whole_with_headers_of_any_case() -> None:
    with ScriptedServer(answer(201, b"done", {"Request-Id": "req_1"})) as server:
        got = post(server.url)

        assert (got.status, got.body, got.headers["request-ID"]) == (201, b"done", "req_1")
        assert server.requests[0].startswith(b"POST /v1/things?a=1 HTTP/1.1\r\n")
        assert b"\r\nX-Name: value\r\n" in server.requests[0]
        assert server.requests[0].endswith(b"\r\n\r\namount=1")


def test_a_closed_port_was_not_sent_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert type(refusal_of(f"http://127.0.0.1:{port}")) is GatewayNotSent


def test_an_unknown_host_was_not_sent_to() -> None:
    assert type(refusal_of("http://gateway.invalid")) is GatewayNotSent


def test_a_host_that_never_accepts_was_not_sent_to() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(3):  # fills the queue of connections nobody accepts
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(listener.getsockname())

        began = time.monotonic()
        refusal = refusal_of(f"http://127.0.0.1:{listener.getsockname()[1]}")

        assert type(refusal) is GatewayNotSent
        assert 0.25 < time.monotonic() - began < 0.5
        for each in waiting:
            each.close()


def test_a_host_that_speaks_no_tls_was_not_sent_to() -> None:
    with ScriptedServer(answer(200, b"")) as server:
        refusal = refusal_of(server.url.replace("http:", "https:"))

        assert type(refusal) is GatewayNotSent
        assert server.requests == []


@pytest.fixture
def untrusted_tls_url(tmp_path: Path) -> Iterator[str]:
    context = untrusted_tls(tmp_path)
    listener = socket.create_server(("127.0.0.1", 0))

    def shake_hands() -> None:
        connection, _ = listener.accept()
        with connection, pytest.raises(OSError):  # noqa: PT011 - the client turns away, somehow
            context.wrap_socket(connection, server_side=True).recv(1)

    thread = threading.Thread(target=shake_hands)
    thread.start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    thread.join(timeout=5)
    listener.close()


def test_a_certificate_we_do_not_trust_was_not_sent_to(untrusted_tls_url: str) -> None:
    refusal = refusal_of(untrusted_tls_url)

    assert type(refusal) is GatewayNotSent
    assert "CERTIFICATE_VERIFY_FAILED" in str(refusal)


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param(hang, id="never answers"),
        pytest.param(reset, id="resets the connection"),
        pytest.param(write_and_close(b""), id="closes without an answer"),
        pytest.param(write(b"220 smtp.example ready\r\n\r\n"), id="speaks another protocol"),
        pytest.param(write_and_close(b"HTTP/1.1 200 OK\r\nContent-"), id="breaks off in a header"),
        pytest.param(write_and_close(render(200, b"x" * 100)[:-50]), id="breaks off in the body"),
        pytest.param(
            write_and_close(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nxx"),
            id="breaks off in a chunk",
        ),
        pytest.param(write(render(200, b"x" * 100)[:-50]), id="hangs in the body"),
        pytest.param(
            write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 5_000_000),
            id="sends too much",
        ),
    ],
)
def test_after_the_connection_stands_the_outcome_is_unknown(scene: Scene) -> None:
    with ScriptedServer(scene) as server:
        assert type(refusal_of(server.url)) is GatewayUnknown
        assert len(server.requests) == 1


@pytest.mark.parametrize("content", [render(200, b"ok"), render(200, b"o" * 40)])
def test_a_dripping_answer_ends_at_the_deadline_of_the_whole_call(content: bytes) -> None:
    with ScriptedServer(drip(content, pause=0.05)) as server:
        began = time.monotonic()

        assert type(refusal_of(server.url)) is GatewayUnknown
        assert 0.5 < time.monotonic() - began < 0.9


def test_error_answers_are_answers() -> None:
    with ScriptedServer(answer(503, b"later")) as server:
        assert post(server.url).status == 503


def test_redirects_are_not_followed() -> None:
    with ScriptedServer(answer(307, b"", {"Location": "http://127.0.0.1:1/"})) as server:
        assert post(server.url).status == 307


def test_calls_share_a_connection() -> None:
    with ScriptedServer(answer(200, b"ok")) as server:
        http = HttpTransport(server.url, timeouts=QUICK)
        for _ in range(3):
            send(http)

        assert (len(server.requests), server.connections) == (3, 1)
        http.close()


def test_a_connection_that_the_gateway_closed_meanwhile_is_replaced() -> None:
    with ScriptedServer(write_and_close(render(200, b"ok"))) as server:
        http = HttpTransport(server.url, timeouts=QUICK)
        send(http)
        time.sleep(0.05)

        assert send(http).body == b"ok"
        assert server.connections == 2
        http.close()


def test_a_connection_idle_for_too_long_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_IDLE_SECONDS", 0.0)
    with ScriptedServer(answer(200, b"ok")) as server:
        http = HttpTransport(server.url, timeouts=QUICK)
        send(http)
        send(http)

        assert server.connections == 2
        http.close()


def test_a_broken_connection_is_not_used_again() -> None:
    with ScriptedServer(hang, answer(200, b"ok")) as server:
        http = HttpTransport(server.url, timeouts=QUICK)
        with pytest.raises(GatewayUnknown):
            send(http)

        assert send(http).body == b"ok"
        assert server.connections == 2
        http.close()


def test_no_more_connections_are_kept_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_IDLE_CONNECTIONS", 2)
    with ScriptedServer(answer(200, b"ok")) as server:
        http = HttpTransport(server.url, timeouts=Timeouts())
        before = _open_files()
        gate = threading.Barrier(5)

        def call() -> None:
            gate.wait()
            send(http)

        threads = [threading.Thread(target=call) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(server.requests) == 5
        assert _open_files() - before <= 2 + server.connections  # both ends are in this process
        http.close()


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("address", ["", "gateway.example", "ftp://gateway.example", "https://"])
def test_an_address_that_is_not_http_is_refused_at_once(address: str) -> None:
    with pytest.raises(ValueError, match="not an HTTP address"):
        HttpTransport(address, timeouts=QUICK)


def download(url: str, pieces: list[bytes]) -> int:
    return HttpTransport(url, timeouts=QUICK).download("/file", headers={}, write=pieces.append)


def test_a_file_larger_than_any_answer_is_downloaded_in_pieces() -> None:
    content = b"x" * (MAX_ANSWER_BYTES + 1)
    pieces: list[bytes] = []
    with ScriptedServer(write_and_close(render(200, content))) as server:
        assert download(server.url, pieces) == 200

    assert b"".join(pieces) == content
    assert len(pieces) > 10


def test_what_is_no_file_is_not_written() -> None:
    pieces: list[bytes] = []
    with ScriptedServer(answer(404, b"none")) as server:
        assert download(server.url, pieces) == 404

    assert pieces == []


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param(write_and_close(render(200, b"x" * 100)[:-50]), id="breaks off"),
        pytest.param(write(render(200, b"x" * 100)[:-50]), id="hangs"),
    ],
)
def test_a_file_that_is_cut_off_is_no_file(scene: Scene) -> None:
    with ScriptedServer(scene) as server, pytest.raises(GatewayUnknown):
        download(server.url, [])
