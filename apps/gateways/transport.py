"""
HTTP to one gateway: pooled connections, a deadline over all bytes, and a sure word on every fault.

What matters for money is one question: did the request leave us? Here it is answered where the
fault happens, not guessed later from a chain of exceptions: before a connection stands nothing was
sent, after it everything may have arrived.
"""

import io
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse
from typing import Any, cast
from urllib.parse import urlsplit

from apps.gateways.base import Timeouts
from apps.gateways.errors import GatewayNotSent, GatewayUnknown

# No answer of a gateway that we ask for is larger; more is a fault and must not fill the memory.
MAX_ANSWER_BYTES = 4 * 1024 * 1024

# A report of a million lines has 200 MB; nobody waits for it.
DOWNLOAD_SECONDS = 600.0
_PIECE_BYTES = 256 * 1024

# As many as a process has threads that pay at once; more connections are closed after their call.
MAX_IDLE_CONNECTIONS = 128

# Servers and firewalls drop what is idle for about a minute. Leaving first avoids the race in
# which they close while we send, which would make a good payment's outcome unknown.
MAX_IDLE_SECONDS = 25.0

# A broken status line is quoted in the fault's text; a log line needs no more of it.
_MAX_FAULT_TEXT = 200


# When the caller's own time is over; None while nobody waits.
_give_up_at: ContextVar[float | None] = ContextVar("give_up_at", default=None)


@contextmanager
def limit_time(left: timedelta | None) -> Iterator[None]:
    """Let the calls inside end within `left`, though the account would wait longer."""
    moment = None if left is None else time.monotonic() + left.total_seconds()
    token = _give_up_at.set(moment)
    try:
        yield
    finally:
        _give_up_at.reset(token)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer; header names are found in any case."""

    status: int
    headers: HTTPMessage
    body: bytes


class HttpTransport:
    """Calls to one host. Thread-safe; never repeats a call by itself, never follows a redirect."""

    def __init__(self, base_url: str, *, timeouts: Timeouts) -> None:
        url = urlsplit(base_url)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise ValueError(f"not an HTTP address: {base_url!r}")
        self._host = url.hostname
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        self._port = url.port or (443 if self._tls else 80)
        self._timeouts = timeouts
        self._idle: deque[tuple[_Connection, float]] = deque()

    def send(
        self, method: str, target: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> HttpAnswer:
        """
        Send one request and read the whole answer, whatever its status.

        `target` is path and query.

        :raises GatewayNotSent: no connection came about
        :raises GatewayUnknown: the request may have arrived, but no whole answer came back
        """
        deadline = time.monotonic() + self._timeouts.total
        give_up_at = _give_up_at.get()
        if give_up_at is not None:
            deadline = min(deadline, give_up_at)
        connection = self._take_idle() or self._connect()
        try:
            answer = connection.exchange(
                method, target, headers=headers, body=body, deadline=deadline
            )
        except (OSError, HTTPException, ValueError) as fault:
            connection.close()
            raise GatewayUnknown(f"no whole answer: {_describe(fault)}") from fault
        self._give_back(connection)
        return answer

    def download(
        self, target: str, *, headers: Mapping[str, str], write: Callable[[bytes], object]
    ) -> int:
        """
        Read a file of any size piece by piece and return the status; only that of 200 is written.

        It has more time than a payment has, and a connection of its own.

        :raises GatewayNotSent: no connection came about
        :raises GatewayUnknown: it broke off; what was written is of no use
        """
        connection = self._connect()
        try:
            deadline = time.monotonic() + DOWNLOAD_SECONDS
            return connection.download(target, headers=headers, write=write, deadline=deadline)
        except (OSError, HTTPException, ValueError) as fault:
            raise GatewayUnknown(f"no whole file: {_describe(fault)}") from fault
        finally:
            connection.close()

    def close(self) -> None:
        """Close all idle connections."""
        while self._idle:
            self._idle.popleft()[0].close()

    def _connect(self) -> "_Connection":
        connection = _Connection(self._host, self._port, tls=self._tls, timeouts=self._timeouts)
        try:
            connection.connect()
        except (OSError, UnicodeError) as fault:
            connection.close()
            raise GatewayNotSent(f"no connection: {_describe(fault)}") from fault
        return connection

    def _take_idle(self) -> "_Connection | None":
        """Return the connection used last that is still open; the others age until they go."""
        while True:
            try:
                connection, idle_since = self._idle.pop()
            except IndexError:
                return None
            is_fresh = time.monotonic() - idle_since < MAX_IDLE_SECONDS
            if is_fresh and connection.is_quiet():
                return connection
            connection.close()

    def _give_back(self, connection: "_Connection") -> None:
        if connection.sock is None or len(self._idle) >= MAX_IDLE_CONNECTIONS:
            connection.close()
            return
        self._idle.append((connection, time.monotonic()))


class _Connection(HTTPConnection):
    """One connection, plain or TLS; all the bytes of a call share its deadline."""

    def __init__(
        self, host: str, port: int, *, tls: ssl.SSLContext | None, timeouts: Timeouts
    ) -> None:
        super().__init__(host, port, timeout=timeouts.connect)
        self._tls = tls
        self._read_timeout = timeouts.read
        # The port of the scheme is left out of the Host header.
        self.default_port = 443 if tls else 80

    def connect(self) -> None:
        super().connect()
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)
        self._timed = _TimedSocket(self.sock, read_timeout=self._read_timeout)
        self.sock = cast("socket.socket", self._timed)

    def is_quiet(self) -> bool:
        """Return whether the peer has neither closed nor sent anything unasked."""
        poll = select.poll()
        poll.register(self.sock.fileno(), select.POLLIN)
        return not poll.poll(0)

    def exchange(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        deadline: float,
    ) -> HttpAnswer:
        self._timed.deadline = deadline
        self.request(method, target, body=body, headers=dict(headers))
        with self.getresponse() as answer:
            return _read(answer)

    def download(
        self,
        target: str,
        *,
        headers: Mapping[str, str],
        write: Callable[[bytes], object],
        deadline: float,
    ) -> int:
        self._timed.deadline = deadline
        self.request("GET", target, headers=dict(headers))
        with self.getresponse() as answer:
            _check_length(answer)
            if answer.status != HTTPStatus.OK:
                return answer.status
            while piece := answer.read(_PIECE_BYTES):
                write(piece)
            if answer.length:
                raise ValueError("the file was cut off")
            return answer.status


def _check_length(answer: HTTPResponse) -> None:
    if answer.length is None and not answer.chunked:
        raise ValueError("an answer of unknown length cannot be told from one that broke off")


def _read(answer: HTTPResponse) -> HttpAnswer:
    _check_length(answer)
    body = answer.read(MAX_ANSWER_BYTES + 1)
    if len(body) > MAX_ANSWER_BYTES:
        raise ValueError("the answer is too large")
    if answer.length:
        raise ValueError("the answer was cut off")
    return HttpAnswer(answer.status, answer.msg, body)


class _TimedSocket:
    """
    What `http.client` uses of a socket, looking at the clock before each step.

    A plain socket timeout starts anew with every byte, so a server that drips its answer could
    hold a payment for ever.
    """

    def __init__(self, connected: socket.socket, *, read_timeout: float) -> None:
        self._connected = connected
        self._read_timeout = read_timeout
        self.deadline = 0.0

    def set_time_left(self) -> None:
        """
        Give the next read or write what is left of the call's time.

        :raises TimeoutError: nothing is left
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for the call is over")
        self._connected.settimeout(min(left, self._read_timeout))

    def sendall(self, data: bytes) -> None:
        self.set_time_left()
        self._connected.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self, self._connected.makefile("rb", buffering=0)))

    def fileno(self) -> int:
        return self._connected.fileno()

    def close(self) -> None:
        self._connected.close()


class _TimedReader(io.RawIOBase):
    def __init__(self, timed: _TimedSocket, raw: socket.SocketIO) -> None:
        self._timed = timed
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._timed.set_time_left()
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _describe(fault: Exception) -> str:
    return f"{type(fault).__name__}: {fault}"[:_MAX_FAULT_TEXT]
