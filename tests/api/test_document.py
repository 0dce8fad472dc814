"""What the API's document promises of each operation: its answer, its examples, its links."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # no types
import pytest
from django.test import Client

from apps.api.links import NAMED_IN_REQUESTS
from config.api_examples import EXAMPLES


@cache
def document() -> Any:
    return json.loads(Client().get("/v1/openapi.json").content)


def operations() -> Iterator[tuple[str, Any]]:
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def by_id() -> dict[str, tuple[str, Any]]:
    return {operation["operationId"]: (name, operation) for name, operation in operations()}


def test_every_operation_says_what_it_answers() -> None:
    for name, operation in operations():
        if not name.split(" ")[1].startswith("/v1/"):
            continue
        (content,) = (
            response.get("content", {})
            for status, response in operation["responses"].items()
            if status.startswith("2")
        )
        schemas = [each["schema"] for each in content.values()]
        is_typed = all("$ref" in each or each.get("format") == "binary" for each in schemas)
        assert schemas, f"{name} does not say what it answers"
        assert is_typed, f"{name} answers any object"


@pytest.mark.parametrize("operation", EXAMPLES)
def test_every_example_is_a_request_of_its_operation(operation: str) -> None:
    body = dict(operations())[operation]["requestBody"]["content"]["application/json"]

    for name, example in EXAMPLES[operation].items():
        schema = {**body["schema"], "components": document()["components"]}
        jsonschema.validate(example, schema)
        assert body["examples"][name] == {"value": example}


def test_what_a_schema_does_not_name_is_refused_by_the_document_too() -> None:
    content = dict(operations())["POST /v1/refunds"]["requestBody"]["content"]
    schema = {**content["application/json"]["schema"], "components": document()["components"]}

    jsonschema.validate({"payment_intent": "pi_1", "amount": 1}, schema)
    for body in (
        {"payment_intent": "pi_1", "colour": "red"},
        {"payment_intent": "re_1"},
        {"amount": 0},
        {"metadata": {"a" * 41: "b"}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(body, schema)


def test_links_lead_from_what_is_created_to_what_can_be_done_with_it() -> None:
    created = dict(operations())["POST /v1/payment_intents"]["responses"]["200"]["links"]

    assert {
        "get_payment_intents_intent_id",
        "post_payment_intents_intent_id",
        "post_payment_intents_intent_id_cancel",
        "post_payment_intents_intent_id_capture",
        "post_payment_intents_intent_id_confirm",
        "get_payment_intents_intent_id_trace",
        "post_refunds",
        "get_charges",
    } <= set(created)
    assert created["post_payment_intents_intent_id_capture"] == {
        "operationId": "post_payment_intents_intent_id_capture",
        "parameters": {"intent_id": "$response.body#/id"},
    }
    assert created["post_refunds"]["requestBody"] == {"payment_intent": "$response.body#/id"}
    reversals = "POST /v1/transfers/{transfer_id}/reversals"
    reversed_ = dict(operations())[reversals]["responses"]["200"]["links"]
    assert reversed_["get_transfers_transfer_id_reversals_reversal_id"]["parameters"] == {
        "transfer_id": "$request.path.transfer_id",
        "reversal_id": "$response.body#/id",
    }


def test_every_link_names_parameters_that_its_operation_has() -> None:
    known = by_id()

    for _, operation in operations():
        for link in operation["responses"].get("200", {}).get("links", {}).values():
            name, target = known[link["operationId"]]
            taken = {each["name"] for each in target.get("parameters", [])}
            for parameter in link.get("parameters", {}):
                assert parameter.rsplit(".", 1)[-1] in taken, f"{parameter} of {name}"


def test_every_operation_upon_an_object_has_a_link_to_it() -> None:
    linked = {
        link
        for _, operation in operations()
        for link in operation["responses"].get("200", {}).get("links", {})
    }
    unlinked = {
        name
        for name, operation in operations()
        if re.search(r"\{\w+\}", name) and operation["operationId"] not in linked
    }

    # A mandate is named by its payment method only.
    assert unlinked == {"GET /v1/mandates/{mandate_id}"}
    assert all(source in document()["paths"] for source in NAMED_IN_REQUESTS.values())
