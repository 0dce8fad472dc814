"""
What Schemathesis is told about requests: some bodies are examples, and none is tried twice.

Of a random object hardly one in a thousand can be created, and only what is created leads on. So
the program under test sees examples as well as whatever comes to mind. `OBJECTS` maps names of
parameters to ids of objects that exist, in the place of those of the document.
"""

import json
import os
import uuid
from typing import Any

import schemathesis
from hypothesis import strategies
from schemathesis.generation.meta import CoveragePhaseData, CoverageScenario

from config.api_examples import EXAMPLES
from tests.api.placeholders import with_objects

# What only a fault of ours would show.
INSIDE = (b"Traceback (most recent call last)", b"psycopg", b"django.", b"site-packages")
OBJECTS: dict[str, str] = json.loads(os.environ.get("OBJECTS", "{}"))


# Which of the optional parameters come along, and with which of their values.
COMBINATIONS = {CoverageScenario.VALID_OBJECT, CoverageScenario.OBJECT_REQUIRED_AND_OPTIONAL}
# What all lists share is tried on one of them.
PAGING = {"created", "ending_before", "limit", "starting_after"}
tried: set[tuple[object, ...]] = set()


@schemathesis.check
def tells_nothing_of_the_inside(
    _context: schemathesis.CheckContext,
    response: schemathesis.Response,
    _case: "schemathesis.Case[Any]",
) -> None:
    """Fail on an answer that shows how the platform is made."""
    for word in INSIDE:
        assert word not in response.content, word.decode()


@schemathesis.hook
def filter_case(_context: schemathesis.HookContext, case: "schemathesis.Case[Any]") -> bool:
    """
    Leave out what repeats a rule that was tried on the same part of the same operation.

    The coverage phase combines every way to write each of the parameters with each other.
    """
    rule = case.meta.phase.data if case.meta is not None else None
    if not isinstance(rule, CoveragePhaseData):
        return True
    place: tuple[object, ...] = (rule.parameter_location, rule.parameter)
    if rule.scenario not in COMBINATIONS:
        place = (*place, rule.description)
    operation = "list" if rule.parameter in PAGING else f"{case.method} {case.path}"
    mark = (operation, rule.scenario, *place)
    if mark in tried:
        return False
    tried.add(mark)
    return True


@schemathesis.hook
def flatmap_body(context: schemathesis.HookContext, body: Any) -> strategies.SearchStrategy[Any]:
    """Return either the generated body or an example of the operation."""
    operation = context.operation
    assert operation is not None
    examples = EXAMPLES.get(f"{operation.method.upper()} {operation.path}", {})
    known = [strategies.just(with_objects(example, OBJECTS)) for example in examples.values()]
    return strategies.one_of(strategies.just(body), *known)


@schemathesis.hook
def map_headers(_context: schemathesis.HookContext, headers: Any) -> Any:
    """Send a key that no request had before: chance repeats the short ones."""
    if headers and headers.get("Idempotency-Key"):
        return {**headers, "Idempotency-Key": uuid.uuid4().hex}
    return headers
