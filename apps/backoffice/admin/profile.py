"""One's own account: where one is logged in, and the codes for the day the phone is gone."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from apps.backoffice.admin.sessions import session_chip
from apps.backoffice.admin.staff import roles_in_words
from apps.backoffice.kit.dialogs import Dialog, Outcome
from apps.backoffice.kit.display import NOTHING, age, link, moment, stacked
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Table
from apps.backoffice.models import Profile, RecoveryDevice, StaffSession
from apps.backoffice.services.second_factor import renew_recovery_codes
from apps.backoffice.services.sessions import end_other_sessions
from apps.common.origin import Origin

SESSIONS_SHOWN = 20


class EndOthersDialog(Dialog):
    """Log out everywhere else."""

    name = "end-others"
    label = "Log out elsewhere…"
    permission = ""
    submit = "Log out elsewhere"

    def explanation(self) -> str:
        """Say what stays."""
        return "Every other browser is logged out with its next click; this one stays."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """End them."""
        count = end_other_sessions(session_id=self.place.session_id, by=self.user, now=now)
        return Outcome(message="Other sessions ended: {count}.", facts={"count": count})


class RecoveryCodesDialog(Dialog):
    """Get new recovery codes."""

    name = "recovery-codes"
    label = "New recovery codes…"
    permission = ""
    submit = "Make new codes"
    needs_fresh_factor = True

    def explanation(self) -> str:
        """Say what becomes of the old ones."""
        return "The codes that you have end. Each new one lets you in once without your phone."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Make them."""
        codes = renew_recovery_codes(user=self.user)
        return Outcome(message="Your new recovery codes", secret="\n".join(codes))


@admin.register(Profile)
class ProfileAdmin(ObjectAdmin):
    """Everybody sees one account: their own."""

    list_display = ("who", "may")
    dialogs = (EndOthersDialog, RecoveryCodesDialog)

    def has_module_permission(self, _request: HttpRequest) -> bool:
        """Everybody who came in has an account."""
        return True

    def has_view_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """The rows are one's own, whoever asks."""
        return True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Profile]:
        """Return the one row of who asks."""
        return super().get_queryset(request).filter(pk=request.user.pk)

    @admin.display(description="Person")
    def who(self, profile: Profile) -> SafeString:
        """Return name and e-mail."""
        return stacked(profile.get_full_name(), profile.email)

    @admin.display(description="Role")
    def may(self, profile: Profile) -> str:
        """Return what one may do."""
        return roles_in_words(profile)

    def look_up(self, term: str) -> Q | None:
        """Search by e-mail, as on the screen of all staff."""
        return Q(email=term.lower())

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return one's own sessions and factors."""
        now = timezone.now()
        sessions = StaffSession.objects.filter(user_id=obj.pk).order_by("-id")[:SESSIONS_SHOWN]
        recovery = RecoveryDevice.objects.filter(user_id=obj.pk).first()
        return Page(
            heading=obj.get_full_name(),
            subtitle=obj.email,
            main=(
                Table(
                    "Sessions",
                    ("Browser", "State", "Began", "Last click"),
                    [
                        (
                            stacked(session.browser[:60] or NOTHING, session.ip or NOTHING),
                            session_chip(session, now=now),
                            moment(session.started_at),
                            f"{age(session.seen_at, now=now)} ago",
                        )
                        for session in sessions
                    ],
                    empty="None.",
                ),
            ),
            side=(
                Facts(
                    "Access",
                    [
                        ("Role", roles_in_words(obj)),
                        ("Recovery codes left", str(len(recovery.digests) if recovery else 0)),
                        ("Password", link(reverse("admin:password_change"), "Change it")),
                        ("Member since", moment(obj.created_at)),
                    ],
                ),
            ),
        )
