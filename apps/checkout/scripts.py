"""
What runs on the hosted page, and the check that nothing else does (PCI DSS 6.4.3 and 11.6.1).

Whoever changes a script writes its digest here: a test compares them. A page that is served is held
against the same table by `manage.py check_payment_page`.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx

TIMEOUT_SECONDS: Final = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """One script of ours: what it is there for, and the SHA-256 of its bytes."""

    why: str
    sha256: str


# Path below the static files -> what it is. There is no script of anybody else, and none inline.
INVENTORY: Final[Mapping[str, Script]] = {
    "checkout/page.js": Script(
        why="asks the card fields in their frame for a token, sends it, and watches for news",
        sha256="a22419f08a81be283f2ffb14f94a341c0d696d5d0972cc9ae198f553bd2daade",
    ),
}

_SCRIPT: Final = re.compile(r"<script\b(?P<attributes>[^>]*)>(?P<body>.*?)</script>", re.DOTALL)
_SOURCE: Final = re.compile(r'\bsrc="(?P<source>[^"]+)"')
_NONCE: Final = re.compile(r"'nonce-[^']+'")
# Whatever the policy allows besides, scripts come by a nonce of this visit or not at all.
_STRICT: Final = {
    "default-src": "'none'",
    "script-src": "'nonce'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def check_page(url: str) -> Iterator[str]:
    """
    Fetch a served page as a payer's browser does, and yield what differs from the inventory.

    :raises httpx.HTTPError: the page or a script could not be fetched
    """
    with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        page = client.get(url)
        page.raise_for_status()
        yield from _check_policy(page.headers.get("Content-Security-Policy", ""))
        yield from _check_scripts(client, url, page.text)


def digest_of(content: bytes) -> str:
    """Return the SHA-256 by which the inventory knows a script."""
    return hashlib.sha256(content).hexdigest()


def _check_policy(policy: str) -> Iterator[str]:
    told = dict(part.strip().partition(" ")[::2] for part in policy.split(";") if part.strip())
    for directive, expected in _STRICT.items():
        value = _NONCE.sub("'nonce'", told.get(directive, "nothing"))
        if value != expected:
            yield f"the policy says {directive} {value} and not {expected}"


def _check_scripts(client: httpx.Client, url: str, text: str) -> Iterator[str]:
    missing = set(INVENTORY)
    for found in _SCRIPT.finditer(text):
        source = _SOURCE.search(found["attributes"])
        if source is None or found["body"].strip():
            yield "there is a script inline"
            continue
        address = urljoin(url, source["source"])
        name = next((name for name in INVENTORY if urlsplit(address).path.endswith(name)), None)
        if name is None or urlsplit(address).netloc != urlsplit(url).netloc:
            yield f"{address} is not in the inventory"
            continue
        missing.discard(name)
        script = client.get(address)
        script.raise_for_status()
        if digest_of(script.content) != INVENTORY[name].sha256:
            yield f"{address} is not what the inventory says: {digest_of(script.content)}"
    yield from (f"{name} is missing" for name in sorted(missing))
