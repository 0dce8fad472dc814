"""Answers as strangers may write them, and connections that are kept."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from apps.webhooks.exchange import MAX_ANSWER_BYTES
from apps.webhooks.transport import Answer, Transport, open_transport
from tests.untrusted_tls import untrusted_tls

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers the n-th request of each connection with the n-th of `replies`, then hangs up."""

    def __init__(self, *replies: bytes, stays: bool = False) -> None:
        self.replies = replies
        self.stays = stays
        self.connections = 0
        self.requests: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            for reply in self.replies:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head + await reader.readexactly(2))
                writer.write(reply)
                await writer.drain()
            if self.stays:
                await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[tuple[Transport, str]]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        async with open_transport() as transport:
            yield transport, f"http://127.0.0.1:{port}/hook?a=b"
        # The server's side of each connection hears that it has ended.
        await asyncio.sleep(0.05)


async def post(transport: Transport, url: str) -> Answer:
    return await transport.post(
        url, body=b"{}", headers={"webhook-id": "evt_1"}, allow_loopback=True, total_seconds=1.0
    )


def ask(server: Server, times: int = 1) -> list[Answer]:
    async def run() -> list[Answer]:
        async with serving(server) as (transport, url):
            return [await post(transport, url) for _ in range(times)]

    return asyncio.run(run())


def test_the_request_is_one_post_with_its_length_and_nothing_else() -> None:
    server = Server(OK)

    ask(server)

    (request,) = server.requests
    head, body = request.split(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /hook?a=b HTTP/1.1"
    assert sorted(line.split(":")[0] for line in lines[1:]) == [
        "Accept",
        "Content-Length",
        "Content-Type",
        "Host",
        "User-Agent",
        "webhook-id",
    ]
    assert body == b"{}"


@pytest.mark.parametrize(
    ("reply", "status", "body"),
    [
        (OK, 200, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.0 500 Oh\r\n\r\nno", 500, b"no"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, 200, b"ok"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            101,
            b"",
        ),
    ],
)
def test_every_form_of_an_answer_is_read(reply: bytes, status: int, body: bytes) -> None:
    (answer,) = ask(Server(reply))

    assert (answer.status_code, answer.body, answer.error) == (status, body, "")


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"", "ConnectionEnded"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "ConnectionEnded"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "ConnectionEnded"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "AnswerMalformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "AnswerMalformed"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 40_000, "AnswerMalformed"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, "AnswerMalformed"),
    ],
)
def test_what_is_no_whole_answer_is_a_failure(reply: bytes, error: str) -> None:
    (answer,) = ask(Server(reply))

    assert answer.status_code is None
    assert answer.error.startswith(error)


def test_an_answer_without_an_end_is_cut_and_given_up() -> None:
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (3 * MAX_ANSWER_BYTES)

    (answer,) = ask(Server(endless, stays=True))

    assert (answer.status_code, len(answer.body)) == (200, MAX_ANSWER_BYTES)


def test_a_connection_is_kept_for_the_next_request() -> None:
    server = Server(OK, OK, OK, stays=True)

    answers = ask(server, 3)

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert server.connections == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        # What comes after an answer would be taken for the answer to the next request.
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlies",
    ],
)
def test_a_connection_that_says_it_ends_or_says_too_much_is_not_kept(reply: bytes) -> None:
    server = Server(reply, reply, stays=True)

    answers = ask(server, 2)

    assert [answer.body for answer in answers] == [b"ok", b"ok"]
    assert server.connections == 2


def test_a_request_upon_a_connection_that_was_given_up_goes_out_on_a_new_one() -> None:
    server = Server(OK, b"")

    answers = ask(server, 2)

    # The second request found the first connection ended without a byte of an answer.
    assert [answer.status_code for answer in answers] == [200, 200]
    assert server.connections == 2


def test_an_answer_that_breaks_off_is_not_asked_for_again() -> None:
    server = Server(OK, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")

    answers = ask(server, 2)

    assert [answer.status_code for answer in answers] == [200, None]
    assert server.connections == 1


def test_what_was_reached_in_test_mode_is_not_reached_without_its_setting() -> None:
    async def run() -> list[Answer]:
        async with serving(Server(OK, OK, stays=True)) as (transport, url):
            first = await post(transport, url)
            second = await transport.post(url, body=b"{}", headers={}, allow_loopback=False)
            return [first, second]

    allowed, refused = asyncio.run(run())

    assert allowed.status_code == 200
    assert (refused.status_code, refused.error) == (
        None,
        "AddressRefused: 127.0.0.1 is not a public address",
    )


def test_whoever_waits_no_longer_gets_no_answer_to_an_older_request() -> None:
    async def run() -> list[Answer]:
        async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(0.2)
            writer.write(OK)
            await reader.read()
            writer.close()

        async with serving(late) as (transport, url):
            hurried = await transport.post(
                url, body=b"{}", headers={}, allow_loopback=True, total_seconds=0.05
            )
            return [hurried, await post(transport, url)]

    hurried, patient = asyncio.run(run())

    assert hurried.error == "timeout"
    assert patient.status_code == 200


def test_a_certificate_of_nobody_we_trust_ends_the_delivery(tmp_path: Path) -> None:
    tls = untrusted_tls(tmp_path)
    server = Server(OK)

    async def run() -> Answer:
        listening = await asyncio.start_server(server, "127.0.0.1", 0, ssl=tls)
        port = listening.sockets[0].getsockname()[1]
        async with listening, open_transport() as transport:
            return await post(transport, f"https://127.0.0.1:{port}/hook")

    answer = asyncio.run(run())

    assert answer.status_code is None
    assert answer.error.startswith("SSLCertVerificationError")
    assert server.requests == []
