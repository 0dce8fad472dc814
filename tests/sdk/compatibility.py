"""
docs/api/stripe-compatibility.md, made from the SDK's tests: `python -m tests.sdk.compatibility`.

A method of the SDK is in the table because a test calls it; nobody writes the table by hand.
"""

import ast
import os
from collections import defaultdict
from pathlib import Path

import django

from tests.sdk.parameters import (
    explained_refusals,
    inner_refusals_table,
    methods_not_offered,
    refusals_table,
)

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "api" / "stripe-compatibility.md"
ERRORS_END = "Error"


def compatibility_table() -> str:
    """Return the document."""
    methods: dict[str, set[str]] = defaultdict(set)
    errors: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests" / "sdk").glob("test_stripe_python*.py")):
        where = path.relative_to(ROOT).as_posix()
        for test in ast.parse(path.read_text()).body:
            if not (isinstance(test, ast.FunctionDef) and test.name.startswith("test_")):
                continue
            for node in ast.walk(test):
                name = _dotted(node)
                if isinstance(node, ast.Call):
                    name = _dotted(node.func)
                    if name.startswith("client.v1."):
                        methods[name.removeprefix("client.v1.")].add(f"`{where}::{test.name}`")
                elif name.startswith("stripe.") and name.endswith(ERRORS_END):
                    errors[name.removeprefix("stripe.")].add(f"`{where}::{test.name}`")
    refusals = explained_refusals(methods)
    return "\n".join(
        [
            "# What Stripe's SDK does here",
            "",
            "Made from the tests by `make docs`: each call below is made by a test, with the",
            "unmodified `stripe` package, against the running server. The Node package runs the",
            "main ones again in `tests/sdk/test_stripe_node.py`, and meets all classes of errors",
            "in `tests/sdk/test_stripe_python_errors.py`.",
            "",
            *_table("method of `client.v1`", methods),
            "",
            *_table("error class", errors),
            "",
            "## What is not offered",
            "",
            "Methods beside these in the same services of the SDK; answered with 404 or 405:",
            ", ".join(f"`{name}`" for name in methods_not_offered(methods)) + ".",
            "",
            "## What is refused",
            "",
            "Parameters that the SDK types for these methods and that are answered with",
            "`parameter_unknown`.",
            "",
            *refusals_table(refusals),
            "",
            "Of the maps that are taken, and of the maps in a list, these:",
            "",
            *inner_refusals_table(refusals),
            "",
        ]
    )


def _table(title: str, rows: dict[str, set[str]]) -> list[str]:
    entries = [f"| `{name}` | {'<br>'.join(sorted(rows[name]))} |" for name in sorted(rows)]
    return [f"| {title} | tests |", "|---|---|", *entries]


def _dotted(node: ast.AST) -> str:
    """Return `a.b.c` for such an expression, else an empty text."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = _dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
    django.setup()
    DOCUMENT.write_text(compatibility_table())
