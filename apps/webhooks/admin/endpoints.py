"""Where merchants want to hear of events."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from apps.api.selectors import list_merchant_choices
from apps.backoffice.kit.dashboard import Bar, Chart
from apps.backoffice.kit.dialogs import Dialog, DialogForm, Outcome, ReasonForm
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    chip,
    identifier,
    link,
    mode_chip,
    moment,
    stacked,
    strip,
    words,
)
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Drawings, Facts, Page, Text
from apps.common.origin import Origin, Scope, scope_of
from apps.webhooks.health import HOURS, LOOK_THROUGH_IN_LISTS, Health, read_health
from apps.webhooks.models import WebhookEndpoint
from apps.webhooks.models.endpoints import MAX_URL_LENGTH
from apps.webhooks.services.deliveries import RESEND_LIMIT, resend_events
from apps.webhooks.services.endpoints import disable_endpoint, enable_endpoint, rotate_secret
from apps.webhooks.services.verification import add_endpoint, try_endpoint, verify_endpoint
from apps.webhooks.states import LOST_BECAUSE, EndpointStatus

_TONES = {
    EndpointStatus.UNVERIFIED: Tone.WARNING,
    EndpointStatus.ENABLED: Tone.GOOD,
    EndpointStatus.DISABLED: Tone.BAD,
}
# What the merchant is told by the event `webhook_endpoint.disabled`.
DISABLED_BY_STAFF = "by_staff"
# Below this share of what arrives, in per cent, somebody should look; the alert's own limit.
WELL_PERCENT: Final = 90
# How far back events can be sent again at once.
_HOURS_BACK: Final = [
    ("1", "The last hour"),
    ("6", "The last 6 hours"),
    ("24", "The last day"),
    ("168", "The last week"),
]


def _versions() -> list[tuple[str, str]]:
    return [
        (settings.API_VERSION, settings.API_VERSION),
        (settings.STRIPE_API_VERSION, f"{settings.STRIPE_API_VERSION} (Stripe)"),
    ]


class AddForm(DialogForm):
    """Where events go, and which."""

    merchant = forms.ChoiceField(choices=list_merchant_choices)
    livemode = forms.BooleanField(required=False, label="Live mode: real money")
    url = forms.CharField(
        label="Address",
        max_length=MAX_URL_LENGTH,
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
    )
    events = forms.CharField(
        initial="*",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="Types of events, one per line: charge.refunded, payment_intent.*, or * for all.",
    )
    version = forms.ChoiceField(choices=_versions)
    description = forms.CharField(max_length=500, required=False)

    def clean_events(self) -> list[str]:
        """Return the types, each once."""
        text: str = self.cleaned_data["events"]
        return list(dict.fromkeys(text.replace(",", " ").split()))


class AddDialog(Dialog):
    """Register an endpoint."""

    name = "add"
    label = "Add an endpoint…"
    permission = "backoffice.manage_webhook"
    form_class = AddForm
    submit = "Add it"
    needs_fresh_factor = True

    def explanation(self) -> str:
        """Say what has to happen before it gets events."""
        return (
            "It is sent a signed challenge, and gets events once it has repeated that. Until then"
            " it is asked again, for about half an hour."
        )

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Add it, ask for its proof, and show its secret this once."""
        del origin
        endpoint, refusal = add_endpoint(
            scope=Scope(answers["merchant"], answers["livemode"]),
            url=answers["url"],
            enabled_events=answers["events"],
            api_version=answers["version"],
            description=answers["description"],
            now=now,
        )
        return Outcome(
            message="It did not prove itself yet ({why}) and is asked again by itself."
            if refusal
            else "It has proved itself and gets events from now on.",
            facts={"why": refusal},
            secret=endpoint.secret,
            object_id=endpoint.id,
        )


class _EndpointDialog(Dialog):
    subject: WebhookEndpoint
    permission = "backoffice.manage_webhook"
    form_class: ClassVar[type[DialogForm]] = ReasonForm

    @property
    def scope(self) -> Scope:
        return scope_of(self.subject)

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
        if endpoint.status == EndpointStatus.ENABLED:
            return Outcome(message="The endpoint gets events again.")
        return Outcome(message="The endpoint never proved itself: it is asked for its proof now.")


class VerifyDialog(_EndpointDialog):
    """Ask an endpoint for its proof now."""

    name = "verify"
    label = "Verify now…"
    submit = "Send the challenge"
    form_class = DialogForm

    def is_offered(self) -> bool:
        """Return whether it has not proved itself."""
        return bool(self.subject.status == EndpointStatus.UNVERIFIED)

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Ask."""
        _, refusal = verify_endpoint(scope=self.scope, endpoint_id=self.subject.pk, now=now)
        if refusal:
            return Outcome(
                message="It did not prove itself: {why}.", facts={"why": refusal}, succeeded=False
            )
        return Outcome(message="It has proved itself and gets events from now on.")


class TryDialog(_EndpointDialog):
    """See how an endpoint answers."""

    name = "test"
    label = "Send test…"
    submit = "Send"
    form_class = DialogForm

    def is_offered(self) -> bool:
        """Return whether it gets events."""
        return bool(self.subject.status == EndpointStatus.ENABLED)

    def explanation(self) -> str:
        """Say what is sent."""
        return (
            "One signed message of the type webhook_endpoint.verification is sent now. Whatever it"
            " answers, nothing changes."
        )

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Send it, and say what came back."""
        verdict = try_endpoint(scope=self.scope, endpoint_id=self.subject.pk, now=now)
        facts = {"why": verdict.refusal, "time": verdict.duration_ms}
        if verdict.refusal:
            return Outcome(
                message="It did not answer as it should, in {time} ms: {why}.",
                facts=facts,
                succeeded=False,
            )
        return Outcome(message="It answered as it should, in {time} ms.", facts=facts)


class ResendForm(ReasonForm):
    """From when on."""

    hours = forms.ChoiceField(label="Events of", choices=_HOURS_BACK)
    field_order = ("nonce", "hours", "reason")


class ResendSinceDialog(_EndpointDialog):
    """Send the events of a stretch of time again."""

    name = "resend-since"
    label = "Send again…"
    permission = "backoffice.replay_webhook"
    submit = "Send again"
    form_class = ResendForm

    def is_offered(self) -> bool:
        """Return whether it gets events."""
        return bool(self.subject.status == EndpointStatus.ENABLED)

    def explanation(self) -> str:
        """Say what it comes to."""
        return "All events that it wants, whether they arrived or not, the oldest 1,000 of them."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Send them."""
        del origin
        sent = resend_events(
            scope=self.scope,
            endpoint_id=self.subject.pk,
            since=now - timedelta(hours=int(answers["hours"])),
            until=now,
            now=now,
        )
        return Outcome(
            message="{count} events are on their way again, the oldest first."
            if sent < RESEND_LIMIT
            else "{count} events are on their way again; more than that go by the API.",
            facts={"count": sent},
        )


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
    list_display = ("what", "state", "wanted", "api", "arrived", "slowest", "trouble", "mode")
    list_filter = ("status", "livemode")
    list_defers = ("secret", "previous_secret")
    dialogs = (
        TryDialog,
        VerifyDialog,
        ResendSinceDialog,
        RotateDialog,
        EnableDialog,
        DisableDialog,
    )
    list_dialogs = (AddDialog,)

    def warning(self, _request: HttpRequest) -> str:
        """Say which endpoint was lost, and why."""
        lost = WebhookEndpoint.objects.filter(
            status=EndpointStatus.DISABLED, disabled_reason__in=LOST_BECAUSE, deleted_at=None
        )
        newest = lost.only("url", "disabled_reason").order_by("-pk").first()
        return _loss_in_words(newest) if newest else ""

    def prepare(self, rows: list[Any]) -> None:
        """Load how the endpoints of the page fared."""
        health = read_health(
            [row.pk for row in rows], now=timezone.now(), look_through=LOOK_THROUGH_IN_LISTS
        )
        for row in rows:
            row.shown_health = health[row.pk]

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
        return mode_chip(livemode=endpoint.livemode)

    @admin.display(description="Events")
    def wanted(self, endpoint: WebhookEndpoint) -> str:
        """Return which events it wants."""
        return ", ".join(endpoint.enabled_events)[:60]

    @admin.display(description="Version")
    def api(self, endpoint: WebhookEndpoint) -> str:
        """Return in which version it gets events."""
        return endpoint.api_version

    @admin.display(description="Arrived, 24 h")
    def arrived(self, endpoint: Any) -> Text:
        """Return which share arrived, and the day hour by hour."""
        health: Health = endpoint.shown_health
        cells = [_tone(*health.hours.get(ago, (0, 0))) for ago in reversed(range(HOURS))]
        return format_html("{}{}", _share(health), strip(cells)) if health.tried else NOTHING

    @admin.display(description="p95")
    def slowest(self, endpoint: Any) -> str:
        """Return how long the slowest in twenty tries took."""
        return _p95(endpoint.shown_health)

    @admin.display(description="Failing since")
    def trouble(self, endpoint: WebhookEndpoint) -> Text:
        """Return since when it refuses everything."""
        return moment(endpoint.failing_since)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return one endpoint, and the way to its deliveries."""
        deliveries = f"{reverse('admin:webhooks_delivery_changelist')}?q={obj.id}"
        health = read_health([obj.pk], now=timezone.now())[obj.pk]
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
                        ("Arrived, 24 h", _share(health)),
                        ("p95", _p95(health)),
                    ],
                ),
                *([_loss(obj)] if obj.disabled_reason in LOST_BECAUSE else []),
                Drawings([_draw_hours(health)]),
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


def _loss_in_words(endpoint: WebhookEndpoint) -> str:
    told = (
        gettext("%(url)s said that it is gone, so it gets no events any more.")
        if endpoint.disabled_reason == "gone"
        else gettext("%(url)s refused everything for five days, so it gets no events any more.")
    )
    return told % {"url": endpoint.url[:80]}


def _loss(endpoint: WebhookEndpoint) -> Facts:
    return Facts(
        "Why it gets no events",
        [
            ("What happened", _loss_in_words(endpoint)),
            ("What helps", gettext("Mend it, then “Enable…”, then “Send again…” what it missed.")),
        ],
    )


def _share(health: Health) -> Text:
    if not health.tried:
        return NOTHING
    percent = f"{health.arrived * 100 / health.tried:.1f} %"
    share = chip(percent, _tone(health.arrived, health.tried))
    return format_html("{} {}", share, f"{health.arrived:,} / {health.tried:,}")


def _p95(health: Health) -> str:
    return NOTHING if health.p95_ms is None else f"{health.p95_ms:,} ms"


def _tone(arrived: int, tried: int) -> Tone:
    if not tried:
        return Tone.NEUTRAL
    if arrived == tried:
        return Tone.GOOD
    return Tone.WARNING if arrived * 100 >= tried * WELL_PERCENT else Tone.BAD


def _draw_hours(health: Health) -> Chart:
    bars = []
    for ago in reversed(range(HOURS)):
        arrived, tried = health.hours.get(ago, (0, 0))
        bars.append(
            Bar(
                label=f"-{ago} h",
                height=1,
                text=f"{arrived:,} / {tried:,}" if tried else NOTHING,
                tone=_tone(arrived, tried),
            )
        )
    return Chart(
        title="The last 24 hours",
        hint="Green: everything arrived. Red: less than 90 of 100.",
        columns=("Hours ago", "Arrived"),
        bars=bars,
        most=1,
    )
