"""The dialogs above every list that keep its filter, and forget it again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms

from apps.backoffice.kit.dialogs import Dialog, DialogForm, Outcome
from apps.backoffice.kit.display import words
from apps.backoffice.kit.exports import filter_in_words
from apps.backoffice.models import SavedView
from apps.backoffice.selectors import find_view, roles_of
from apps.backoffice.services.views import remove_view, save_view
from apps.common.origin import Origin


class SaveViewForm(DialogForm):
    """A name, and for whom."""

    name = forms.CharField(max_length=40)
    role = forms.CharField(
        label="Share with",
        required=False,
        widget=forms.Select,
        help_text="Everybody who has this role finds the view above their list.",
    )
    is_default = forms.BooleanField(
        label="Open the list with it",
        required=False,
        help_text="From your sidebar; the tab All shows the whole list.",
    )


class SaveViewDialog(Dialog):
    """Keep the list's filter under a name."""

    name = "save-view"
    label = "Save view…"
    permission = ""
    form_class = SaveViewForm
    submit = "Save"

    def is_offered(self) -> bool:
        """Return whether there is a filter to keep."""
        return bool(self.place.query)

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return the filter in words."""
        return [("Filter", filter_in_words(self.place.query))]

    def prepare(self, form: DialogForm) -> None:
        """Offer the person's own roles."""
        widget: Any = form.fields["role"].widget
        widget.choices = [("", "Nobody"), *((role, words(role)) for role in roles_of(self.user))]

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Save it."""
        view = save_view(
            user=self.user,
            screen=self.place.screen,
            name=answers["name"],
            query=self.place.query,
            role=answers["role"],
            is_default=answers["is_default"],
            now=now,
        )
        return Outcome(message="Saved as {name}.", facts={"name": view.name})


class RemoveViewDialog(Dialog):
    """Forget the view that is shown."""

    name = "remove-view"
    label = "Remove view…"
    permission = ""
    submit = "Remove"

    def is_offered(self) -> bool:
        """Return whether the list shows a view of one's own."""
        return self._view() is not None

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return which one."""
        view = self._view()
        return [("View", view.name)] if view else []

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Remove it."""
        view = self._view()
        if view is not None:
            remove_view(view=view, user=self.user)
        return Outcome(message="The view is removed.")

    def _view(self) -> SavedView | None:
        if not self.place.query:
            return None
        return find_view(user=self.user, screen=self.place.screen, query=self.place.query)
