"""API keys in the back-office: made, shown once, ended."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.api.models import ApiKey, ApiKeyKind, Merchant
from apps.api.selectors import list_merchant_choices
from apps.api.services import create_api_key, revoke_api_key, roll_api_key
from apps.backoffice.kit.dialogs import Dialog, DialogForm, Outcome, ReasonForm
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    chip,
    identifier,
    mode_chip,
    moment,
    stacked,
    words,
)
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Text
from apps.common.origin import Origin


class CreateForm(DialogForm):
    """What the key is for, and what it may do."""

    name = forms.CharField(max_length=200, help_text="Where it is used: “Checkout, production”.")
    merchant = forms.ChoiceField(choices=list_merchant_choices)
    kind = forms.ChoiceField(choices=ApiKeyKind.choices)
    scopes = forms.CharField(
        required=False, help_text="For a restricted key, with blanks between: refunds:write"
    )
    livemode = forms.BooleanField(required=False, label="Live mode: real money")


class CreateDialog(Dialog):
    """Make a key."""

    name = "create"
    label = "Create key…"
    permission = "backoffice.manage_api_key"
    form_class = CreateForm
    submit = "Create"
    needs_fresh_factor = True

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Create, and show the secret this once."""
        key, secret = create_api_key(
            merchant=Merchant.objects.get(pk=answers["merchant"]),
            livemode=answers["livemode"],
            kind=ApiKeyKind(answers["kind"]),
            name=answers["name"],
            scopes=answers["scopes"].split(),
            now=now,
        )
        return Outcome(
            message="The key “{name}” is made.",
            facts={"name": key.name},
            secret=secret,
            object_id=key.id,
        )


class _KeyDialog(Dialog):
    subject: ApiKey
    permission = "backoffice.manage_api_key"
    form_class = ReasonForm

    def is_offered(self) -> bool:
        """Return whether the key still works."""
        return self.subject.revoked_at is None

    def look(self) -> Mapping[str, Any]:
        """Return when the key ends."""
        key = ApiKey.objects.get(pk=self.subject.pk)
        return {
            "revoked_at": key.revoked_at and key.revoked_at.isoformat(),
            "expires_at": key.expires_at and key.expires_at.isoformat(),
        }


class RollDialog(_KeyDialog):
    """Replace a key."""

    name = "roll"
    label = "Roll…"
    submit = "Roll the key"
    needs_fresh_factor = True

    def explanation(self) -> str:
        """Say for how long both work."""
        return "A new key with the same rights is made; the old one works for another 24 hours."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Roll, and show the new secret this once."""
        key, secret = roll_api_key(key_id=self.subject.pk, now=now)
        return Outcome(
            message="The new key of “{name}”.",
            facts={"name": key.name},
            secret=secret,
            object_id=key.id,
        )


class RevokeDialog(_KeyDialog):
    """End a key."""

    name = "revoke"
    label = "Revoke…"
    submit = "Revoke for good"
    is_dangerous = True

    def explanation(self) -> str:
        """Say what happens to those who use it."""
        return "Whoever uses this key gets 401 within seconds. It cannot be revived."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Revoke."""
        key = revoke_api_key(key_id=self.subject.pk, now=now)
        return Outcome(message="{key} is revoked.", facts={"key": key.display})


@admin.register(ApiKey)
class ApiKeyAdmin(ObjectAdmin):
    """Keys by what can be recognised of them; the secrets are stored nowhere."""

    search_help_text = "Id of the key"
    list_display = ("what", "kind_chip", "mode", "owner", "state", "used")
    list_filter = ("kind", "livemode")
    dialogs = (RollDialog, RevokeDialog)
    list_dialogs = (CreateDialog,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """Return keys with their merchants, without their digests."""
        queryset: QuerySet[ApiKey] = super().get_queryset(request)
        return queryset.select_related("merchant").defer("digest")

    @admin.display(description="Key")
    def what(self, key: ApiKey) -> SafeString:
        """Return name and what is known of the key."""
        return stacked(key.name or "Unnamed", key.display)

    @admin.display(description="Kind")
    def kind_chip(self, key: ApiKey) -> str:
        """Return the kind."""
        return words(key.kind)

    @admin.display(description="Mode")
    def mode(self, key: ApiKey) -> SafeString:
        """Return whether it moves real money."""
        return mode_chip(livemode=key.livemode)

    @admin.display(description="Merchant")
    def owner(self, key: ApiKey) -> str:
        """Return whose it is."""
        return key.merchant.name

    @admin.display(description="State")
    def state(self, key: ApiKey) -> SafeString:
        """Return whether it works."""
        return key_chip(key)

    @admin.display(description="Last used")
    def used(self, key: ApiKey) -> Text:
        """Return when somebody used it."""
        return moment(key.last_used_at) if key.last_used_at else "never"

    def look_up(self, term: str) -> Q | None:
        """Search by id; a key pasted here by mistake finds nothing, and is not searched for."""
        return Q(pk=term) if term.startswith("key_") else None

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return one key."""
        return Page(
            heading=obj.name or "Unnamed key",
            chips=(key_chip(obj), self.mode(obj)),
            subtitle=format_html("{} <code>{}</code>", identifier(obj.id), obj.display),
            main=(
                Facts(
                    "Rights",
                    [
                        ("Kind", words(obj.kind)),
                        ("Scopes", ", ".join(obj.scopes) or "everything its kind may do"),
                        ("Addresses", ", ".join(obj.ip_allow_list) or "any"),
                        ("Merchant", obj.merchant.name),
                        ("API version", obj.api_version),
                    ],
                ),
            ),
            side=(
                Facts(
                    "Life",
                    [
                        ("Created", moment(obj.created_at)),
                        ("Last used", moment(obj.last_used_at)),
                        ("Expires", moment(obj.expires_at)),
                        ("Revoked", moment(obj.revoked_at) if obj.revoked_at else NOTHING),
                    ],
                ),
            ),
        )


def key_chip(key: ApiKey) -> SafeString:
    """Return whether the key works."""
    if key.revoked_at is not None:
        return chip("Revoked", Tone.BAD)
    if key.expires_at is not None and key.expires_at <= timezone.now():
        return chip("Expired", Tone.BAD)
    return chip("Works", Tone.GOOD)
