"""A merchant's server: answers as told and remembers what it got."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, str], bytes]


@dataclass
class Receiver:
    """`reply` decides the answer from the body; the default is an empty 200."""

    port: int = 0
    reply: Callable[[bytes], Reply] = field(default=lambda _: (200, {}, b""))
    hang_seconds: float = 0.0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def messages(self) -> list[Any]:
        return [json.loads(body) for _, body in self.got]


def echo_challenge(body: bytes) -> Reply:
    challenge = json.loads(body)["data"]["object"].get("challenge")
    return 200, {}, json.dumps({"challenge": challenge}).encode()


def always(status: int, body: bytes = b"", **headers: str) -> Callable[[bytes], Reply]:
    return lambda _: (status, headers, body)


@contextmanager
def receiver(**options: Any) -> Iterator[Receiver]:
    """Serve on a free port of this machine while the block runs."""
    owner = Receiver(**options)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            owner.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            if owner.hang_seconds:
                time.sleep(owner.hang_seconds)
            status, headers, answer = owner.reply(body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def handle(self) -> None:
            # A client that hangs up early is part of the tests.
            try:
                super().handle()
            except OSError:
                return

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 512
        block_on_close = False

        def handle_error(self, *_: Any) -> None:
            """Say nothing."""

    server = Server(("127.0.0.1", 0), Handler)
    owner.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield owner
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
