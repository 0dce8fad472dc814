"""
Where we are willing to send: pure rules against requests into networks that are not public.

A URL is checked when it is registered; that is a courtesy to honest callers. The wall is
`is_public`, asked for the very address a socket is about to connect to (transport.py), so that no
name, number notation, redirect or changing DNS answer leads around it.
"""

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from apps.webhooks.errors import UrlRefused

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
MAX_URL_LENGTH = 2048
DEFAULT_PORTS = {"https": 443, "http": 80}

# Python's `is_global` lets some of these pass, NAT64 and 6to4 among them, so they are all spelled
# out. Source: the IANA special-purpose address registries for IPv4 and IPv6.
_DENIED_IPV4 = [
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]
# Of IPv6 only global unicast is public. That alone leaves out loopback, link-local, unique local,
# site-local, multicast, IPv4-mapped, IPv4-compatible and NAT64 addresses.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_DENIED_IPV6 = [
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo, ORCHID, benchmarks
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address of anybody's choice
        "2620:4f:8000::/48",
        "3ffe::/16",
        "3fff::/20",
    )
]
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa")


def is_public(address: str) -> bool:
    """Return whether an IP address, as text, belongs to the public internet."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _DENIED_IPV4)
    return ip in _GLOBAL_UNICAST and not any(ip in network for network in _DENIED_IPV6)


def is_loopback(address: str) -> bool:
    """Return whether an IP address is this machine's own."""
    return ipaddress.ip_address(address).is_loopback


def check_url(url: str, *, livemode: bool, allow_loopback: bool) -> None:
    """
    Check the address of a new endpoint: https on 443; in test mode also http on 80.

    With `allow_loopback` a test-mode endpoint may also be on this machine, on any port.

    :raises UrlRefused: with the reason
    """
    parts = _split(url)
    host = (parts.hostname or "").rstrip(".")
    address = _numeric_address(host)
    is_here = host == "localhost" or (address is not None and is_loopback(address))
    if is_here and allow_loopback and not livemode and parts.scheme in DEFAULT_PORTS:
        return
    if parts.scheme not in (["https"] if livemode else ["https", "http"]):
        raise UrlRefused("The URL must begin with https://.")
    if (parts.port or DEFAULT_PORTS[parts.scheme]) != DEFAULT_PORTS[parts.scheme]:
        raise UrlRefused("The URL must use the standard port of its scheme.")
    if address is not None:
        if not is_public(address):
            raise UrlRefused("The URL must lead to a public address.")
    elif "." not in host or host.endswith(_LOCAL_SUFFIXES):
        raise UrlRefused("The URL must name a public host.")


def _split(url: str) -> SplitResult:
    # Other characters are where programs that read URLs differ from each other.
    if not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        raise UrlRefused("The URL must be plain ASCII; write other characters in encoded form.")
    if len(url) > MAX_URL_LENGTH:
        raise UrlRefused(f"The URL must be at most {MAX_URL_LENGTH} characters long.")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise UrlRefused("This is not a URL.") from None
    if not parts.hostname or "%" in parts.netloc:
        raise UrlRefused("This is not a URL.")
    if "@" in parts.netloc or parts.fragment:
        raise UrlRefused("The URL must contain neither credentials nor a fragment.")
    return parts


def _numeric_address(host: str) -> str | None:
    """Return the address that a number stands for, in whatever notation the system reads."""
    try:
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None
    return str(found[0][4][0])
