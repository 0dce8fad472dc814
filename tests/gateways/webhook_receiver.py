"""A receiver of webhooks, as the platform would be one."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# What Adyen wants to read; others do not care.
_ACKNOWLEDGEMENT = b"[accepted]"

# How long a webhook may take to come.
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook as it came: raw bytes, lower-case header names."""

    body: bytes
    headers: Mapping[str, str] = field(repr=False)


class WebhookReceiver:
    """Takes every webhook with 200 and keeps it."""

    def __init__(self, server: ThreadingHTTPServer, deliveries: list[Delivery]) -> None:
        self._server = server
        self.deliveries = deliveries

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/webhooks"

    def wait_for(self, count: int) -> list[Delivery]:
        """Return the deliveries once there are so many."""
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while len(self.deliveries) < count and time.monotonic() < give_up_at:
            time.sleep(0.02)
        return list(self.deliveries)


@contextlib.contextmanager
def receive_webhooks(
    on_delivery: Callable[[Delivery], None] | None = None,
) -> Iterator[WebhookReceiver]:
    """Listen; `on_delivery` sees each webhook before it is answered."""
    deliveries: list[Delivery] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            delivery = Delivery(body, headers)
            if on_delivery is not None:
                on_delivery(delivery)
            deliveries.append(delivery)
            self.send_response(200)
            self.send_header("Content-Length", str(len(_ACKNOWLEDGEMENT)))
            self.end_headers()
            self.wfile.write(_ACKNOWLEDGEMENT)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield WebhookReceiver(server, deliveries)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
