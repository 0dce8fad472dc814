"""Write docs/state-machines.md: the diagrams are drawn from the models, so they cannot lie."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import models

from apps.common.fsm import StatefulModel, StatusField

PATH = Path(settings.BASE_DIR) / "docs" / "state-machines.md"

_INTRODUCTION = """\
# State machines

Drawn from the models by `make docs`. An arrow is a `@transition` method of its name; nothing else
changes a status.
"""


class Command(BaseCommand):
    help = "Write docs/state-machines.md from the @transition methods of all models."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Replace the file."""
        PATH.write_text(draw_all())
        self.stdout.write(f"{PATH.relative_to(settings.BASE_DIR)} is written")


def draw_all() -> str:
    """Return the document with one diagram for each model that has a status."""
    stateful = (model for model in apps.get_models() if issubclass(model, StatefulModel))
    return "\n".join([_INTRODUCTION, *map(_draw, stateful)])


def _draw(model: type[models.Model]) -> str:
    title = str(model._meta.verbose_name).capitalize()
    return "\n".join([f"## {title}", "", "```mermaid", *_diagram(model), "```", ""])


def _diagram(model: type[models.Model]) -> Iterator[str]:
    yield "stateDiagram-v2"
    for field in model._meta.concrete_fields:
        if not isinstance(field, StatusField):
            continue
        yield f"    [*] --> {field.get_default()}"
        arrows = {(t.source, t.target, t.name) for t in field.get_all_transitions(model)}
        for source, target, name in sorted(map(_texts, arrows)):
            yield f"    {source} --> {target}: {name}"


def _texts(arrow: tuple[Any, Any, Any]) -> tuple[str, str, str]:
    source, target, name = map(str, arrow)
    return source, target, name
