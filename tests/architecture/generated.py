"""
Documents made from the code: `python -m tests.architecture.generated` writes them anew.

A test compares them with what is committed, so they are never stale.
"""

import re
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE_MACHINES = ROOT / "docs" / "state-machines.md"
ACCEPTANCE = ROOT / "docs" / "acceptance.md"

_TEST = re.compile(r"^(?:async )?def (test_ac_(\d{3})([a-f]?)_\w+)", re.MULTILINE)


def acceptance_table() -> str:
    """Return docs/acceptance.md: which tests stand for which case."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name, number, letter in _TEST.findall(path.read_text()):
            case = f"AC-{int(number):02d}{letter}"
            where = path.relative_to(ROOT).as_posix()
            found.setdefault(case, []).append(f"`{where}::{name}`")
    lines = [
        "# Acceptance cases and their tests",
        "",
        "Made from the names of the tests by `make docs`; a case without a row has no test yet.",
        "",
        "| case | tests |",
        "|---|---|",
        *(f"| {case} | {'<br>'.join(found[case])} |" for case in sorted(found, key=_order)),
    ]
    return "\n".join(lines) + "\n"


def _order(case: str) -> tuple[int, str]:
    number = re.search(r"\d+", case)
    return (int(number[0]) if number else 0, case)


def state_machines() -> str:
    """Return docs/state-machines.md: a diagram per model with a protected status."""
    from django.apps import apps  # noqa: PLC0415 - after django.setup()

    from apps.common.fsm import StatefulModel, StatusField  # noqa: PLC0415

    lines = [
        "# State machines",
        "",
        "Made from the `@transition` methods by `make docs`. An arrow is the name of the method.",
    ]
    models = [model for model in apps.get_models() if issubclass(model, StatefulModel)]
    for model in sorted(models, key=lambda model: model._meta.label):
        if "Historical" in model.__name__:
            continue
        for field in model._meta.concrete_fields:
            if isinstance(field, StatusField):
                lines += ["", f"## {model._meta.label}", "", "```mermaid", "stateDiagram-v2"]
                lines += sorted(set(_arrows(field.get_all_transitions(model))))
                lines.append("```")
    return "\n".join(lines) + "\n"


def _arrows(transitions: Iterable[object]) -> Iterable[str]:
    for arrow in transitions:
        source, target = getattr(arrow, "source"), getattr(arrow, "target")  # noqa: B009
        yield f"    {source} --> {target}: {getattr(arrow, 'name')}"  # noqa: B009


def main() -> None:
    """Write all generated documents."""
    import os  # noqa: PLC0415

    import django  # noqa: PLC0415

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
    django.setup()
    ACCEPTANCE.write_text(acceptance_table())
    STATE_MACHINES.write_text(state_machines())


if __name__ == "__main__":
    main()
