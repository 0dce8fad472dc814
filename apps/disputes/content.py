"""
What a file really is: told by its bytes, never by its name or by what the sender says.

Pure. Only what a bank can print is taken, and nothing that could act when somebody opens it.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

from apps.disputes.errors import (
    FileActive,
    FileEmpty,
    FileTooLarge,
    FileTooManyPages,
    FileUnreadable,
    FileUnsupported,
)

MAX_BYTES = 5 * 1024 * 1024
# Banks read no more; Source: Stripe's guide to evidence (Mastercard takes 19 pages, others 50).
MAX_PAGES = 50
# An image of a few kilobytes can unfold to gigabytes in memory.
MAX_PIXELS = 40_000_000

PDF, PNG, JPEG = "application/pdf", "image/png", "image/jpeg"
_SIGNATURES = ((PDF, b"%PDF-"), (PNG, b"\x89PNG\r\n\x1a\n"), (JPEG, b"\xff\xd8\xff"))

# Where a PDF keeps what acts by itself. Source: ISO 32000-1, 12.6 (actions) and 7.11.4 (files)
_ACTIVE_NAMES = frozenset(
    {"/AA", "/EmbeddedFiles", "/JS", "/JavaScript", "/Launch", "/OpenAction", "/RichMedia", "/XFA"}
)
_ACTIVE_ACTIONS = frozenset({"/JavaScript", "/Launch", "/ImportData", "/SubmitForm", "/Rendition"})
# No evidence nests deeper, or has more parts.
_MAX_PARTS = 50_000


@dataclass(frozen=True, slots=True)
class Content:
    """The kind of a file, and of a PDF its pages (1 for an image)."""

    type: str
    pages: int


def inspect_content(content: bytes) -> Content:
    """
    Return what the file is.

    :raises FileEmpty: it has no bytes
    :raises FileTooLarge: it has more than MAX_BYTES
    :raises FileUnsupported: it is neither PDF, PNG nor JPEG
    :raises FileUnreadable: it only begins like one, or is locked
    :raises FileTooManyPages: it has more than MAX_PAGES
    :raises FileActive: it holds a script, another file, or something that starts by itself
    """
    if not content:
        raise FileEmpty(param="file")
    if len(content) > MAX_BYTES:
        raise FileTooLarge(param="file", size=len(content), limit=MAX_BYTES)
    type_ = next((name for name, start in _SIGNATURES if content.startswith(start)), "")
    if not type_:
        raise FileUnsupported(param="file")
    if type_ == PDF:
        return Content(PDF, _read_pdf(content))
    _check_image(content)
    return Content(type_, 1)


def _check_image(content: bytes) -> None:
    from PIL import Image  # noqa: PLC0415 - only where files come in

    try:
        with Image.open(BytesIO(content), formats=("PNG", "JPEG")) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise FileUnreadable(param="file")
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as defect:
        raise FileUnreadable(param="file") from defect


def _read_pdf(content: bytes) -> int:
    from pypdf import PdfReader  # noqa: PLC0415 - only where files come in
    from pypdf.errors import PyPdfError  # noqa: PLC0415

    try:
        reader = PdfReader(BytesIO(content), strict=False)
        if reader.is_encrypted:
            raise FileUnreadable(param="file")
        pages = len(reader.pages)
        is_active = _is_active(reader.trailer)
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError, AttributeError) as defect:
        raise FileUnreadable(param="file") from defect
    if not pages:
        raise FileUnreadable(param="file")
    if pages > MAX_PAGES:
        raise FileTooManyPages(param="file", pages=pages, limit=MAX_PAGES)
    if is_active:
        raise FileActive(param="file")
    return pages


def _is_active(trailer: Any) -> bool:
    """Walk all objects that a reader would reach; what is too large to walk counts as active."""
    from pypdf.generic import (  # noqa: PLC0415 - only where files come in
        ArrayObject,
        DictionaryObject,
        IndirectObject,
    )

    waiting: list[Any] = [trailer]
    seen: set[tuple[int, int]] = set()
    for _ in range(_MAX_PARTS):
        if not waiting:
            return False
        part = waiting.pop()
        if isinstance(part, IndirectObject):
            if (part.idnum, part.generation) in seen:
                continue
            seen.add((part.idnum, part.generation))
            part = part.get_object()
        if isinstance(part, DictionaryObject):
            # A page to open at is harmless; only an action is a dictionary.
            names = set(part) - ({"/OpenAction"} if _is_destination(part) else set())
            if names & _ACTIVE_NAMES or part.get("/S") in _ACTIVE_ACTIONS:
                return True
            waiting += part.values()
        elif isinstance(part, ArrayObject):
            waiting += part
    return True


def _is_destination(part: Any) -> bool:
    from pypdf.generic import ArrayObject  # noqa: PLC0415 - only where files come in

    opening = part.get("/OpenAction")
    return isinstance(opening, ArrayObject)
