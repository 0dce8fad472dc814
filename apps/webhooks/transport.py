"""
One signed POST to an address of a merchant's choice, with a wall around our own networks.

The wall stands where the socket is made: whatever a name resolves to at that moment is judged,
and exactly that address is connected to. TLS still checks the certificate against the name.
"""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from apps.webhooks.destinations import is_loopback, is_public

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 * 1024
USER_AGENT = "Payments-Webhooks/1.0"
# Names that resolve slowly keep a thread each; they must not delay the others.
RESOLVER_THREADS = 32
MAX_ERROR_LENGTH = 200


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


class Transport:
    """Sends to public addresses; the one for test mode may reach this machine, when allowed."""

    def __init__(self, public: aiohttp.ClientSession, local: aiohttp.ClientSession) -> None:
        self._public = public
        self._local = local

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
        session = self._local if allow_loopback else self._public
        started = time.monotonic()
        status_code, text, error = None, b"", ""
        try:
            async with (
                asyncio.timeout(total_seconds),
                session.post(url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                status_code = response.status
                text = await _read(response)
        except TimeoutError:
            status_code, error = None, "timeout"
        except (aiohttp.ClientError, OSError, ValueError) as trouble:
            status_code, error = None, _describe(trouble)
        except Exception as trouble:  # what the library stumbles over is the endpoint's trouble
            logger.exception("a request to an endpoint failed in an unknown way")
            status_code, error = None, _describe(trouble)
        duration_ms = round((time.monotonic() - started) * 1000)
        return Answer(status_code=status_code, error=error, body=text, duration_ms=duration_ms)


@asynccontextmanager
async def open_transport(*, connections: int) -> AsyncIterator[Transport]:
    """Open the connection pools for as long as the block runs."""
    with ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="resolve") as threads:
        resolver = _Resolver(threads)
        async with (
            _session(resolver, connections, allow_loopback=False) as public,
            _session(resolver, connections, allow_loopback=True) as local,
        ):
            yield Transport(public, local)


def _session(
    resolver: AbstractResolver, connections: int, *, allow_loopback: bool
) -> aiohttp.ClientSession:
    def open_socket(address: Any) -> socket.socket:
        family, kind, protocol, _, place = address
        if not (is_public(place[0]) or (allow_loopback and is_loopback(place[0]))):
            raise AddressRefused(f"{place[0]} is not a public address")
        return socket.socket(family, kind, protocol)

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=connections, resolver=resolver, socket_factory=open_socket
        ),
        timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": USER_AGENT, "Content-Type": "application/json; charset=utf-8"},
        # An answer that unpacks to gigabytes is not unpacked; proxies are not taken from outside.
        auto_decompress=False,
        trust_env=False,
    )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the first bytes of the answer; of a longer one the rest stays unread."""
    answer = bytearray()
    async for chunk in response.content.iter_any():
        answer += chunk
        if len(answer) > MAX_ANSWER_BYTES:
            response.close()
            break
    return bytes(answer[:MAX_ANSWER_BYTES])


def _describe(trouble: Exception) -> str:
    """Return the error in words; the address we refused is named by the error itself."""
    cause = trouble.__cause__ if isinstance(trouble.__cause__, AddressRefused) else trouble
    return f"{type(cause).__name__}: {cause}"[:MAX_ERROR_LENGTH]


class _Resolver(AbstractResolver):
    """The system's resolver, in threads of its own."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, _look_up, host, port, family
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(place[0]),
                port=port,
                family=family_found,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for family_found, _, protocol, _, place in found
        ]

    async def close(self) -> None:
        """The threads end with the transport."""


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[Any]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family))
