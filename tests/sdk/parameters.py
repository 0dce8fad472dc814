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
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import stripe
from django.urls import Resolver404, resolve

from tests.sdk.refusals import REASONS

if TYPE_CHECKING:
    # For the checker alone: the document is also made where no settings are loaded yet.
    from apps.api.schemas import RequestSchema

# About the transport, or taken by every address.
_EVERYWHERE = {*stripe.RequestOptions.__annotations__, "expand"}
_PARAMS = re.compile(r"\w+Params\b")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class UnexplainedRefusal(AssertionError):
    """A parameter is refused for no reason, or there is a reason for what is taken."""


def refusals_table(methods: Iterable[str]) -> list[str]:
    """
    Return a table of what is refused of these methods of `client.v1`, by reason.

    :raises UnexplainedRefusal: a refusal has no reason, or a reason no refusal
    """
    found: dict[str, dict[str, set[str]]] = {reason: defaultdict(set) for reason in REASONS}
    unexplained, used = [], set()
    for method in methods:
        for name in sorted(refused_parameters(method)):
            key = next((key for key in (f"{method}.{name}", name) if key in _REASON_OF), "")
            if not key:
                unexplained.append(f"{method}.{name}")
                continue
            used.add(key)
            found[_REASON_OF[key]][name].add(method)
    idle = sorted(set(_REASON_OF) - used)
    if unexplained or idle:
        raise UnexplainedRefusal(f"without a reason: {unexplained}; reasons for nothing: {idle}")
    rows = [f"| {reason} | {_cell(found[reason])} |" for reason in REASONS]
    return ["| why it is refused | parameters, and of which methods |", "|---|---|", *rows]


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
    """Return the parameters which the SDK types for this method, and we answer as unknown."""
    function = _function(method)
    verb, path = _address(function)
    view: Any = resolve(path.translate(_NO_BRACES)).func
    schema = view.view_class.schemas.get(verb)
    return _typed(function) - _EVERYWHERE - _taken(schema)


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


def _cell(parameters: Mapping[str, set[str]]) -> str:
    return "<br>".join(
        f"`{name}`: {', '.join(f'`{method}`' for method in sorted(methods))}"
        for name, methods in sorted(parameters.items())
    )


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


def _typed(function: Callable[..., Any]) -> set[str]:
    """Return the names in the type of the function's `params`."""
    annotation = str(inspect.get_annotations(function).get("params", ""))
    named = _PARAMS.search(annotation)
    if named is None:
        return set()
    module = inspect.getmodule(function)
    assert module is not None
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.ImportFrom) and named[0] in {each.name for each in node.names}:
            assert node.module is not None
            params = getattr(importlib.import_module(node.module), named[0])
            return set(params.__annotations__)
    raise LookupError(named[0])


def _taken(schema: "type[RequestSchema] | None") -> set[str]:
    return set(schema().fields) if schema is not None else set()
