"""MAP 6 names every event that the code can publish, and nothing else."""

import json
import re
from functools import cache
from typing import Any

import pytest
from django.test import Client
from django.utils.module_loading import import_string

from apps.api.shapes import Shape
from config.event_catalog import CATALOG
from tests.live.running import ROOT

TYPES = [type_ for types in CATALOG.values() for type_ in types]

# A text that looks like an event's type, whole or with a part that is filled in: "a.b", f"a.{b}".
_LITERAL = re.compile(r'"((?:[a-z_]+\.)+(?:[a-z_]+|[a-z_]*\{[a-z_]+\}))"')
# Facts end like this; permissions and columns, which look the same, do not.
_FACT = re.compile(
    r".*(?:ed|paid|ing|action|near|ready|_end|transit|unknown|uncollectible|failover|verification)"
)
# The catalogue of products makes its types out of a kind and a verb.
_OF_KIND_AND_VERB = re.compile(
    r"(?:product|price|coupon|credit_note|billing\.meter|dunning_policy)\.(?:created|updated|deleted)"
)


@cache
def document() -> Any:
    return json.loads(Client().get("/v1/openapi.json").content)


@cache
def sources() -> str:
    paths = (ROOT / "apps").rglob("*.py")
    return "\n".join(path.read_text() for path in paths if "migrations" not in path.parts)


def kinds() -> set[str]:
    return set(re.findall(r'"object": "([a-z_.]+)"', sources()))


def literals() -> set[str]:
    found = set(_LITERAL.findall(sources()))
    # What is created has events; so a kind that the catalogue forgot as a whole is found, too.
    born = {text for text in found if text.endswith(".created")}
    first_words = {name.split(".")[0] for name in {*TYPES, *born}}
    of_events = {text for text in found if text.split(".")[0] in first_words}
    return {text for text in of_events if "{" in text or _FACT.fullmatch(text)}


def families() -> list[re.Pattern[str]]:
    return [
        re.compile(re.sub(r"\\\{.*?\\\}", "[a-z_]+", re.escape(text)))
        for text in literals()
        if "{" in text
    ]


def test_every_type_is_in_the_catalogue_once_with_a_shape() -> None:
    assert len(TYPES) == len(set(TYPES))
    for path in CATALOG:
        assert isinstance(import_string(path), Shape), path


def test_every_event_of_the_code_is_in_the_catalogue() -> None:
    unknown = {text for text in literals() if "{" not in text} - set(TYPES) - kinds()

    assert sorted(unknown) == []


@pytest.mark.parametrize("type_", TYPES)
def test_the_catalogue_names_no_event_that_the_code_does_not_know(type_: str) -> None:
    is_made = any(family.fullmatch(type_) for family in families())

    assert type_ in literals() or is_made or _OF_KIND_AND_VERB.fullmatch(type_)


def test_the_document_describes_each_event_as_a_webhook() -> None:
    webhooks = document()["webhooks"]

    assert sorted(webhooks) == sorted(TYPES)
    for type_, item in webhooks.items():
        schema = item["post"]["requestBody"]["content"]["application/json"]["schema"]
        narrowed = schema["allOf"][1]["properties"]
        assert narrowed["type"]["const"] == type_
        carried = narrowed["data"]["properties"]["object"]["$ref"].rsplit("/", 1)[1]
        assert carried in document()["components"]["schemas"]
