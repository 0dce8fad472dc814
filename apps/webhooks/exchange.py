"""
HTTP/1.1 as far as a webhook needs it: one POST at a time over a connection that may be kept.

A general client costs more CPU per delivery than everything else about it; see
docs/adr/0035-deliveries-have-a-client-of-their-own.md. Answers come from strangers: they are read
by llhttp, the parser of Node, and counted while they are read.
"""

import asyncio
from dataclasses import dataclass
from typing import Final, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MAX_ANSWER_BYTES: Final = 64 * 1024
MAX_HEAD_BYTES: Final = 64 * 1024
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
_FIRST_FINAL_STATUS: Final = 200
_SWITCHING_PROTOCOLS: Final = 101


class ConnectionEnded(ConnectionError):
    """The other side hung up before its answer was complete."""


class AnswerMalformed(ValueError):
    """What came is no answer of HTTP."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; of a long one the beginning."""

    status_code: int
    body: bytes


class Exchange(asyncio.Protocol):
    """
    A connection on which one request after the other is answered.

    `is_open` says whether it takes another one; `is_answering` whether any byte of the last
    request's answer has come, for what was not even begun may be sent again elsewhere.
    """

    def __init__(self) -> None:
        self.is_open = False
        self.is_answering = False
        self.kept_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._reply: asyncio.Future[Reply] | None = None

    async def post(self, request: bytes) -> Reply:
        """
        Send a request and return its answer; whoever stops waiting ends the connection.

        :raises ConnectionEnded: the connection was lost first
        :raises AnswerMalformed: the answer is no HTTP, or its head has no end
        """
        if not self.is_open or self._transport is None:
            raise ConnectionEnded("the connection is closed")
        self._reply = asyncio.get_running_loop().create_future()
        self._parser = HttpResponseParser(self)
        self._body = bytearray()
        self._received = 0
        self._status_code = 0
        self._has_length = False
        self.is_answering = False
        self._transport.write(request)
        try:
            return await self._reply
        finally:
            if not self._is_whole():
                self.close()
            self._reply = None

    def close(self) -> None:
        """End the connection at once."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    # --- What the event loop tells ------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take requests from now on."""
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        """Read on in the answer; without a request there is none."""
        if self._reply is None or self._reply.done():
            self.close()
            return
        self.is_answering = True
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._finish(may_be_kept=False)
        except HttpParserError as trouble:
            self._fail(AnswerMalformed(str(trouble)))
        else:
            self._limit()

    def connection_lost(self, exc: Exception | None) -> None:
        """Without a length the end of the connection is the end of the answer."""
        self.is_open = False
        if self._reply is None or self._reply.done():
            return
        if exc is None and self._status_code >= _FIRST_FINAL_STATUS and not self._has_length:
            self._finish(may_be_kept=False)
        else:
            self._fail(ConnectionEnded("the connection ended before the answer did"))

    # --- What the parser tells ----------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Trust no connection that answers more than it was asked."""
        if self._reply is None or self._reply.done():
            self.is_open = False

    def on_header(self, name: bytes, _value: bytes) -> None:
        """Note whether the answer says how long it is."""
        if name.lower() in _FRAMING:
            self._has_length = True

    def on_headers_complete(self) -> None:
        """Note the status."""
        self._status_code = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """Keep what there is room for."""
        if len(self._body) < MAX_ANSWER_BYTES:
            self._body += body

    def on_message_complete(self) -> None:
        """Answer; what was only interim is forgotten."""
        if self._status_code < _FIRST_FINAL_STATUS and self._status_code != _SWITCHING_PROTOCOLS:
            self._status_code, self._has_length = 0, False
            return
        self._finish(may_be_kept=self._parser.should_keep_alive())

    def _limit(self) -> None:
        """Stop reading an answer that is long enough, or whose head is too long."""
        if self._reply is None or self._reply.done():
            return
        if self._status_code and len(self._body) >= MAX_ANSWER_BYTES:
            self._finish(may_be_kept=False)
        elif self._received > MAX_HEAD_BYTES + MAX_ANSWER_BYTES:
            self._fail(AnswerMalformed("the answer has no end"))

    def _finish(self, *, may_be_kept: bool) -> None:
        if self._reply is None or self._reply.done():
            return
        self.is_open = self.is_open and may_be_kept
        body = bytes(self._body[:MAX_ANSWER_BYTES])
        self._reply.set_result(Reply(self._status_code, body))

    def _fail(self, trouble: Exception) -> None:
        self.is_open = False
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(trouble)

    def _is_whole(self) -> bool:
        return (
            self.is_open
            and self._reply is not None
            and self._reply.done()
            and (not self._reply.cancelled())
        )
