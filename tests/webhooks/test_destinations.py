"""The wall around our own networks: at registration, and where the socket is made."""

import asyncio
import socket
from asyncio.selector_events import BaseSelectorEventLoop
from typing import Any

import pytest

from apps.webhooks import transport
from apps.webhooks.destinations import check_url, is_public
from apps.webhooks.errors import UrlRefused
from apps.webhooks.transport import Answer, open_transport
from tests.webhooks.receivers import always, receiver

REFUSED_URLS = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.0.0.1./",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://api.localhost/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://vault.service.internal./",
    "https://redis/",
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.0.0.192/",
    "https://192.0.2.1/",
    "https://192.88.99.1/",
    "https://192.168.0.1/",
    "https://198.18.0.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[::]/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::7f00:1]/",
    "https://[2002:a9fe:a9fe::]/",
    "https://[2001:0:a9fe:a9fe::]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    "https://[5f00::1]/",
    "https://[100::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://127。0。0。1/",
    "https://ⓛocalhost/",
    "https://example.com:8443/",
    "https://example.com:22/",
    "https://example.com:6379/",
    "https://user:secret@example.com/",
    "https://example.com@127.0.0.1/",
    "https://example.com\\@127.0.0.1/",
    "https://example.com/#fragment",
    "https://example.com /",
    "https://exam\nple.com/",
    "https://",
    "https:///path",
    "//example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "http://example.com/",
    "https://example.com:99999/",
    "https://[::1/",
    "https://example.com/" + "a" * 2048,
]

DENIED_ADDRESSES = [
    "0.1.2.3", "10.1.2.3", "100.100.100.200", "127.255.255.254", "169.254.169.254", "172.20.0.1",
    "192.168.1.1", "198.19.255.255", "224.0.0.251", "255.255.255.255", "::", "::1",
    "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:7f00:1::", "fe80::1",
    "fc00::1", "fec0::1", "ff02::1", "5f00::1",
]  # fmt: skip


def send(url: str, *, allow_loopback: bool = False, total_seconds: float = 2.0) -> Answer:
    async def post() -> Answer:
        async with open_transport() as opened:
            return await opened.post(
                url,
                body=b"{}",
                headers={},
                allow_loopback=allow_loopback,
                total_seconds=total_seconds,
            )

    return asyncio.run(post())


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Note where sockets connect to, and let none get there."""
    tried: list[Any] = []

    async def connect(_loop: Any, _socket: Any, address: Any) -> None:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(BaseSelectorEventLoop, "sock_connect", connect)
    return tried


def bind(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name lead to these addresses; numbers still stand for themselves."""
    real = transport._look_up

    def look_up(host: str, port: int, family: socket.AddressFamily) -> Any:
        try:
            socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
                for address in addresses
            ]
        return real(host, port, family)

    monkeypatch.setattr(transport, "_look_up", look_up)


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_ac_081_an_address_that_is_not_public_cannot_be_registered(url: str) -> None:
    with pytest.raises(UrlRefused) as refusal:
        check_url(url, livemode=True, allow_loopback=True)

    assert (refusal.value.code, refusal.value.param) == ("url_invalid", "url")


def test_there_are_at_least_49_of_them() -> None:
    assert len(set(REFUSED_URLS)) >= 49


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/",
        "https://example.com:443/hook?a=b",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
        "https://xn--bcher-kva.example/",
    ],
)
def test_a_public_address_can_be_registered(url: str) -> None:
    check_url(url, livemode=True, allow_loopback=False)


def test_test_mode_also_takes_http_on_80_but_this_machine_only_by_setting() -> None:
    check_url("http://example.com/", livemode=False, allow_loopback=False)
    check_url("http://127.0.0.1:5000/", livemode=False, allow_loopback=True)
    check_url("http://localhost:5000/", livemode=False, allow_loopback=True)

    for url in ("http://example.com:8080/", "http://127.0.0.1:5000/", "http://10.0.0.1/"):
        with pytest.raises(UrlRefused):
            check_url(url, livemode=False, allow_loopback=False)


@pytest.mark.parametrize("address", DENIED_ADDRESSES)
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_ac_081_no_socket_connects_to_an_address_that_slipped_in(
    url: str, connections: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    bind(monkeypatch, "127.0.0.1", "169.254.169.254", "::1")

    answer = send(url)

    assert answer.status_code is None
    assert answer.error not in ("", "timeout")
    assert connections == []


def test_a_public_address_among_others_is_the_one_connected_to(
    connections: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    bind(monkeypatch, "127.0.0.1", "8.8.8.8")

    send("https://mixed.example/")

    assert set(connections) == {("8.8.8.8", 443)}


def test_ac_081_of_a_name_with_addresses_of_both_families_only_the_public_one_is_tried(
    connections: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    bind(monkeypatch, "::1", "::ffff:169.254.169.254", "fd00:ec2::254", "8.8.8.8")

    send("https://mixed.example/")

    assert set(connections) == {("8.8.8.8", 443)}


def test_ac_081_a_name_that_is_bound_anew_after_its_registration_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check_url("http://rebound.example/", livemode=False, allow_loopback=False)
    bind(monkeypatch, "127.0.0.1")

    with receiver() as inside:
        answer = send(f"http://rebound.example:{inside.port}/")

    assert answer.status_code is None
    assert answer.error == "AddressRefused: 127.0.0.1 is not a public address"
    assert inside.got == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_ac_081_a_redirect_is_not_followed(status: int) -> None:
    with receiver() as inside, receiver(reply=always(status, Location=inside.url)) as outside:
        answer = send(outside.url, allow_loopback=True)

    assert (answer.status_code, answer.is_success) == (status, False)
    assert inside.got == []


def test_ac_081_of_a_long_answer_only_64_kib_are_read() -> None:
    with receiver(reply=always(200, b"x" * 10_000_000)) as outside:
        answer = send(outside.url, allow_loopback=True)

    assert (answer.status_code, len(answer.body)) == (200, 64 * 1024)


def test_ac_081_an_answer_that_does_not_come_is_given_up_in_time() -> None:
    with receiver(hang_seconds=1.0) as outside:
        answer = send(outside.url, allow_loopback=True, total_seconds=0.2)

    assert (answer.status_code, answer.error) == (None, "timeout")
    assert 150 <= answer.duration_ms <= 800


def test_a_compressed_answer_is_not_unpacked() -> None:
    with receiver(reply=always(200, b"\x1f\x8b\x08junk", **{"Content-Encoding": "gzip"})) as there:
        answer = send(there.url, allow_loopback=True)

    assert (answer.status_code, answer.body) == (200, b"\x1f\x8b\x08junk")
