"""From bytes to parameters: JSON, forms in bracket notation, multipart. All of it is strict."""

import codecs
import json
import re
from collections.abc import Iterable
from io import BytesIO
from json import JSONDecodeError
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser, MultiPartParserError

from apps.api.errors import (
    BodyTooLarge,
    DuplicateKey,
    InvalidJson,
    MediaTypeUnsupported,
    StringInvalid,
)
from apps.common.errors import InvalidParameter

Params = dict[str, Any]

MAX_DEPTH: Final = 20
# Far above the largest request of any resource; bounds the work of a hostile form.
MAX_FORM_FIELDS: Final = 2000
MAX_LIST_INDEX: Final = 999
# Every amount and timestamp is far below; more digits are neither, and cost time to convert.
MAX_INTEGER_DIGITS: Final = 18

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_BRACKETED = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)\Z")
_SEGMENT = re.compile(r"\[([^\[\]]*)\]")


class FormText(str):
    """A value of a form: text which an integer or a boolean field may still read."""

    __slots__ = ()


class NotInteger:
    """
    A number of JSON that is no integer (10.0, 1e3, -0, or too long); no field accepts it.

    It is kept instead of refused at once so that the refusal can name the parameter.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def read_body(request: HttpRequest, *, limit: int) -> bytes:
    """
    Return the whole body, and never read more of it than `limit` bytes.

    :raises BodyTooLarge: the body is longer, whether it says so (Content-Length) or not (chunked)
    :raises InvalidParameter: the body has two lengths, or none that can be read
    """
    if "HTTP_TRANSFER_ENCODING" in request.META:
        if request.META.get("CONTENT_LENGTH"):
            raise InvalidParameter("Content-Length and Transfer-Encoding contradict each other.")
        # Django takes a body without Content-Length for empty; a server has unchunked it for us.
        body: bytes = request.META["wsgi.input"].read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge(limit=limit)
        return body
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if not (declared.isascii() and declared.isdigit()):
        raise InvalidParameter("Content-Length is not a number.")
    if len(declared) > MAX_INTEGER_DIGITS or int(declared) > limit:
        raise BodyTooLarge(limit=limit)
    # Not `request.body`, which has a limit of its own below that of uploads.
    return request.read()


def parse_body(request: HttpRequest, body: bytes) -> Params:
    """
    Return the parameters of a body by its content type; no body is no parameters.

    :raises MediaTypeUnsupported: another content type, charset or any content encoding
    :raises InvalidParameter: the body is not what its type says
    """
    if not body:
        return {}
    media_type, _, options = request.META.get("CONTENT_TYPE", "").partition(";")
    media_type = media_type.strip().lower()
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise MediaTypeUnsupported
    if media_type == _MULTIPART:
        return _parse_multipart(request, body)
    if options and not _is_utf8(options):
        raise MediaTypeUnsupported
    if media_type == _JSON:
        return parse_json(body)
    if media_type == _FORM:
        return parse_form(body)
    raise MediaTypeUnsupported


def parse_json(body: bytes) -> Params:
    """
    Return the object which `body` holds.

    :raises InvalidJson: not UTF-8, not JSON, not an object, or nested too deep
    :raises DuplicateKey: an object has a key twice
    :raises StringInvalid: a text that the database cannot keep (NUL, lone surrogate)
    """
    try:
        params = _DECODER.decode(body.decode())
    except UnicodeDecodeError as error:
        raise InvalidJson("The body is not UTF-8.") from error
    except JSONDecodeError as error:
        raise InvalidJson(f"The body is not JSON: {error.msg} at byte {error.pos}.") from error
    except RecursionError as error:
        raise InvalidJson(f"The body is nested deeper than {MAX_DEPTH} levels.") from error
    if not isinstance(params, dict):
        raise InvalidJson("The body must be a JSON object.")
    _check_depth(params)
    # Only an escape can smuggle in what UTF-8 and the JSON grammar have refused so far.
    if b"\\u" in body:
        _check_texts(params)
    return params


def parse_form(body: bytes) -> Params:
    """
    Return the parameters of a form or a query string in bracket notation.

    `a[b]=1` is a map, `a[]=1` and `a[0]=1` are lists; a plain name sent twice is refused.
    """
    pairs = []
    for piece in body.split(b"&", MAX_FORM_FIELDS + 1):
        if piece:
            name, _, value = piece.partition(b"=")
            pairs.append((_unquote(name), FormText(_unquote(value))))
    return nest(pairs)


def nest(pairs: Iterable[tuple[str, Any]]) -> Params:
    """
    Return flat names in bracket notation as nested maps and lists.

    :raises InvalidParameter: malformed or contradicting names, or too many of them
    :raises DuplicateKey: the same name twice
    """
    root: Params = {}
    for count, (name, value) in enumerate(pairs):
        if count >= MAX_FORM_FIELDS:
            raise InvalidParameter(f"More than {MAX_FORM_FIELDS} parameters.")
        match = _BRACKETED.match(name)
        if match is None:
            raise InvalidParameter("A parameter name is malformed.", param=name[:100])
        segments = [match[1], *_SEGMENT.findall(match[2])]
        if len(segments) > MAX_DEPTH:
            raise InvalidParameter(f"Nested deeper than {MAX_DEPTH} levels.", param=match[1])
        _place(root, segments, value, name)
    return {key: _lists(value, key) for key, value in root.items()}


def _unquote(text: bytes) -> str:
    try:
        plain = unquote_to_bytes(text.replace(b"+", b" ")).decode()
    except UnicodeDecodeError as error:
        raise StringInvalid("A parameter is not UTF-8.") from error
    if "\x00" in plain:
        raise StringInvalid("A parameter contains NUL.")
    return plain


def _place(root: Params, segments: list[str], value: Any, name: str) -> None:
    node = root
    for segment in segments[:-1]:
        child = node.setdefault(_key(node, segment), {})
        if not isinstance(child, dict):
            raise InvalidParameter("A parameter is both a value and a map.", param=name[:100])
        node = child
    key = _key(node, segments[-1])
    if key in node:
        raise DuplicateKey(param=name[:100], param_name=name[:100])
    node[key] = value


def _key(node: Params, segment: str) -> str:
    """Return the key; `[]` appends, that is to say counts on from the entries so far."""
    return segment or str(len(node))


def _lists(value: Any, param: str) -> Any:
    """Turn maps whose keys are all numbers into lists, in the order of the numbers."""
    if not isinstance(value, dict):
        return value
    children = {key: _lists(child, f"{param}[{key}]") for key, child in value.items()}
    if _is_metadata(param) or not all(key.isascii() and key.isdigit() for key in children):
        return children
    if any(len(key) > len(str(MAX_LIST_INDEX)) for key in children):
        raise InvalidParameter("A list index is too large.", param=param)
    return [children[key] for key in sorted(children, key=int)]


def _is_metadata(param: str) -> bool:
    """Return whether the keys are the caller's own, so that numbers do not make a list."""
    return param == "metadata" or param.endswith("[metadata]")


class _InMemory(MemoryFileUploadHandler):
    """Keeps a file of any size where the body is already; on disk it would be a second copy."""

    def handle_raw_input(self, *_args: Any, **_options: Any) -> None:
        """Take part, whatever the length."""
        self.activated = True


def _parse_multipart(request: HttpRequest, body: bytes) -> Params:
    meta = {**request.META, "CONTENT_LENGTH": len(body)}
    try:
        fields, files = MultiPartParser(meta, BytesIO(body), [_InMemory(request)], "utf-8").parse()
    except (MultiPartParserError, SuspiciousOperation) as error:
        raise InvalidParameter("The multipart body is malformed.") from error
    pairs: list[tuple[str, FormText | UploadedFile[bytes]]] = []
    for name, values in fields.lists():
        pairs += [(name, FormText(_storable(str(value)))) for value in values]
    for name, uploads in files.lists():
        pairs += [(name, upload) for upload in uploads]
    return nest(pairs)


def _storable(text: str) -> str:
    if _UNSTORABLE.search(text) or "\ufffd" in text:
        raise StringInvalid("A parameter is not UTF-8, or contains NUL.")
    return text


def _is_utf8(options: str) -> bool:
    for option in options.split(";"):
        name, _, value = option.strip().partition("=")
        if name.lower() == "charset":
            try:
                return codecs.lookup(value.strip('"')).name == "utf-8"
            except (LookupError, ValueError):
                return False
    return True


def _object(pairs: list[tuple[str, Any]]) -> Params:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise DuplicateKey(param=twice[:100], param_name=twice[:100])
    return entries


def _integer(text: str) -> int | NotInteger:
    return NotInteger(text) if len(text) > MAX_INTEGER_DIGITS or text == "-0" else int(text)


def _constant(name: str) -> Any:
    raise InvalidJson(f"{name} is not JSON.")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=NotInteger,
    parse_int=_integer,
    parse_constant=_constant,
)


def _check_depth(params: Params) -> None:
    level: list[Any] = [params]
    for _ in range(MAX_DEPTH):
        children: list[Any] = []
        for node in level:
            values = node.values() if isinstance(node, dict) else node
            children += [value for value in values if isinstance(value, dict | list)]
        if not children:
            return
        level = children
    raise InvalidJson(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _check_texts(value: Any, param: str = "") -> None:
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise StringInvalid("A text contains NUL or half a surrogate pair.", param=param)
    elif isinstance(value, dict):
        for key, child in value.items():
            _check_texts(key, param)
            _check_texts(child, f"{param}[{key}]" if param else key)
    elif isinstance(value, list):
        for place, child in enumerate(value):
            _check_texts(child, f"{param}[{place}]")
