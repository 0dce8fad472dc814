"""
What Stripe's SDK may send to the methods that we answer, and which of it is refused, and why.

The SDK's typed parameters are held against our request schemas. Each name that we do not take needs
a reason in `REASONS`, and no reason stands there for nothing: so the table in
docs/api/stripe-compatibility.md neither forgets nor promises anything.
"""

import ast
import importlib
import inspect
import re
import sys
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import stripe
from django.urls import Resolver404, resolve

from tests.sdk.refusals import REASONS

# About the transport, or taken by every address.
_EVERYWHERE = {*stripe.RequestOptions.__annotations__, "expand"}
_PARAMS = re.compile(r"\w+Params\b")
_PARAMS_INSIDE = re.compile(r"\w+Params\w+")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class UnexplainedRefusal(AssertionError):
    """A parameter is refused for no reason, or there is a reason for what is taken."""


# Reason -> name of a parameter -> the methods that refuse it. A name inside of a map has a dot.
Refusals = dict[str, dict[str, set[str]]]


def explained_refusals(methods: Iterable[str]) -> Refusals:
    """
    Return what is refused of these methods of `client.v1`, by reason.

    :raises UnexplainedRefusal: a refusal has no reason, or a reason no refusal
    """
    found: Refusals = {reason: defaultdict(set) for reason in REASONS}
    unexplained, used = [], set()
    for method in methods:
        for name in sorted(refused_parameters(method)):
            names = (f"{method}.{name}", name, name.rpartition(".")[2])
            key = next((key for key in names if key in _REASON_OF), "")
            if not key:
                unexplained.append(f"{method}.{name}")
                continue
            used.add(key)
            found[_REASON_OF[key]][name].add(method)
    idle = sorted(set(_REASON_OF) - used)
    if unexplained or idle:
        raise UnexplainedRefusal(f"without a reason: {unexplained}; reasons for nothing: {idle}")
    return found


def refusals_table(refusals: Refusals) -> list[str]:
    """Return the table of the parameters themselves."""
    cells = {
        reason: "<br>".join(
            f"`{name}`: {_listed(methods)}"
            for name, methods in sorted(by_name.items())
            if "." not in name
        )
        for reason, by_name in refusals.items()
    }
    return _table("parameters, and of which methods", cells)


def inner_refusals_table(refusals: Refusals) -> list[str]:
    """Return the table of what is refused inside of maps that are taken."""
    cells = {}
    for reason, by_name in refusals.items():
        inside: dict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
        for name, methods in by_name.items():
            path, dot, last = name.rpartition(".")
            if dot:
                inside[path, tuple(sorted(methods))].add(last)
        cells[reason] = "<br>".join(
            f"`{path}`: {_listed(names)} (of {_listed(methods)})"
            for (path, methods), names in sorted(inside.items())
        )
    return _table("maps, their parameters, and of which methods", cells)


def methods_not_offered(methods: Iterable[str]) -> list[str]:
    """Return the methods beside these, in the same services of the SDK, that have no address."""
    services = sorted({method.rpartition(".")[0] for method in methods})
    return [
        name
        for service in services
        for name in (f"{service}.{each}" for each in _requests(service))
        if not _is_offered(name)
    ]


def refused_parameters(method: str) -> set[str]:
    """
    Return the parameters which the SDK types for this method, and we answer as unknown.

    What is inside of a map, or of the maps of a list, stands behind the map's name and a dot.
    """
    function = _function(method)
    params = _params_of(function)
    if params is None:
        return set()
    verb, path = _address(function)
    view: Any = resolve(path.translate(_NO_BRACES)).func
    schema = view.view_class.schemas.get(verb)
    return set(_refused(params, schema().fields if schema else {})) - _EVERYWHERE


def _refused(params: type, fields: Mapping[str, Any]) -> Iterator[str]:
    """Return the names of a type of the SDK which a schema with these fields does not know."""
    types = vars(sys.modules[params.__module__])
    for name, annotation in params.__annotations__.items():
        if name not in fields:
            yield name
            continue
        # A map has fields of its own; a list of maps has them at its entry.
        taken = getattr(getattr(fields[name], "entry", fields[name]), "fields", None)
        if taken is None:
            continue
        for inner in _PARAMS_INSIDE.findall(str(annotation)):
            yield from (f"{name}.{each}" for each in _refused(types[inner], taken))


def _requests(service: str) -> list[str]:
    """Return the names of the service's methods that ask the API something."""
    return sorted(
        name
        for name, function in vars(type(_function(service))).items()
        if inspect.isfunction(function)
        and not name.startswith("_")
        and not name.endswith("_async")
        and "self._request(" in inspect.getsource(function)
    )


def _is_offered(method: str) -> bool:
    verb, path = _address(_function(method))
    try:
        found = resolve(path.translate(_NO_BRACES))
    except Resolver404:
        return False
    view: Any = found.func
    # A word of the address that would be taken for an id is no address.
    is_exact = set(found.kwargs.values()) <= set(_PLACEHOLDER.findall(path))
    return is_exact and hasattr(view.view_class, verb.lower())


_REASON_OF = {name: reason for reason, names in REASONS.items() for name in names.split()}


def _table(title: str, cells: Mapping[str, str]) -> list[str]:
    rows = [f"| {reason} | {cell} |" for reason, cell in cells.items() if cell]
    return [f"| why it is refused | {title} |", "|---|---|", *rows]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _function(method: str) -> Callable[..., Any]:
    node: Any = stripe.StripeClient("sk_test_unused").v1
    for name in method.split("."):
        node = getattr(node, name)
    return node  # type: ignore[no-any-return]


def _address(function: Callable[..., Any]) -> tuple[str, str]:
    """Return verb and path, with its placeholders, of the request that the function makes."""
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "self._request":
            verb = ast.literal_eval(node.args[0])
            address = node.args[1]
            if isinstance(address, ast.Call) and isinstance(address.func, ast.Attribute):
                address = address.func.value
            return str(verb).upper(), str(ast.literal_eval(address))
    raise LookupError(function)


_NO_BRACES = str.maketrans("", "", "{}")


def _params_of(function: Callable[..., Any]) -> type | None:
    """Return the type of the function's `params`; None when it takes none."""
    annotation = str(inspect.get_annotations(function).get("params", ""))
    named = _PARAMS.search(annotation)
    if named is None:
        return None
    module = inspect.getmodule(function)
    assert module is not None
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.ImportFrom) and named[0] in {each.name for each in node.names}:
            assert node.module is not None
            params: type = getattr(importlib.import_module(node.module), named[0])
            return params
    raise LookupError(named[0])
