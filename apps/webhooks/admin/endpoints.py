"""Where merchants want to hear of events."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from apps.backoffice.kit.dialogs import Dialog, Outcome, ReasonForm
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    chip,
    identifier,
    link,
    moment,
    stacked,
    words,
)
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Text
from apps.common.origin import Origin, Scope
from apps.webhooks.models import WebhookEndpoint
from apps.webhooks.services.endpoints import disable_endpoint, enable_endpoint, rotate_secret
from apps.webhooks.states import EndpointStatus

_TONES = {
    EndpointStatus.UNVERIFIED: Tone.WARNING,
    EndpointStatus.ENABLED: Tone.GOOD,
    EndpointStatus.DISABLED: Tone.BAD,
}
# What the merchant is told by the event `webhook_endpoint.disabled`.
DISABLED_BY_STAFF = "by_staff"


class _EndpointDialog(Dialog):
    subject: WebhookEndpoint
    permission = "backoffice.manage_webhook"
    form_class = ReasonForm

    @property
    def scope(self) -> Scope:
        return Scope(self.subject.merchant_id, self.subject.livemode)

    def look(self) -> Mapping[str, Any]:
        """Return whether it gets events."""
        return WebhookEndpoint.objects.values("status", "disabled_reason").get(pk=self.subject.pk)


class EnableDialog(_EndpointDialog):
    """Send events again."""

    name = "enable"
    label = "Enable…"
    submit = "Enable"

    def is_offered(self) -> bool:
        """Return whether it gets none, and still exists."""
        endpoint = self.subject
        return endpoint.status == EndpointStatus.DISABLED and endpoint.deleted_at is None

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Enable."""
        endpoint = enable_endpoint(scope=self.scope, endpoint_id=self.subject.pk, now=now)
        return Outcome(message=f"The endpoint is {words(endpoint.status).lower()} now.")


class RotateDialog(_EndpointDialog):
    """Replace the secret."""

    name = "rotate"
    label = "Rotate secret…"
    submit = "Rotate"

    def is_offered(self) -> bool:
        """Return whether it gets events."""
        return bool(self.subject.status == EndpointStatus.ENABLED)

    def explanation(self) -> str:
        """Say for how long both sign."""
        return "For a day both secrets sign every event, so that nothing is refused meanwhile."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Rotate, and show the new secret this once."""
        endpoint = rotate_secret(scope=self.scope, endpoint_id=self.subject.pk, now=now)
        return Outcome(message="The endpoint has a new secret.", secret=endpoint.secret)


class DisableDialog(_EndpointDialog):
    """Send nothing any more."""

    name = "disable"
    label = "Disable…"
    submit = "Disable"
    is_dangerous = True

    def is_offered(self) -> bool:
        """Return whether it may get events."""
        return bool(self.subject.status != EndpointStatus.DISABLED)

    def explanation(self) -> str:
        """Say what becomes of what waits."""
        return "What waits for this endpoint is canceled, and the merchant is told by an event."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Disable."""
        disable_endpoint(
            scope=self.scope,
            endpoint_id=self.subject.pk,
            reason=DISABLED_BY_STAFF,
            origin=origin,
            now=now,
        )
        return Outcome(message="The endpoint gets no events any more.")


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ObjectAdmin):
    """Endpoints; their secrets are shown when they are made or rotated, and never again."""

    search_help_text = "Id of the endpoint"
    list_display = ("what", "state", "mode", "wanted", "trouble", "at")
    list_filter = ("status", "livemode")
    list_defers = ("secret", "previous_secret")
    dialogs = (RotateDialog, EnableDialog, DisableDialog)

    @admin.display(description="Endpoint")
    def what(self, endpoint: WebhookEndpoint) -> SafeString:
        """Return address and id."""
        return stacked(endpoint.url[:80], endpoint.id)

    @admin.display(description="Status")
    def state(self, endpoint: WebhookEndpoint) -> SafeString:
        """Return whether it gets events."""
        if endpoint.deleted_at is not None:
            return chip("Deleted")
        return chip(words(endpoint.status), _TONES[EndpointStatus(endpoint.status)])

    @admin.display(description="Mode")
    def mode(self, endpoint: WebhookEndpoint) -> SafeString:
        """Return whose events it gets."""
        return chip("Live", Tone.GOOD) if endpoint.livemode else chip("Test")

    @admin.display(description="Events")
    def wanted(self, endpoint: WebhookEndpoint) -> str:
        """Return which events it wants."""
        return ", ".join(endpoint.enabled_events)[:60]

    @admin.display(description="Failing since")
    def trouble(self, endpoint: WebhookEndpoint) -> Text:
        """Return since when it refuses everything."""
        return moment(endpoint.failing_since)

    @admin.display(description="Created")
    def at(self, endpoint: WebhookEndpoint) -> Text:
        """Return since when it exists."""
        return moment(endpoint.created_at)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return one endpoint, and the way to its deliveries."""
        deliveries = f"{reverse('admin:webhooks_delivery_changelist')}?q={obj.id}"
        return Page(
            heading=obj.url,
            chips=(self.state(obj), self.mode(obj)),
            subtitle=identifier(obj.id),
            main=(
                Facts(
                    "Endpoint",
                    [
                        ("Events", ", ".join(obj.enabled_events)),
                        ("Deliveries", link(deliveries, "Show what it was sent")),
                        ("Description", obj.description or NOTHING),
                        ("Disabled because", words(obj.disabled_reason or NOTHING)),
                        ("Failing since", moment(obj.failing_since)),
                    ],
                ),
            ),
            side=(
                Facts(
                    "Details",
                    [
                        ("Dialect", words(obj.dialect)),
                        ("Version", obj.api_version),
                        ("Verified", moment(obj.verified_at)),
                        ("Two secrets until", moment(obj.previous_secret_until)),
                        ("Created", moment(obj.created_at)),
                    ],
                ),
            ),
        )
