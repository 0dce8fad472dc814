"""Examples of requests in the OpenAPI document, from the map of `settings.API_EXAMPLES` (MAP 7)."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

Json = dict[str, Any]


def add_examples(result: Json, **_options: Any) -> Json:
    """Show the examples with their operations; a postprocessing hook of drf-spectacular."""
    known: Mapping[str, Mapping[str, Any]] = import_string(settings.API_EXAMPLES)
    for operation, examples in known.items():
        method, path = operation.split(" ")
        content = result["paths"][path][method.lower()]["requestBody"]["content"]
        content["application/json"]["examples"] = {
            name: {"value": body} for name, body in examples.items()
        }
    return result
