"""Handing work to people: taking one case, and giving several of a list to one person."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.db.models import Q, QuerySet

from apps.backoffice.kit.dialogs import Dialog, Outcome
from apps.backoffice.kit.picks import PicksForm
from apps.backoffice.models import User
from apps.common.origin import Origin


class AssignToMeDialog(Dialog):
    """Take the work on one case; subclasses name the right and the service."""

    name = "assign"
    label = "Assign to me…"
    submit = "Assign to me"

    def take(self) -> None:
        """Note that this person works on it."""
        raise NotImplementedError

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Note who works on it."""
        del answers, origin, now
        self.take()
        return Outcome(message="{case} is yours.", facts={"case": self.subject.pk})


class BulkAssignForm(PicksForm):
    """Which cases, and whose they are from now on; `permission` is what working on them takes."""

    permission: ClassVar[str]

    person = forms.ModelChoiceField(
        queryset=User.objects.none(), label="Person", empty_label="Nobody", required=False
    )

    def __init__(self, data: Any = None, *, subject: Any = None) -> None:
        super().__init__(data, subject=subject)
        person: Any = self.fields["person"]
        person.queryset = workers(self.permission)


class BulkAssignDialog(Dialog):
    """Hand several cases to one person; subclasses name the form, the right and the service."""

    name = "bulk-assign"
    label = "Assign several…"
    submit = "Assign"
    takes_picks = True

    def assign(self, ids: Collection[str], person: User | None) -> None:
        """Note who works on these."""
        raise NotImplementedError

    def initial(self) -> Mapping[str, Any]:
        """Begin with what was ticked in the list, and with oneself."""
        return {"cases": "\n".join(self.place.picks), "person": self.user.pk}

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Note who works on them."""
        del origin, now
        ids, person = answers["cases"], answers["person"]
        self.assign(ids, person)
        return Outcome(
            message="Assigned to {person}: {count}." if person else "Assigned to nobody: {count}.",
            facts={"person": person, "count": len(ids)},
        )


def workers(permission: str) -> QuerySet[User]:
    """Return who has the right by a role, and every superuser."""
    app, codename = permission.split(".")
    role = Q(
        groups__permissions__codename=codename,
        groups__permissions__content_type__app_label=app,
    )
    people = User.objects.filter(role | Q(is_superuser=True), is_active=True)
    return people.distinct().order_by("email")
