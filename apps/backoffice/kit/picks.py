"""Several rows of a list in one dialog: ticked, or named by their ids."""

from typing import Any, ClassVar, Final

from django import forms
from django.db.models import Model

from apps.backoffice.kit.dialogs import DialogForm

# More are nobody's work at once.
PICKS_MAX: Final = 100


class PicksForm(DialogForm):
    """Which rows of `model`; the answer is their ids, in the order in which they were named."""

    model: ClassVar[type[Model]]

    cases = forms.CharField(
        max_length=6000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=f"At most {PICKS_MAX} ids.",
    )

    def clean_cases(self) -> list[str]:
        """Return the ids, all of which are there."""
        wanted: list[Any] = list(
            dict.fromkeys(self.cleaned_data["cases"].replace(",", " ").split())
        )
        if len(wanted) > PICKS_MAX:
            raise forms.ValidationError(f"At most {PICKS_MAX} at once.")
        # The name by which Django offers any model its rows.
        known = self.model._default_manager.filter(pk__in=wanted)  # noqa: SLF001
        found = set(known.values_list("pk", flat=True))
        if missing := [name for name in wanted if name not in found]:
            kind = self.model._meta.verbose_name
            raise forms.ValidationError(f"There is no {kind} {missing[0][:60]}.")
        return wanted
