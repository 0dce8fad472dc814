"""Handing work to people: taking one case, and giving several of a list to one person."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.db.models import Model, Q, QuerySet

from apps.backoffice.kit.dialogs import Dialog, DialogForm, Outcome
from apps.backoffice.models import User
from apps.common.origin import Origin

# More are nobody's work at once.
ASSIGN_MAX = 100


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
        return Outcome(message=f"{self.subject.pk} is yours.")


class BulkAssignForm(DialogForm):
    """Which cases, and whose they are from now on; `permission` is what working on them takes."""

    model: ClassVar[type[Model]]
    permission: ClassVar[str]

    cases = forms.CharField(
        max_length=6000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=f"At most {ASSIGN_MAX} ids.",
    )
    person = forms.ModelChoiceField(
        queryset=User.objects.none(), label="Person", empty_label="Nobody", required=False
    )

    def __init__(self, data: Any = None, *, subject: Any = None) -> None:
        super().__init__(data, subject=subject)
        person: Any = self.fields["person"]
        person.queryset = workers(self.permission)

    def clean_cases(self) -> list[str]:
        """Return the ids, in the order in which they were named."""
        wanted = list(dict.fromkeys(self.cleaned_data["cases"].replace(",", " ").split()))
        if len(wanted) > ASSIGN_MAX:
            raise forms.ValidationError(f"At most {ASSIGN_MAX} at once.")
        # The name by which Django offers any model its rows.
        known = self.model._default_manager.filter(pk__in=wanted)  # noqa: SLF001
        found = set(known.values_list("pk", flat=True))
        if missing := [name for name in wanted if name not in found]:
            kind = self.model._meta.verbose_name
            raise forms.ValidationError(f"There is no {kind} {missing[0][:60]}.")
        return wanted


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
        return Outcome(message=f"Assigned to {person or 'nobody'}: {len(ids)}.")


def workers(permission: str) -> QuerySet[User]:
    """Return who has the right by a role, and every superuser."""
    app, codename = permission.split(".")
    role = Q(
        groups__permissions__codename=codename,
        groups__permissions__content_type__app_label=app,
    )
    people = User.objects.filter(role | Q(is_superuser=True), is_active=True)
    return people.distinct().order_by("email")
