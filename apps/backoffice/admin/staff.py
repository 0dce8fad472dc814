"""Members of staff: who they are, what they may do, and whether they may come in."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString

from apps.backoffice.kit.dialogs import Dialog, DialogForm, Outcome, ReasonForm
from apps.backoffice.kit.display import NOTHING, Tone, chip, moment, stacked, words
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Table, Text
from apps.backoffice.models import Approval, StaffAction, User
from apps.backoffice.services import request_approval
from apps.backoffice.services.people import (
    change_role,
    invite_staff,
    let_in,
    roles,
    shut_out,
)
from apps.backoffice.services.second_factor import RESET_SECOND_FACTOR, has_second_factor
from apps.backoffice.services.sessions import end_sessions
from apps.backoffice.states import ApprovalStatus
from apps.common.origin import Origin, Scope

ACTIONS_SHOWN = 50


def _role_choices() -> list[tuple[str, str]]:
    return [(name, words(name)) for name in roles()]


class InviteForm(DialogForm):
    """Who comes, and as what."""

    email = forms.EmailField(label="E-mail")
    name = forms.CharField(max_length=150)
    role = forms.ChoiceField(choices=_role_choices)

    def clean_email(self) -> str:
        """Refuse an address that somebody has."""
        email: str = self.cleaned_data["email"].lower()
        if User.objects.filter(email=email).exists():
            raise forms.ValidationError("This person is a member of staff already.")
        return email


class InviteDialog(Dialog):
    """Let somebody new in."""

    name = "invite"
    label = "Invite…"
    permission = "backoffice.manage_staff"
    form_class = InviteForm
    submit = "Invite"
    needs_fresh_factor = True

    def explanation(self) -> str:
        """Say what happens at the first log-in."""
        return "They get a first password, and enrol an authenticator app when they log in."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Create the person."""
        user, password = invite_staff(
            email=answers["email"], name=answers["name"], role=answers["role"]
        )
        return Outcome(
            message="{person} may come in with this first password.",
            facts={"person": user.email},
            secret=password,
            object_id=str(user.pk),
        )


class _StaffDialog(Dialog):
    subject: User
    permission = "backoffice.manage_staff"
    form_class = ReasonForm

    def look(self) -> Mapping[str, Any]:
        """Return what the person may do."""
        user = User.objects.get(pk=self.subject.pk)
        return {
            "email": user.email,
            "is_active": user.is_active,
            "roles": sorted(user.groups.values_list("name", flat=True)),
        }


class RoleForm(ReasonForm):
    """Another role, and why."""

    role = forms.ChoiceField(choices=_role_choices)
    field_order = ("nonce", "role", "reason")


class RoleDialog(_StaffDialog):
    """Give a person another role."""

    name = "role"
    label = "Change role…"
    form_class = RoleForm
    submit = "Change the role"
    needs_fresh_factor = True

    def is_offered(self) -> bool:
        """Return whether it is somebody else: nobody raises themselves."""
        return bool(self.subject.pk != self.user.pk)

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Change the role."""
        change_role(user=self.subject, role=answers["role"], by=self.user)
        return Outcome(
            message="{person} has the role {role} now.",
            facts={"person": self.subject.email, "role": answers["role"]},
        )


class EndSessionsDialog(_StaffDialog):
    """Log a person out everywhere."""

    name = "end-sessions"
    label = "End sessions…"
    submit = "End all sessions"
    is_dangerous = True

    def is_offered(self) -> bool:
        """Return whether it is somebody else: one's own end on one's profile."""
        return bool(self.subject.pk != self.user.pk)

    def explanation(self) -> str:
        """Say what the person sees."""
        return "Every browser is logged out with its next click. The person may log in again."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """End them."""
        count = end_sessions(user=self.subject, by=self.user, now=now)
        return Outcome(message="Sessions ended: {count}.", facts={"count": count})


class ShutOutDialog(_StaffDialog):
    """End a person's access and all their sessions."""

    name = "shut-out"
    label = "Shut out…"
    submit = "Shut out"
    is_dangerous = True

    def is_offered(self) -> bool:
        """Return whether it is somebody else, who can come in."""
        return bool(self.subject.is_active and self.subject.pk != self.user.pk)

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Shut out."""
        shut_out(user=self.subject, by=self.user, now=now)
        return Outcome(
            message="{person} is shut out, in every open session too.",
            facts={"person": self.subject.email},
        )


class LetInDialog(_StaffDialog):
    """Give a person their access back."""

    name = "let-in"
    label = "Let in again…"
    submit = "Let in"
    needs_fresh_factor = True

    def is_offered(self) -> bool:
        """Return whether the person is shut out."""
        return bool(not self.subject.is_active)

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Let in."""
        let_in(user=self.subject)
        return Outcome(message="{person} may log in again.", facts={"person": self.subject.email})


class ResetSecondFactorDialog(_StaffDialog):
    """Ask a colleague to let a person enrol another phone."""

    name = "reset-second-factor"
    label = "Reset second factor…"
    submit = "Ask for it"
    needs_fresh_factor = True

    def explanation(self) -> str:
        """Say that a second person decides."""
        return "A second person has to approve this: whoever resets it could come in instead."

    def is_offered(self) -> bool:
        """Return whether there is anything to reset, and nobody has asked."""
        return (
            has_second_factor(self.subject)
            and not Approval.objects.filter(
                kind=RESET_SECOND_FACTOR,
                subject_id=self.subject.email,
                status=ApprovalStatus.PENDING,
            ).exists()
        )

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Ask."""
        request_approval(
            scope=Scope("", livemode=True),
            kind=RESET_SECOND_FACTOR,
            subject_id=self.subject.email,
            reason=answers["reason"],
            origin=origin,
            now=now,
        )
        return Outcome(message="Asked: another person has to approve it.")


@admin.register(User)
class UserAdmin(ObjectAdmin):
    """Members of staff."""

    search_help_text = "E-mail"
    list_display = ("who", "may", "state", "seen")
    list_filter = ("is_active", "groups")
    dialogs = (RoleDialog, ResetSecondFactorDialog, EndSessionsDialog, ShutOutDialog, LetInDialog)
    list_dialogs = (InviteDialog,)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return people with their roles."""
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="Person")
    def who(self, user: User) -> SafeString:
        """Return name and e-mail."""
        return stacked(user.get_full_name(), user.email)

    @admin.display(description="Role")
    def may(self, user: User) -> str:
        """Return what the person may do."""
        return roles_in_words(user)

    @admin.display(description="Access")
    def state(self, user: User) -> SafeString:
        """Return whether the person may log in."""
        return access_chip(user)

    @admin.display(description="Last log-in")
    def seen(self, user: User) -> Text:
        """Return when the person was last here."""
        return moment(user.last_login)

    def look_up(self, term: str) -> Q | None:
        """Search by e-mail."""
        return Q(email=term.lower())

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return a person, and what they did last."""
        actions = StaffAction.objects.filter(actor=obj.actor).order_by("-id")[:ACTIONS_SHOWN]
        return Page(
            heading=obj.get_full_name(),
            chips=(access_chip(obj),),
            subtitle=obj.email,
            main=(
                Table(
                    "What they did last",
                    ("Action", "Object", "Reason", "When"),
                    [
                        (row.action, row.object_id, row.reason or NOTHING, moment(row.at))
                        for row in actions
                    ],
                    empty="Nothing yet.",
                ),
            ),
            side=(
                Facts(
                    "Access",
                    [
                        ("Role", roles_in_words(obj)),
                        ("Second factor", "enrolled" if has_second_factor(obj) else "not enrolled"),
                        ("Member since", moment(obj.created_at)),
                        ("Last log-in", moment(obj.last_login)),
                    ],
                ),
            ),
        )


def roles_in_words(user: User) -> str:
    """Return the person's roles."""
    named: list[Group] = list(user.groups.all())
    if user.is_superuser:
        return "Superuser"
    return ", ".join(words(group.name) for group in named) or NOTHING


def access_chip(user: User) -> SafeString:
    """Return whether the person may log in."""
    return chip("Active", Tone.GOOD) if user.is_active else chip("Shut out", Tone.BAD)
