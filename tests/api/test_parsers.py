import json
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from apps.api.errors import (
    BodyTooLarge,
    DuplicateKey,
    InvalidJson,
    MediaTypeUnsupported,
    StringInvalid,
)
from apps.api.parsers import (
    MAX_DEPTH,
    FormText,
    NotInteger,
    parse_body,
    parse_form,
    parse_json,
    read_body,
)
from apps.common.errors import DomainError, InvalidParameter


def read_or_refuse(parse: Callable[[bytes], dict[str, Any]], body: bytes) -> str | int:
    try:
        assert isinstance(parse(body), dict)
    except DomainError as refusal:
        return refusal.status
    return "read"


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"a":1}x',
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":"\n"}',
        b'{"a":"\x00"}',
        b"[]",
        b"null",
        b'"text"',
        b"1",
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        b'{"a":"\xc0\xaf"}',
        b'{"a":"\xff"}',
        b"[" * 100_000,
        nested(100_000),
        nested(MAX_DEPTH + 1),
        b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
    ],
)
def test_what_is_not_one_flat_enough_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidJson) as refusal:
        parse_json(body)

    assert (refusal.value.status, refusal.value.code) == (400, "invalid_json")


def test_the_deepest_allowed_body_is_read() -> None:
    assert json.dumps(parse_json(nested(MAX_DEPTH))).count("{") == MAX_DEPTH


@pytest.mark.parametrize("body", [b'{"a":1,"a":1}', b'{"a":1,"\\u0061":2}', b'{"b":{"a":1,"a":2}}'])
def test_a_key_sent_twice_is_refused_even_when_one_is_escaped(body: bytes) -> None:
    with pytest.raises(DuplicateKey) as refusal:
        parse_json(body)

    assert refusal.value.param == "a"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"a":"\\u0000"}', "a"),
        (b'{"a":"\\ud800"}', "a"),
        (b'{"a":{"b":["x","\\udfff"]}}', "a[b][1]"),
        (b'{"\\u0000":1}', ""),
    ],
)
def test_texts_that_a_database_cannot_keep_are_refused(body: bytes, param: str) -> None:
    with pytest.raises(StringInvalid) as refusal:
        parse_json(body)

    assert refusal.value.param == param


def test_a_surrogate_pair_is_one_character() -> None:
    assert parse_json(b'{"a":"\\ud83d\\ude00"}') == {"a": "\U0001f600"}


@pytest.mark.parametrize("text", ["10.0", "1e3", "1E400", "-0", "0.1", "1" * 19, "1" * 5000])
def test_numbers_that_are_no_integers_are_kept_apart(text: str) -> None:
    value = parse_json(f'{{"a":{text}}}'.encode())["a"]

    assert isinstance(value, NotInteger)
    assert value.text == text


@pytest.mark.parametrize(
    ("body", "params"),
    [
        (b"a=1&b=two+words", {"a": "1", "b": "two words"}),
        (b"metadata[order]=7&metadata[x]=", {"metadata": {"order": "7", "x": ""}}),
        (b"metadata[0]=a&metadata[1]=b", {"metadata": {"0": "a", "1": "b"}}),
        (b"items[0][price]=p1&items[1][price]=p2", {"items": [{"price": "p1"}, {"price": "p2"}]}),
        (b"items[1]=b&items[0]=a", {"items": ["a", "b"]}),
        (b"expand[]=a&expand[]=b", {"expand": ["a", "b"]}),
        (b"expand%5B%5D=a", {"expand": ["a"]}),
        (b"a=%E2%82%AC&&b=1=2", {"a": "€", "b": "1=2"}),
        (b"a", {"a": ""}),
        (b"", {}),
    ],
)
def test_forms_are_read_in_bracket_notation(body: bytes, params: dict[str, Any]) -> None:
    assert parse_form(body) == params


def test_values_of_forms_know_that_they_are_text_of_a_form() -> None:
    assert isinstance(parse_form(b"a[b]=1")["a"]["b"], FormText)


@pytest.mark.parametrize(
    "body",
    [
        b"a=1&a=2",
        b"a=1&a[b]=2",
        b"a[b]=2&a=1",
        b"[a]=1",
        b"a[b=1",
        b"a]b=1",
        b"a[b]c=1",
        b"=1",
        b"a=%00",
        b"a=%ff",
        b"a=%ED%A0%80",
        b"a[1000000000]=1",
        b"a" + b"[b]" * MAX_DEPTH + b"=1",
        b"&".join(b"a%d=1" % n for n in range(2001)),
    ],
)
def test_malformed_forms_are_refused(body: bytes) -> None:
    with pytest.raises(DomainError) as refusal:
        parse_form(body)

    assert refusal.value.status == 400


@given(st.binary(max_size=200))
def test_any_bytes_are_parameters_or_a_refusal(body: bytes) -> None:
    for parse in (parse_json, parse_form):
        assert read_or_refuse(parse, body) in ("read", 400)


def post(body: bytes, content_type: str = "application/json", **meta: Any) -> HttpRequest:
    return RequestFactory().post("/v1/notes", body, content_type=content_type, **meta)


@pytest.mark.parametrize("length", ["1048577", "9" * 400])
def test_a_body_that_says_it_is_too_long_is_not_read(length: str) -> None:
    request = post(b"{}")
    request.META["CONTENT_LENGTH"] = length

    with pytest.raises(BodyTooLarge) as refusal:
        read_body(request, limit=1024 * 1024)

    assert refusal.value.status == 413
    assert request.META["wsgi.input"].read() == b"{}"


def test_a_chunked_body_is_read_up_to_the_limit() -> None:
    request = post(b"")
    request.META.pop("CONTENT_LENGTH", None)
    request.META["HTTP_TRANSFER_ENCODING"] = "chunked"

    request.META["wsgi.input"] = BytesIO(b"x" * 10)
    assert read_body(request, limit=10) == b"x" * 10

    request.META["wsgi.input"] = stream = BytesIO(b"x" * 100)
    with pytest.raises(BodyTooLarge):
        read_body(request, limit=10)
    assert stream.tell() == 11


@pytest.mark.parametrize("length", ["-1", "1_0", "abc", "\u0661"])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    request = post(b"{}")
    request.META["CONTENT_LENGTH"] = length

    with pytest.raises(InvalidParameter):
        read_body(request, limit=10)


def test_two_lengths_are_refused() -> None:
    with pytest.raises(InvalidParameter):
        read_body(post(b"{}", HTTP_TRANSFER_ENCODING="chunked"), limit=10)


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/xml", "application/json; charset=utf-16", "json", "text/json"],
)
def test_other_content_types_are_refused(content_type: str) -> None:
    with pytest.raises(MediaTypeUnsupported) as refusal:
        parse_body(post(b"{}", content_type), b"{}")

    assert refusal.value.status == 415


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=UTF-8"])
def test_json_may_say_that_it_is_utf8(content_type: str) -> None:
    assert parse_body(post(b"{}", content_type), b'{"a":1}') == {"a": 1}


def test_a_compressed_body_is_refused() -> None:
    with pytest.raises(MediaTypeUnsupported):
        parse_body(post(b"{}", HTTP_CONTENT_ENCODING="gzip"), b"{}")


def test_no_body_is_no_parameters_whatever_its_type() -> None:
    assert parse_body(post(b"", "text/plain"), b"") == {}


def test_multipart_holds_fields_in_bracket_notation_and_files() -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="metadata[a]"\r\n\r\n7\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.pdf"\r\n'
        b"Content-Type: application/pdf\r\n\r\n%PDF\r\n--b--\r\n"
    )

    params = parse_body(post(body, "multipart/form-data; boundary=b"), body)

    assert params["metadata"] == {"a": "7"}
    assert params["file"].read() == b"%PDF"


@pytest.mark.parametrize(
    "body", [b"x", b"--b\r\n", b"--b\r\nContent-Disposition: form-data\r\n\r\n"]
)
def test_malformed_multipart_is_refused_or_empty(body: bytes) -> None:
    request = post(body, "multipart/form-data; boundary=b")

    assert read_or_refuse(partial(parse_body, request), body) in ("read", 400)
