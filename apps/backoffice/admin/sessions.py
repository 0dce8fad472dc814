"""Who is logged in where, and how a session ends."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from apps.backoffice.kit.dialogs import Dialog, Outcome, ReasonForm
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    age,
    chip,
    identifier,
    moment,
    person,
    stacked,
)
from apps.backoffice.kit.filters import created_filter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Text
from apps.backoffice.models import StaffSession
from apps.backoffice.policies import is_session_over
from apps.backoffice.services.sessions import end_session
from apps.common.origin import Origin


class EndDialog(Dialog):
    """Log a browser out."""

    name = "end"
    label = "End…"
    permission = "backoffice.manage_staff"
    form_class = ReasonForm
    submit = "End the session"
    is_dangerous = True

    subject: StaffSession

    def is_offered(self) -> bool:
        """Return whether the session is still open."""
        return self.subject.ended_at is None

    def explanation(self) -> str:
        """Say what the person sees."""
        return "The browser is logged out with its next click."

    def look(self) -> Mapping[str, Any]:
        """Return whether the session is open."""
        session = StaffSession.objects.select_related("user").get(pk=self.subject.pk)
        return {"person": session.user.email, "is_open": session.ended_at is None}

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """End it."""
        end_session(session=self.subject, by=self.user, now=now)
        return Outcome(message="The session is ended.")


@admin.register(StaffSession)
class StaffSessionAdmin(ObjectAdmin):
    """Sessions of staff, the newest first."""

    search_help_text = "E-mail of the person"
    list_display = ("who", "state", "address", "device", "began", "last_click")
    list_filter = (created_filter("ses"),)
    list_select_related = ("user",)
    tabs = (("All", ""), ("Open", "ended_at__isnull=True"))
    dialogs = (EndDialog,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[StaffSession]:
        """Return sessions with their people."""
        return super().get_queryset(request).select_related("user")

    @admin.display(description="Person")
    def who(self, session: StaffSession) -> SafeString:
        """Return whose it is."""
        return stacked(session.user.get_full_name(), session.user.email)

    @admin.display(description="State")
    def state(self, session: StaffSession) -> SafeString:
        """Return whether it still opens anything."""
        return session_chip(session, now=timezone.now())

    @admin.display(description="Address")
    def address(self, session: StaffSession) -> str:
        """Return from where."""
        return session.ip or NOTHING

    @admin.display(description="Browser")
    def device(self, session: StaffSession) -> str:
        """Return what the browser says it is."""
        return session.browser[:40] or NOTHING

    @admin.display(description="Began")
    def began(self, session: StaffSession) -> Text:
        """Return when both factors were given."""
        return moment(session.started_at)

    @admin.display(description="Last click")
    def last_click(self, session: StaffSession) -> str:
        """Return how long ago that was."""
        return f"{age(session.seen_at, now=timezone.now())} ago"

    def look_up(self, term: str) -> Q | None:
        """Search by person."""
        return Q(user__email=term.lower()) if "@" in term else Q(pk=term)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return one session."""
        return Page(
            heading=obj.user.get_full_name(),
            chips=(session_chip(obj, now=timezone.now()),),
            subtitle=identifier(obj.id),
            main=(
                Facts(
                    "Session",
                    [
                        ("Person", obj.user.email),
                        ("Address", obj.ip or NOTHING),
                        ("Browser", obj.browser or NOTHING),
                        ("Began", moment(obj.started_at)),
                        ("Last click", moment(obj.seen_at)),
                        ("Second factor given", moment(obj.factor_at)),
                        ("Ended", moment(obj.ended_at)),
                        ("Ended by", person(obj.ended_by)),
                    ],
                ),
            ),
        )


def session_chip(session: StaffSession, *, now: datetime) -> SafeString:
    """Return whether the session still opens anything."""
    if session.ended_at is not None:
        return chip("Ended")
    if is_session_over(started_at=session.started_at, seen_at=session.seen_at, now=now):
        return chip("Run out")
    return chip("Open", Tone.GOOD)
