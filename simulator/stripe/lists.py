"""Pages of objects, newest first, and the search by metadata."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from simulator.stripe.errors import InvalidParameter, InvalidRequest
from simulator.stripe.forms import Params

_DEFAULT_LIMIT = 10
_MAX_LIMIT = 100

PAGE_PARAMS = frozenset({"limit", "starting_after", "ending_before", "created", "expand"})
SEARCH_PARAMS = frozenset({"query", "limit", "page", "expand"})

_CLAUSE = re.compile(r"metadata\[(['\"])([^'\"]+)\1\]\s*:\s*(['\"])((?:[^'\"\\]|\\.)*)\3")


class _Listed(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def created(self) -> int: ...


_Item = TypeVar("_Item", bound=_Listed)


def show_page(
    params: Params,
    items: Iterable[_Item],
    show: Callable[[_Item], dict[str, Any]],
    *,
    url: str,
) -> dict[str, Any]:
    """
    Return one page; `items` come oldest first.

    :raises InvalidParameter: the limit is out of range, or a cursor is unknown
    """
    limit = _read_limit(params)
    found = [item for item in items if _is_created_in(params.values.get("created"), item)]
    found.reverse()
    before = params.text("ending_before")
    if before:
        ahead = found[: _position(found, before, "ending_before")]
        page, has_more = ahead[-limit:], len(ahead) > limit
    else:
        after = params.text("starting_after")
        rest = found[_position(found, after, "starting_after") + 1 :] if after else found
        page, has_more = rest[:limit], len(rest) > limit
    return {
        "object": "list",
        "data": [show(item) for item in page],
        "has_more": has_more,
        "url": url,
    }


def show_search(
    params: Params,
    find: Callable[[dict[str, str]], Iterable[_Item]],
    show: Callable[[_Item], dict[str, Any]],
    *,
    url: str,
) -> dict[str, Any]:
    """
    Return the first page of the objects whose metadata the query asks for, newest first.

    :raises InvalidRequest: the query asks for anything else
    """
    limit = _read_limit(params)
    found = list(find(read_query(params.required_text("query"))))
    found.reverse()
    return {
        "object": "search_result",
        "data": [show(item) for item in found[:limit]],
        "has_more": len(found) > limit,
        "next_page": None,
        "url": url,
    }


def read_query(query: str) -> dict[str, str]:
    """
    Return the metadata that a query such as `metadata['order']:'7'` asks for.

    :raises InvalidRequest: it holds anything else
    """
    clauses = [_CLAUSE.fullmatch(part.strip()) for part in re.split(r"\s+AND\s+", query)]
    if not all(clauses):
        raise InvalidRequest(
            "We were unable to parse your search query: only metadata['key']:'value', joined by "
            "AND, is known here.",
            param="query",
        )
    return {each[2]: re.sub(r"\\(.)", r"\1", each[4]) for each in clauses if each}


def _read_limit(params: Params) -> int:
    limit = params.integer("limit")
    if limit is None:
        return _DEFAULT_LIMIT
    if not 1 <= limit <= _MAX_LIMIT:
        raise InvalidParameter(
            "The limit must be between 1 and 100.", code="parameter_invalid_integer", param="limit"
        )
    return limit


def _is_created_in(wanted: Any, item: _Listed) -> bool:
    if not wanted:
        return True
    if isinstance(wanted, str):
        return item.created == Params({"created": wanted}).integer("created")
    bounds = Params(wanted, "created")
    bounds.check_known(frozenset({"gt", "gte", "lt", "lte"}))
    lowest = max((bounds.integer("gt") or -1) + 1, bounds.integer("gte") or 0)
    lt, lte = bounds.integer("lt"), bounds.integer("lte")
    return (
        item.created >= lowest
        and (lt is None or item.created < lt)
        and (lte is None or item.created <= lte)
    )


def _position(found: Sequence[_Listed], reference: str, param: str) -> int:
    for position, item in enumerate(found):
        if item.id == reference:
            return position
    raise InvalidParameter(f"No such object: '{reference}'", code="resource_missing", param=param)
