"""The words which the code of the back-office shows: what a catalogue has to translate."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

# Class attributes and keyword arguments whose text is shown.
_SHOWN: Final = {
    "label",
    "submit",
    "description",
    "help_text",
    "empty",
    "search_help_text",
    "hint",
    "message",
    "no_match",
}
# Panels: their titles, and the names in their rows or columns.
_PANELS: Final = {"Facts", "Table", "Timeline"}


def labels() -> set[str]:
    """Return every text that the screens' code names as a label, a title, a column or a hint."""
    found: set[str] = set()
    for file in [*_files(), Path("config/backoffice.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            found.update(_texts(node))
    return {text for text in found if any(letter.isalpha() for letter in text)}


def _files() -> list[Path]:
    parts = ("admin.py", "admin/*.py", "outcomes.py")
    screens = [file for part in parts for file in Path("apps").glob(f"*/{part}")]
    return [*screens, *Path("apps/backoffice/kit").glob("*.py")]


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ClassDef):
        yield from _attributes(node)
    elif isinstance(node, ast.Call):
        yield from _words(each.value for each in node.keywords if each.arg in _SHOWN)
        if getattr(node.func, "id", "") in _PANELS:
            yield from _words(node.args[:1])
            yield from _rows(node)


def _attributes(node: ast.ClassDef) -> Iterator[str]:
    for line in node.body:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            name = line.targets[0].id
            if name in _SHOWN:
                yield from _words([line.value])
            elif name == "tabs":
                yield from _firsts(line.value)


def _rows(node: ast.Call) -> Iterator[str]:
    """Return the columns of a table, or the names of facts."""
    second = node.args[1] if len(node.args) > 1 else None
    if getattr(node.func, "id", "") == "Table" and isinstance(second, ast.Tuple):
        yield from _words(second.elts)
    elif isinstance(second, ast.List):
        yield from _firsts(second)


def _firsts(node: ast.AST) -> Iterator[str]:
    pairs = [each for each in getattr(node, "elts", []) if isinstance(each, ast.Tuple)]
    yield from _words(pair.elts[0] for pair in pairs)


def _words(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.IfExp):
            yield from _words((node.body, node.orelse))


def untranslatable_outcomes() -> list[str]:
    """Return where a dialog tells something that no catalogue can hold: values within its words."""
    found = []
    for file in _files():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Outcome":
                told = [each.value for each in node.keywords if each.arg == "message"]
                found += [f"{file}:{node.lineno}" for each in told if not _is_template(each)]
    return found


def _is_template(node: ast.AST) -> bool:
    """Return whether it is a text, one of two, or one that stands in the dialog's class."""
    if isinstance(node, ast.IfExp):
        return _is_template(node.body) and _is_template(node.orelse)
    return isinstance(node, ast.Constant) or ast.unparse(node) == "self.message"
