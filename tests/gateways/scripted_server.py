"""A server on a real socket that plays a script, one scene per connection or per request."""

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

Scene = Callable[[socket.socket], None]


class ScriptedServer:
    """
    Plays one scene per request; after the last scene it plays that one again.

    A scene gets the connection when the request has been read whole, and answers, or does not.
    """

    def __init__(self, *scenes: Scene) -> None:
        self._scenes = list(scenes)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.requests: list[bytes] = []
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _shut(self._listener)
        for connection in self._open:
            _shut(connection)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            while request := _read_request(connection):
                self.requests.append(request)
                scene = self._scenes.pop(0) if len(self._scenes) > 1 else self._scenes[0]
                scene(connection)
        except OSError:
            return  # the scene was a broken connection


def answer(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Scene:
    """Answer with JSON, or with bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return write(render(status, content, headers))


def render(status: int, content: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def write(content: bytes) -> Scene:
    """Write bytes and keep the connection."""
    return lambda connection: connection.sendall(content)


def write_and_close(content: bytes) -> Scene:
    """Write bytes, then close in good order."""

    def scene(connection: socket.socket) -> None:
        connection.sendall(content)
        _shut(connection)

    return scene


def reset(connection: socket.socket) -> None:
    """Close with RST: the peer's next read or write fails."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hang(connection: socket.socket) -> None:
    """Never answer: wait until the peer has gone."""
    connection.recv(1)


def drip(content: bytes, *, pause: float) -> Scene:
    """Write one byte after the other, slowly."""

    def scene(connection: socket.socket) -> None:
        for index in range(len(content)):
            connection.sendall(content[index : index + 1])
            time.sleep(pause)

    return scene


def _read_request(connection: socket.socket) -> bytes:
    """Return one whole request, empty when the peer closed."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            return b""
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    while len(body) < sum(lengths):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # closed already
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
