"""
One signed POST to an address of a merchant's choice, with a wall around our own networks.

The wall stands where the socket is made: whatever a name resolves to at that moment is judged,
and exactly that address is connected to. TLS still checks the certificate against the name.
"""

import asyncio
import logging
import socket
import ssl
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from apps.webhooks.destinations import DEFAULT_PORTS, is_loopback, is_public
from apps.webhooks.exchange import ConnectionEnded, Exchange, Reply

logger = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 3.0
TOTAL_SECONDS: Final = 10.0
# A connection that nobody used for so long may be half dead; a new one costs little by then.
KEEP_SECONDS: Final = 15.0
USER_AGENT: Final = "Payments-Webhooks/1.0"
# Names that resolve slowly keep a thread each; they must not delay the others.
RESOLVER_THREADS: Final = 32
MAX_ERROR_LENGTH: Final = 200
MAX_KNOWN_PLACES: Final = 4096


class AddressRefused(OSError):
    """The name leads to an address that is not public."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came of one try; `status_code` is None when there was no answer."""

    status_code: int | None
    error: str
    body: bytes
    duration_ms: int

    @property
    def is_success(self) -> bool:
        """Any 2xx."""
        return self.status_code is not None and self.status_code // 100 == 2  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a URL leads, and how its requests begin."""

    host: str
    port: int
    is_encrypted: bool
    head: str


class Transport:
    """Sends to public addresses, and for test mode also to this machine, when that is allowed."""

    def __init__(self, resolvers: ThreadPoolExecutor) -> None:
        self._resolvers = resolvers
        # By place and wall: what was let through for test mode is not used for others.
        self._kept: defaultdict[tuple[str, int, bool, bool], list[Exchange]] = defaultdict(list)

    async def post(
        self,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        allow_loopback: bool,
        total_seconds: float = TOTAL_SECONDS,
    ) -> Answer:
        """Send and read the answer; whatever goes wrong is told in the answer."""
        started = time.monotonic()
        status_code, text, error = None, b"", ""
        try:
            async with asyncio.timeout(total_seconds):
                place = _place_of(url)
                request = _request(place, headers, body)
                reply = await self._send(place, request, allow_loopback=allow_loopback)
            status_code, text = reply.status_code, reply.body
        except TimeoutError:
            error = "timeout"
        except (OSError, ValueError) as trouble:
            error = _describe(trouble)
        except Exception as trouble:  # what the parser stumbles over is the endpoint's trouble
            logger.exception("a request to an endpoint failed in an unknown way")
            error = _describe(trouble)
        duration_ms = round((time.monotonic() - started) * 1000)
        return Answer(status_code=status_code, error=error, body=text, duration_ms=duration_ms)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Reading the certificates of all authorities takes longer than a delivery.
        return ssl.create_default_context()

    def close(self, *, unused_since: float | None = None) -> None:
        """End the kept connections: all, or those that nobody used since a moment."""
        for key, kept in list(self._kept.items()):
            for each in kept:
                if unused_since is None or each.kept_since < unused_since:
                    each.close()
            self._kept[key] = [each for each in kept if each.is_open]
            if not self._kept[key]:
                del self._kept[key]

    async def _send(self, place: _Place, request: bytes, *, allow_loopback: bool) -> Reply:
        key = (place.host, place.port, place.is_encrypted, allow_loopback)
        kept = self._kept[key]
        while kept:
            exchange = kept.pop()
            if not exchange.is_open:
                continue
            try:
                return await self._use(exchange, request, kept)
            except ConnectionEnded:
                # The other side had given the connection up: nothing was answered, so the request
                # goes out on a new one. Should it have come through after all, it has the same id.
                if exchange.is_answering:
                    raise
                break
        async with asyncio.timeout(CONNECT_SECONDS):
            exchange = await self._connect(place, allow_loopback=allow_loopback)
        return await self._use(exchange, request, kept)

    async def _use(self, exchange: Exchange, request: bytes, kept: list[Exchange]) -> Reply:
        reply = await exchange.post(request)
        if exchange.is_open:
            exchange.kept_since = time.monotonic()
            kept.append(exchange)
        return reply

    async def _connect(self, place: _Place, *, allow_loopback: bool) -> Exchange:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._resolvers, _look_up, place.host, place.port, socket.AF_UNSPEC
        )
        trouble: OSError = OSError("the name has no address")
        for *_, name in found:
            address = str(name[0])
            if not (is_public(address) or (allow_loopback and is_loopback(address))):
                trouble = AddressRefused(f"{address} is not a public address")
                continue
            try:
                _, exchange = await loop.create_connection(
                    Exchange,
                    # The very address that was judged: a number is not looked up again.
                    host=address,
                    port=place.port,
                    ssl=self._tls if place.is_encrypted else None,
                    server_hostname=place.host if place.is_encrypted else None,
                )
            except OSError as error:
                trouble = error
            else:
                return exchange
        raise trouble


@asynccontextmanager
async def open_transport() -> AsyncIterator[Transport]:
    """Keep connections for as long as the block runs."""
    with ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="resolve") as resolvers:
        transport = Transport(resolvers)
        sweeping = asyncio.create_task(_sweep(transport))
        try:
            yield transport
        finally:
            sweeping.cancel()
            transport.close()


async def _sweep(transport: Transport) -> None:
    while True:
        await asyncio.sleep(KEEP_SECONDS)
        transport.close(unused_since=time.monotonic() - KEEP_SECONDS)


@lru_cache(MAX_KNOWN_PLACES)
def _place_of(url: str) -> _Place:
    """
    Return where a URL leads; it was checked when it was registered, and is not trusted for that.

    :raises ValueError: no URL of ours
    """
    # Whatever else stood in a URL would stand in the head of the request.
    if not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        raise ValueError("this is not a URL")
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        raise ValueError("this is not a URL")
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    head = (
        f"POST {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: {USER_AGENT}\r\n"
        "Accept: */*\r\nContent-Type: application/json; charset=utf-8\r\n"
    )
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    return _Place(parts.hostname, port, parts.scheme == "https", head)


def _request(place: _Place, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{place.head}{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _describe(trouble: Exception) -> str:
    return f"{type(trouble).__name__}: {trouble}"[:MAX_ERROR_LENGTH]


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[Any]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family))
