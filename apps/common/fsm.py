"""
State machines: django-fsm-2 with typed transitions and a safe reload.

Two faults of django-fsm-2 4.2.4 are closed here (see tests/common/test_fsm.py):
`transition` erases the method's signature for mypy, and `FSMModelMixin.refresh_from_db`
switches the protection off for the whole process while it runs, and for good if it fails.
"""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, ClassVar, ParamSpec, TypeVar, cast

import django_fsm
from django.db import models
from django.db.models import TextChoices

from apps.common.errors import DomainError

P = ParamSpec("P")
R = TypeVar("R")


class IllegalTransition(DomainError):
    """The object is not in a state from which this step is allowed."""

    code: ClassVar[str] = "invalid_state"
    template: ClassVar[str] = "{object} is {status}: {transition} is not possible."


class StatusField(django_fsm.FSMField):
    """A status that only transitions may change."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["protected"] = True
        kwargs.setdefault("max_length", 30)
        super().__init__(*args, **kwargs)


def transition(
    field: StatusField, *, source: TextChoices | Collection[TextChoices], target: TextChoices
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a method as the arrow from `source` to `target`; its body only sets fields."""

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        sources = list(source) if not isinstance(source, TextChoices) else source
        arrow = django_fsm.transition(field, source=sources, target=target)(method)

        @wraps(arrow)
        def step(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return cast(R, arrow(*args, **kwargs))
            except django_fsm.TransitionNotAllowed as refusal:
                raise IllegalTransition(
                    transition=method.__name__,
                    object=str(refusal.object),
                    status=str(getattr(refusal.object, field.attname)),
                ) from refusal

        return step

    return decorate


class StatefulModel(models.Model):
    """A model with a StatusField that can be reloaded without lifting the protection."""

    class Meta:
        abstract = True

    def refresh_from_db(
        self, using: str | None = None, fields: Any = None, from_queryset: Any = None
    ) -> None:
        """Reload; dropping the old status first makes reading the new one count as loading."""
        for field in self._meta.concrete_fields:
            if isinstance(field, StatusField) and (fields is None or field.attname in fields):
                self.__dict__.pop(field.attname, None)
        super().refresh_from_db(using=using, fields=fields, from_queryset=from_queryset)
