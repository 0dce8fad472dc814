"""The ids of the examples in the API's document, and real ones in their place."""

from typing import Any


def with_objects(value: Any, objects: dict[str, str]) -> Any:
    """Return an example with objects that exist in the place of those of the document."""
    if isinstance(value, list):
        return [with_objects(entry, objects) for entry in value]
    if isinstance(value, dict):
        return {
            name: objects[name] if name in objects else with_objects(entry, objects)
            for name, entry in value.items()
        }
    return value
