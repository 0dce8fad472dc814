"""The card fields of a page: a frame of the tokeniser's, which hands out a one-time token."""

import re
from typing import Final
from urllib.parse import urlencode, urlsplit

from django.conf import settings

# What the card fields hand out. Anything else is refused: an id of a stored payment method in its
# place would charge somebody else's card.
TOKEN: Final = re.compile(r"tok_[A-Za-z0-9_]{1,200}\Z")


def fields_url(language: str) -> str:
    """Return the address of the frame, "" while no tokeniser is set up."""
    if not settings.TOKENISER_URL:
        return ""
    query = urlencode({"origin": _origin_of(settings.PUBLIC_BASE_URL), "lang": language})
    return f"{settings.TOKENISER_URL}?{query}"


def fields_origin() -> str:
    """Return the one origin that the page's policy lets in, "" while there is none."""
    return _origin_of(settings.TOKENISER_URL) if settings.TOKENISER_URL else ""


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
