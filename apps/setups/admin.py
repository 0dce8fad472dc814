"""Setup intents in the back-office: how saving a card went, and why it did not."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.backoffice.kit.dialogs import Dialog, Outcome, ReasonForm
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    chip,
    identifier,
    moment,
    stacked,
    words,
)
from apps.backoffice.kit.filters import created_filter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Text
from apps.common.origin import Origin
from apps.outbox.timeline import timeline_of
from apps.setups.models import SetupIntent
from apps.setups.services.setups import cancel_setup
from apps.setups.states import UNSETTLED, SetupStatus

_TONES: Final = {
    SetupStatus.PROCESSING: Tone.BUSY,
    SetupStatus.REQUIRES_ACTION: Tone.BUSY,
    SetupStatus.SUCCEEDED: Tone.GOOD,
}


class CancelDialog(Dialog):
    """Give a setup up."""

    name = "cancel"
    label = "Cancel…"
    permission = "backoffice.cancel_payment"
    form_class = ReasonForm
    submit = "Cancel the setup"
    is_dangerous = True
    subject: SetupIntent

    def is_offered(self) -> bool:
        """Return whether the payer could still save a card by it."""
        return self.subject.status in UNSETTLED

    def explanation(self) -> str:
        """Say that nothing is charged."""
        return "No card is saved by it any more. Nothing was charged."

    def look(self) -> Mapping[str, Any]:
        """Return where the setup stands."""
        return SetupIntent.objects.values("status").get(pk=self.subject.pk)

    def work(self, _answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Cancel."""
        cancel_setup(
            scope=self.subject.scope,
            setup_id=self.subject.pk,
            reason="requested_by_customer",
            origin=origin,
            now=now,
        )
        return Outcome(message="The setup is canceled.")


@admin.register(SetupIntent)
class SetupIntentAdmin(ObjectAdmin):
    """Wishes to save a card, with the payer present."""

    search_help_text = "Setup or gateway reference"
    list_display = ("what", "state", "trouble", "where", "use", "at")
    list_filter = ("status", "usage", "livemode", created_filter("seti"))
    list_defers = ("client_secret", "next_action", "metadata")
    tabs = (
        ("All", ""),
        ("Succeeded", "status__exact=succeeded"),
        ("Waits for the payer", "status__exact=requires_action"),
        ("Canceled", "status__exact=canceled"),
    )
    dialogs = (CancelDialog,)

    @admin.display(description="Setup")
    def what(self, setup: SetupIntent) -> SafeString:
        """Return the id, and whose card it is."""
        return stacked(format_html("<code>{}</code>", setup.pk), setup.customer_id or "Guest")

    @admin.display(description="Status")
    def state(self, setup: SetupIntent) -> SafeString:
        """Return the status."""
        return setup_chip(setup.status)

    @admin.display(description="Last error")
    def trouble(self, setup: SetupIntent) -> str:
        """Return why the bank refused the last try."""
        return _error(setup)

    @admin.display(description="Gateway")
    def where(self, setup: SetupIntent) -> str:
        """Return who was asked."""
        return setup.gateway or NOTHING

    @admin.display(description="For")
    def use(self, setup: SetupIntent) -> str:
        """Return whether the payer will be there when the card is charged."""
        return words(setup.usage)

    @admin.display(description="Created")
    def at(self, setup: SetupIntent) -> SafeString:
        """Return when, and whether it is about a real card."""
        return stacked(moment(setup.created_at), words("live" if setup.livemode else "test"))

    def look_up(self, term: str) -> Q | None:
        """Search by the setup's id or the gateway's."""
        return Q(pk=term) | (Q(gateway_reference=term) & ~Q(gateway_reference=""))

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return what happened, and what came of it."""
        return Page(
            heading=words("setup"),
            chips=(setup_chip(obj.status), chip(words("live" if obj.livemode else "test"))),
            subtitle=identifier(obj.pk),
            main=(timeline_of(obj.pk),),
            side=(_details(obj),),
        )


def setup_chip(status: str) -> SafeString:
    """Return the status of a setup."""
    return chip(words(status), _TONES.get(SetupStatus(status), Tone.NEUTRAL))


def _error(setup: SetupIntent) -> str:
    error = setup.last_setup_error or {}
    return words(error.get("decline_code") or error.get("code") or "") or NOTHING


def _details(setup: SetupIntent) -> Facts:
    rows: list[tuple[str, Text]] = [
        ("Customer", identifier(setup.customer_id)),
        ("Payment method", identifier(setup.payment_method_id)),
        ("Description", setup.description or NOTHING),
        ("For", words(setup.usage)),
        ("Tried", str(setup.tries)),
        ("Last error", _error(setup)),
        ("Canceled because", words(setup.cancellation_reason) or NOTHING),
        ("Gateway", setup.gateway or NOTHING),
        ("Gateway's reference", identifier(setup.gateway_reference)),
        ("Created", moment(setup.created_at)),
    ]
    rows += [(f"Metadata: {name}", str(value)) for name, value in setup.metadata.items()]
    return Facts("Details", rows)
