"""Fields that several dialogs of reconciliation ask for."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms

from apps.api.models import Merchant
from apps.backoffice.kit.dialogs import DialogForm
from apps.common.origin import Scope

_MAX_MERCHANTS: Final = 1_000


class ScopeForm(DialogForm):
    """Whose books it is about."""

    merchant = forms.ChoiceField(
        choices=lambda: list(
            Merchant.objects.order_by("name").values_list("id", "name")[:_MAX_MERCHANTS]
        )
    )
    livemode = forms.BooleanField(required=False, label="Live mode: real money")


def scope_of(answers: Mapping[str, Any]) -> Scope:
    """Return whose books were chosen."""
    return Scope(answers["merchant"], livemode=answers["livemode"])
