"""
The links of the OpenAPI document: which request may follow upon which answer.

They are read off the addresses. What a collection answers (`POST /v1/refunds`) names the object of
every address below it (`/v1/refunds/{refund_id}/...`); where nobody creates, the list does. What
addresses do not tell is `NAMED_IN_REQUESTS`: the parameter by which other requests name an object.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]

_ID: Final = "$response.body#/id"
_FIRST_OF_LIST: Final = "$response.body#/data/0/id"
# Where an object of this collection has another name than its `id`.
_OTHER_NAMES: Final = {"/v1/payments": "$response.body#/payment_orders/0/payment_order_id"}

NAMED_IN_REQUESTS: Final = {
    "charge": "/v1/charges",
    "customer": "/v1/customers",
    "default_payment_method": "/v1/payment_methods",
    "default_price": "/v1/prices",
    "destination": "/v1/accounts",
    "dunning_policy": "/v1/dunning_policies",
    "event": "/v1/events",
    "invoice": "/v1/invoices",
    "payment_intent": "/v1/payment_intents",
    "payment_method": "/v1/payment_methods",
    "price": "/v1/prices",
    "product": "/v1/products",
    "related_object": "/v1/payment_intents",
    "seller_account": "/v1/accounts",
    "source_transaction": "/v1/charges",
    "subscription": "/v1/subscriptions",
    "test_clock": "/v1/test_helpers/test_clocks",
    "value_list": "/v1/radar/value_lists",
    "webhook_endpoint": "/v1/webhook_endpoints",
}


@dataclass(frozen=True, slots=True)
class _Source:
    """The operation whose answer names an object, and where in the answer the name stands."""

    operation: Json
    expression: str


def add_links(result: Json, **_options: Any) -> Json:
    """Link the operations with each other; a postprocessing hook of drf-spectacular."""
    paths = result["paths"]
    sources = {path: source for path in paths if (source := _source(path, paths[path]))}
    for path, operations in paths.items():
        for operation in operations.values():
            for source, link in _links_to(path, operation, sources, result):
                answer = source.operation["responses"]["200"]
                answer.setdefault("links", {})[operation["operationId"]] = link
    return result


def _source(path: str, operations: Json) -> _Source | None:
    """Return what names the objects of a collection: its creation, else its list."""
    create, read = operations.get("post"), operations.get("get")
    if path.endswith("}"):
        return None
    if create is not None and read is not None:
        return _Source(create, _OTHER_NAMES.get(path, _ID))
    if read is not None and _answered(read).endswith("List"):
        return _Source(read, _FIRST_OF_LIST)
    return None


def _links_to(
    path: str, operation: Json, sources: dict[str, _Source], document: Json
) -> Iterator[tuple[_Source, Json]]:
    target = {"operationId": operation["operationId"]}
    collection, name = _split(path)
    if name is not None and collection in sources:
        source = sources[collection]
        # An address within another one keeps the names that led to its collection.
        outer = {other: f"$request.path.{other}" for other in _names(collection)}
        yield source, {**target, "parameters": {**outer, name: source.expression}}
    if name is not None:
        return
    for parameter in _query_names(operation):
        if found := sources.get(NAMED_IN_REQUESTS.get(parameter, "")):
            yield found, {**target, "parameters": {f"query.{parameter}": found.expression}}
    for field in _fields(operation, document):
        if found := sources.get(NAMED_IN_REQUESTS.get(field, "")):
            yield found, {**target, "requestBody": {field: found.expression}}


def _split(path: str) -> tuple[str, str | None]:
    """Return the collection of a path, and the name of its object in the path."""
    if (found := re.match(r"(?P<collection>.*)/\{(?P<name>\w+)\}", path)) is None:
        return path, None
    return found["collection"], found["name"]


def _names(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)


def _query_names(operation: Json) -> list[str]:
    return [each["name"] for each in operation.get("parameters", []) if each.get("in") == "query"]


def _fields(operation: Json, document: Json) -> list[str]:
    """Return the names of the outermost fields of the operation's body."""
    name = _component(operation.get("requestBody", {}))
    return list(document["components"]["schemas"].get(name, {}).get("properties", {}))


def _answered(operation: Json) -> str:
    return _component(operation["responses"].get("200", {}))


def _component(message: Json) -> str:
    """Return the name of the schema of a JSON body, empty where there is none."""
    schema: Json = message.get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).rsplit("/", 1)[-1]
