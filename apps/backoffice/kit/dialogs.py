"""
Dialogs: the only way in which the back-office changes anything.

A dialog opens by GET, which changes nothing, and acts by POST, with a CSRF token, its permission
checked and a nonce that works once. It is a page of its own, which a script shows on top of the
page that it was opened from.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from apps.backoffice.kit.display import plain_amount
from apps.backoffice.services.dialogs import Outcome
from apps.common.errors import DomainError
from apps.common.money import exponent, to_minor
from apps.common.origin import Origin

__all__ = [
    "AmountField",
    "Dialog",
    "DialogForm",
    "Outcome",
    "Place",
    "PreviewForm",
    "ReasonForm",
]


class DialogForm(forms.Form):
    """The fields of a dialog; `subject` is the object that the dialog is about."""

    nonce = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, subject: Any = None) -> None:
        super().__init__(data, initial={"nonce": uuid.uuid4()})
        self.subject = subject
        for each in self.fields.values():
            # Choices that are read from somewhere name things, which have one name everywhere.
            if isinstance(each, forms.ChoiceField) and isinstance(each.choices, list):
                each.choices = [(value, gettext(str(label))) for value, label in each.choices]

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what the answers come to, to be seen before they take effect."""
        return ()


class PreviewForm(DialogForm):
    """A form whose effect is shown before it can be sent: what is done is what was seen."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def shown(self) -> object:
        """Return what `facts` was made of; nothing while there is nothing to show."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        """Want the preview to be seen."""
        answers: dict[str, Any] = super().clean() or {}
        if self.shown() and answers.get("seen") != self.digest():
            self.data = {**dict(self.data.items()), "seen": self.digest()}
            raise ValidationError(gettext("Look at what this comes to, then send it once more."))
        return answers

    def digest(self) -> str:
        """Return by what a preview is known again."""
        return hashlib.sha256(repr(self.shown()).encode()).hexdigest()


class ReasonForm(DialogForm):
    """A dialog that asks why."""

    reason = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept in the audit trail.",
    )


class CodeField(forms.CharField):
    """A code of the second factor, asked for once more."""

    def __init__(self) -> None:
        super().__init__(
            label="Code",
            max_length=30,
            help_text="Six digits of your authenticator app: it is a while since you gave one.",
            widget=forms.TextInput(
                attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "class": "bo-code"}
            ),
        )


class AmountField(forms.CharField):
    """An amount typed in major units, exact for every currency; its value is minor units."""

    currency: str = ""

    def fit(self, *, currency: str, amount: int) -> None:
        """Take this currency, and offer this amount."""
        self.currency = currency
        self.initial = plain_amount(amount, currency)
        self.widget.attrs.update({"inputmode": "decimal", "autocomplete": "off"})
        said = (
            gettext("In %(currency)s, with a point: %(amount)s.")
            if exponent(currency)
            else gettext("In %(currency)s, which has no decimals: %(amount)s.")
        )
        self.help_text = said % {"currency": currency, "amount": self.initial}

    def to_python(self, value: Any) -> Any:
        """Return minor units."""
        text = super().to_python(value)
        if not text:
            return None
        try:
            return to_minor(text, self.currency)
        except DomainError as refusal:
            raise ValidationError(refusal.message) from refusal


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where a dialog was opened: a screen such as `payments.refund`, its query, and in which session.

    `picks` are the rows of the list that were ticked.
    """

    screen: str = ""
    query: str = ""
    session_id: str = ""
    picks: Sequence[str] = ()


class Dialog:
    """
    One thing that staff may do, to one object or (`subject` None) to a list.

    `permission` is checked when the dialog is offered, opened and sent; without one it is for
    everybody who may see the screen. `name` stands in the URL and in the audit trail. With
    `needs_fresh_factor` the form asks for a code unless the second factor was given lately: that is
    for everything that moves money or hands out access. Subclasses say when it is offered, what it
    shows, and what it does.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    permission: ClassVar[str]
    form_class: ClassVar[type[DialogForm]] = DialogForm
    submit: ClassVar[str] = "Do it"
    is_dangerous: ClassVar[bool] = False
    needs_fresh_factor: ClassVar[bool] = False
    is_download: ClassVar[bool] = False
    takes_picks: ClassVar[bool] = False

    def __init__(self, subject: Any, *, user: Any, place: Place = Place()) -> None:
        self.subject = subject
        self.user = user
        self.place = place

    @classmethod
    def is_allowed(cls, user: Any) -> bool:
        """Return whether this person may do it at all."""
        return not cls.permission or bool(user.has_perm(cls.permission))

    def is_offered(self) -> bool:
        """Return whether the object is in a state in which this makes sense."""
        return True

    def explanation(self) -> str:
        """Return the sentence above the form."""
        return ""

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what a person needs to know to decide."""
        return ()

    def prepare(self, form: DialogForm) -> None:
        """Fit the form's fields to the person, such as what they may choose from."""

    def initial(self) -> Mapping[str, Any]:
        """Return what the form begins with."""
        return {}

    def look(self) -> Mapping[str, Any]:
        """Return the object's facts for the audit trail, read afresh."""
        return {}

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Make the one call of the domain, and say what came of it."""
        raise NotImplementedError


class DownloadDialog(Dialog):
    """Fetch a file; who did is written down."""

    label = "Download…"
    submit = "Download"
    is_download = True

    def explanation(self) -> str:
        """Say that it is written down."""
        return "That you fetched it is kept in the audit trail."

    def open(self, *, now: datetime) -> tuple[IO[bytes], str]:
        """Return the file and its name."""
        raise NotImplementedError

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Open it."""
        del answers, origin
        file, name = self.open(now=now)
        return Outcome(message="Downloaded.", file=file, file_name=name)
