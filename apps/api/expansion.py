"""
`expand[]`: ids in an answer replaced by their objects, one statement per kind of object.

Some objects also have lists that are shown only when asked for, such as the refunds of a charge.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.utils.module_loading import import_string

from apps.api.shapes import Answer, Shape
from apps.common.errors import InvalidParameter
from apps.common.origin import Scope

# Given ids and whose data it is; returns id -> object in the platform's own dialect.
Loader = Callable[[set[str], Scope], dict[str, dict[str, Any]]]

MAX_PATHS: Final = 20
MAX_LEVELS: Final = 4


def read_expand(value: Any) -> list[str]:
    """
    Return the paths of an `expand` parameter.

    :raises InvalidParameter: not a list of short paths
    """
    paths = [value] if isinstance(value, str) and value else value or []
    if not isinstance(paths, list) or len(paths) > MAX_PATHS:
        raise InvalidParameter(f"expand must be a list of at most {MAX_PATHS}.", param="expand")
    for place, path in enumerate(paths):
        if not isinstance(path, str) or not path or _levels(path) > MAX_LEVELS:
            raise InvalidParameter(
                f"A path to expand has one to {MAX_LEVELS} names.", param=f"expand[{place}]"
            )
    return paths


def _levels(path: str) -> int:
    """Count the names of a path; the entries of a list belong to the level of their list."""
    return 1 + path.replace(".data.", ".").removeprefix("data.").count(".")


def check_expand(paths: Iterable[str], answer: Answer | None) -> None:
    """
    Refuse paths that the answer does not have before a POST is executed: afterwards it is too late.

    :raises InvalidParameter: a path whose first name cannot be expanded
    """
    for place, path in enumerate(paths):
        if not _can_begin(path.partition(".")[0], answer):
            raise InvalidParameter(
                f"This property cannot be expanded: {path[:100]}.", param=f"expand[{place}]"
            )


def _can_begin(name: str, answer: Answer | None) -> bool:
    if not isinstance(answer, Shape):
        return False
    return name in answer.expandable or f"{answer.kind}.{name}" in _inclusion_paths()


def expand(
    body: dict[str, Any], paths: Iterable[str], scope: Scope, *, strict: bool = True
) -> dict[str, Any]:
    """
    Return the answer with the ids at `paths` replaced by their objects.

    Objects that do not exist any more stay ids; without `strict` so does everything that a path
    does not lead to.

    :raises InvalidParameter: a path that leads nowhere or to something that is no id
    """
    expanded: dict[str, Any] = dict(body)
    for place, path in enumerate(paths):
        try:
            _expand_path(expanded, path.split("."), scope, f"expand[{place}]")
        except InvalidParameter:
            if strict:
                raise
    return expanded


def _expand_path(body: dict[str, Any], names: list[str], scope: Scope, param: str) -> None:
    nodes = [body]
    for name in names:
        _include(nodes, name, scope)
        if nodes and not any(name in node for node in nodes):
            shown = ".".join(names)[:100]
            raise InvalidParameter(f"This property cannot be expanded: {shown}.", param=param)
        _load_ids(nodes, name, scope, param)
        nodes = [child for node in nodes for child in _children(node, name)]


def _include(nodes: list[dict[str, Any]], name: str, scope: Scope) -> None:
    """Add what these objects show only when asked for."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for node in nodes:
        if name not in node and f"{node.get('object')}.{name}" in _inclusion_paths():
            by_kind.setdefault(f"{node['object']}.{name}", []).append(node)
    for kind, lacking in by_kind.items():
        load: Loader = import_string(_inclusion_paths()[kind])
        found = load({node["id"] for node in lacking}, scope)
        for node in lacking:
            if node["id"] in found:
                node[name] = found[node["id"]]


def _children(node: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Copy what lies below before it is changed: an answer may show one object twice."""
    value = node.get(name)
    if isinstance(value, list):
        node[name] = [dict(entry) if isinstance(entry, dict) else entry for entry in value]
        return [entry for entry in node[name] if isinstance(entry, dict)]
    if isinstance(value, dict):
        node[name] = dict(value)
        return [node[name]]
    return []


def _load_ids(nodes: list[dict[str, Any]], name: str, scope: Scope, param: str) -> None:
    by_prefix: dict[str, set[str]] = {}
    for node in nodes:
        for found in _ids(node.get(name), param):
            by_prefix.setdefault(found.partition("_")[0], set()).add(found)
    objects: dict[str, dict[str, Any]] = {}
    for prefix, ids in by_prefix.items():
        objects |= _loader(prefix, param)(ids, scope)
    if objects:
        for node in nodes:
            node[name] = _replace(node.get(name), objects)


def _ids(value: Any, param: str) -> list[str]:
    if value is None or isinstance(value, dict):
        return []
    if isinstance(value, list):
        return [entry for entry in value if isinstance(entry, str)]
    if not isinstance(value, str):
        raise InvalidParameter("This property cannot be expanded.", param=param)
    return [value] if value else []


def _replace(value: Any, objects: dict[str, dict[str, Any]]) -> Any:
    if isinstance(value, str):
        return objects.get(value, value)
    if isinstance(value, list):
        return [objects.get(entry, entry) if isinstance(entry, str) else entry for entry in value]
    return value


def _loader(prefix: str, param: str) -> Loader:
    path = _loader_paths().get(prefix)
    if path is None:
        raise InvalidParameter("This property cannot be expanded.", param=param)
    loader: Loader = import_string(path)
    return loader


@cache
def _loader_paths() -> dict[str, str]:
    paths: dict[str, str] = import_string(settings.API_RESOURCE_LOADERS)
    return paths


@cache
def _inclusion_paths() -> dict[str, str]:
    paths: dict[str, str] = import_string(settings.API_INCLUSIONS)
    return paths
