"""Fields that several dialogs of reconciliation ask for."""

from collections.abc import Mapping
from typing import Any

from django import forms

from apps.api.selectors import list_merchant_choices
from apps.backoffice.kit.dialogs import DialogForm
from apps.common.origin import Scope


class ScopeForm(DialogForm):
    """Whose books it is about."""

    merchant = forms.ChoiceField(choices=list_merchant_choices)
    livemode = forms.BooleanField(required=False, label="Live mode: real money")


def chosen_scope(answers: Mapping[str, Any]) -> Scope:
    """Return whose books were chosen."""
    return Scope(answers["merchant"], livemode=answers["livemode"])
