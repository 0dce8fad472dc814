"""The webhooks section of the OpenAPI document, made from the catalogue of events (MAP 6)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.conf import settings
from django.utils.module_loading import import_string

from apps.api.shapes import Shape

Json = dict[str, Any]

_TAG: Final = "webhooks"
_DESCRIPTION: Final = (
    "Sent to every endpoint that wants it, at least once: tell repetitions by `webhook-id`, which"
    " is the event's id. Any 2xx is success. Endpoints of Stripe's dialect get the object in"
    " Stripe's shape (docs/api/dialects.md)."
)
_HEADERS: Final = {
    "Stripe-Signature": "`t=<unix>,v1=<hex>`: HMAC-SHA256 of `<t>.<body>`",
    "webhook-id": "The event's id",
    "webhook-timestamp": "Unix seconds",
    "webhook-signature": "`v1,<base64>`: Standard Webhooks",
}


def add_webhooks(result: Json, **_options: Any) -> Json:
    """Describe each event as a webhook; a postprocessing hook of drf-spectacular."""
    catalog: Mapping[str, Sequence[str]] = import_string(settings.EVENT_CATALOG)
    schemas = result["components"]["schemas"]
    described = {}
    for path, types in catalog.items():
        shape: Shape = import_string(path)
        schemas.setdefault(shape.name, shape.schema())
        for type_ in types:
            described[type_] = {"post": _operation(type_, shape)}
    result["components"]["parameters"] = {
        _component(name): _header(name, text) for name, text in _HEADERS.items()
    }
    result["tags"] = [*result.get("tags", []), {"name": _TAG, "description": _DESCRIPTION}]
    result["webhooks"] = dict(sorted(described.items()))
    result["components"]["schemas"] = dict(sorted(schemas.items()))
    return result


def _operation(type_: str, shape: Shape) -> Json:
    return {
        "operationId": f"on_{type_.replace('.', '_')}",
        "summary": type_,
        "tags": [_TAG],
        "security": [],
        "parameters": [
            {"$ref": f"#/components/parameters/{_component(name)}"} for name in _HEADERS
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _message(type_, shape)}},
        },
        "responses": {"2XX": {"description": "The endpoint has it."}},
    }


def _component(header: str) -> str:
    return "".join(part.title() for part in header.split("-"))


def _header(name: str, text: str) -> Json:
    schema = {"type": "string"}
    return {"name": name, "in": "header", "required": True, "description": text, "schema": schema}


def _message(type_: str, shape: Shape) -> Json:
    """Return the schema of the event, narrowed to its type and its object."""
    carried = {"object": {"$ref": f"#/components/schemas/{shape.name}"}}
    return {
        "allOf": [
            {"$ref": "#/components/schemas/Event"},
            {
                "type": "object",
                "properties": {
                    "type": {"type": "string", "const": type_},
                    "data": {"type": "object", "required": ["object"], "properties": carried},
                },
            },
        ]
    }
