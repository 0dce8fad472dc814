from datetime import UTC, datetime
from typing import Any

import pytest

from apps.api.parsers import parse_form, parse_json
from apps.common.errors import DomainError
from apps.common.metadata import MetadataInvalid, merge_metadata
from tests.api.resource import CreateNote

EUR = "eur"


def load_json(text: str) -> dict[str, Any]:
    return CreateNote.load(parse_json(text.encode()))


def test_json_and_form_of_the_same_meaning_load_alike() -> None:
    from_json = load_json(
        '{"amount":5,"currency":"eur","flag":true,"at":10,"count":3,"tags":["a","b"],'
        '"address":{"city":"Ulm","country":"DE"},"lines":[{"city":"X"}],"metadata":{"a":"1"}}'
    )
    from_form = CreateNote.load(
        parse_form(
            b"amount=5&currency=eur&flag=true&at=10&count=3&tags[]=a&tags[]=b&address[city]=Ulm"
            b"&address[country]=DE&lines[0][city]=X&metadata[a]=1"
        )
    )

    assert from_form == from_json
    assert from_json["at"] == datetime(1970, 1, 1, 0, 0, 10, tzinfo=UTC)
    assert {type(value) for value in from_form["tags"]} == {str}


def test_what_was_not_sent_is_absent() -> None:
    assert load_json('{"amount":1}') == {"amount": 1}


@pytest.mark.parametrize(
    "value",
    [
        "-1",
        "0",
        "-0",
        "10.0",
        "1e3",
        "1E400",
        "1.005",
        "true",
        "false",
        "null",
        '"10"',
        '" 10 "',
        '"1_000"',
        '"\\u0661\\u0662"',
        '"\\uff11\\uff12"',
        '"0x10"',
        '"+1"',
        '""',
        "[]",
        "[10]",
        "{}",
        "9" * 400,
        "1000000000000",
        "9" * 5000,
        "99999999999999999999",
    ],
)
def test_only_json_integers_are_amounts(value: str) -> None:
    with pytest.raises(DomainError) as refusal:
        load_json(f'{{"amount":{value}}}')

    assert refusal.value.status == 400
    assert refusal.value.param == "amount"
    assert refusal.value.code == "amount_invalid"


@pytest.mark.parametrize(
    "text", ["", "+1", "01", "1.0", "1e3", "1_0", " 1", "1 ", "-0", "0x1", "%D9%A1", "9" * 30]
)
def test_only_canonical_decimal_text_of_a_form_is_an_amount(text: str) -> None:
    with pytest.raises(DomainError) as refusal:
        CreateNote.load(parse_form(f"amount={text}".encode()))

    assert refusal.value.code == "amount_invalid"


@pytest.mark.parametrize(
    "value",
    ['"EUR"', '"Eur"', '"xxx"', '"\\u0435ur"', '"\\u20ac"', '""', "978", "[]", '"eur "', '"eu"'],
)
def test_currencies_are_known_lower_case_codes(value: str) -> None:
    with pytest.raises(DomainError) as refusal:
        load_json(f'{{"amount":1,"currency":{value}}}')

    assert (refusal.value.code, refusal.value.param) == ("currency_invalid", "currency")


@pytest.mark.parametrize(
    ("rest", "code", "param"),
    [
        ('"colour":1', "parameter_unknown", "colour"),
        ('"Amount":1', "parameter_unknown", "Amount"),
        ('"id":"x"', "parameter_unknown", "id"),
        ('"address":{}', "parameter_missing", "address[city]"),
        ('"address":{"city":"Ulm","x":1}', "parameter_unknown", "address[x]"),
        ('"address":"Ulm"', "parameter_invalid", "address"),
        ('"address":{"city":"Ulm","country":"FR"}', "parameter_invalid", "address[country]"),
        ('"lines":[{"city":"a"},{}]', "parameter_missing", "lines[1][city]"),
        ('"tags":["a","b","c"]', "parameter_invalid", "tags"),
        ('"tags":["abcdef"]', "string_invalid", "tags[0]"),
        ('"tags":"a"', "parameter_invalid", "tags"),
        ('"text":1', "string_invalid", "text"),
        ('"text":1.5', "string_invalid", "text"),
        ('"text":null', "string_invalid", "text"),
        ('"text":["a"]', "string_invalid", "text"),
        ('"flag":"true"', "parameter_invalid", "flag"),
        ('"flag":1', "parameter_invalid", "flag"),
        ('"count":11', "parameter_invalid", "count"),
        ('"count":true', "parameter_invalid", "count"),
        ('"at":-1', "parameter_invalid", "at"),
        ('"at":253402300800', "parameter_invalid", "at"),
        ('"at":"2026-01-01"', "parameter_invalid", "at"),
        ('"customer":"pi_1"', "parameter_invalid", "customer"),
        ('"customer":"cus_\\u0661"', "parameter_invalid", "customer"),
        ('"customer":""', "string_invalid", "customer"),
        ('"metadata":[]', "metadata_invalid", "metadata"),
        ('"metadata":"x"', "metadata_invalid", "metadata"),
        ('"metadata":{"a":1}', "metadata_invalid", "metadata[a]"),
        ('"metadata":{"a":1.5}', "metadata_invalid", "metadata[a]"),
        ('"metadata":{"a":{}}', "metadata_invalid", "metadata[a]"),
        ('"metadata":{"a":["b"]}', "metadata_invalid", "metadata[a]"),
        ('"metadata":{"":"b"}', "metadata_invalid", "metadata[]"),
    ],
)
def test_a_refusal_names_the_parameter(rest: str, code: str, param: str) -> None:
    with pytest.raises(DomainError) as refusal:
        load_json(f'{{"amount":1,{rest}}}')

    assert (refusal.value.status, refusal.value.code, refusal.value.param) == (400, code, param)


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(DomainError) as refusal:
        load_json("{}")

    assert (refusal.value.code, refusal.value.param) == ("parameter_missing", "amount")


def test_null_and_the_empty_text_of_a_form_unset_what_may_be_null() -> None:
    assert load_json('{"amount":1,"nothing":null}')["nothing"] is None
    assert CreateNote.load(parse_form(b"amount=1&nothing="))["nothing"] is None


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "'; DROP TABLE x; --", "=1+1", "a\r\nb", "\u202eabc", "😀"],
)
def test_texts_are_kept_as_they_are(text: str) -> None:
    assert CreateNote.load({"amount": 1, "text": text})["text"] == text


def test_metadata_has_at_most_50_keys_of_40_characters_and_values_of_500() -> None:
    largest = {f"{n:040}": "x" * 500 for n in range(50)}

    assert CreateNote.load({"amount": 1, "metadata": largest})["metadata"] == largest
    for metadata in ({**largest, "more": ""}, {"k" * 41: "x"}, {"k": "x" * 501}):
        with pytest.raises(MetadataInvalid):
            CreateNote.load({"amount": 1, "metadata": metadata})


def test_an_empty_value_unsets_a_key_of_metadata_and_no_map_unsets_all() -> None:
    current = {"a": "1", "b": "2"}

    assert merge_metadata(current, {"a": "", "c": "3"}) == {"b": "2", "c": "3"}
    assert merge_metadata(current, {}) == current
    assert merge_metadata(current, None) == {}


def test_metadata_that_grows_too_large_by_an_update_is_refused() -> None:
    with pytest.raises(MetadataInvalid):
        merge_metadata({str(n): "x" for n in range(50)}, {"more": "x"})
