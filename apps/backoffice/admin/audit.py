"""Who did what in the back-office, and whether that is still what was written."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from apps.backoffice.kit.dialogs import Dialog, Outcome
from apps.backoffice.kit.display import NOTHING, Tone, chip, identifier, moment, stacked, words
from apps.backoffice.kit.filters import RowFilter, created_filter
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Page, Table, Text
from apps.backoffice.models import AuditLink, StaffAction
from apps.backoffice.services.audit import check_audit_trail, find_latest_check
from apps.common.origin import Origin

# What the list says of the changes; the page says all.
_CHANGES_SHOWN: Final = 3
_CHANGE_SHOWN: Final = 80
_LINE: Final = mark_safe("<br>")


class VerifyDialog(Dialog):
    """Compute the chain of the audit trail anew."""

    name = "verify"
    label = "Verify chain…"
    permission = "backoffice.view_staffaction"
    submit = "Verify"

    def explanation(self) -> str:
        """Say what is looked at."""
        return (
            "The hash of every action covers the one before it. All of them are computed anew: an"
            " action that was changed, removed or slipped in is found by its id."
        )

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what the latest look found."""
        check = find_latest_check()
        if check is None:
            return [("Last checked", "never")]
        found = f"broken at {check.first_bad}" if check.is_broken else "unbroken"
        return [("Last checked", moment(check.checked_at)), ("Found", found)]

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:  # noqa: ARG002
        """Check it, and say what came of it."""
        check = check_audit_trail(now=now)
        if check.is_broken:
            return Outcome(
                message="Broken at {action}: {why}.",
                facts={"action": check.first_bad, "why": check.detail},
                succeeded=False,
            )
        return Outcome(
            message="The chain holds: {count} actions.", facts={"count": f"{check.links:,}"}
        )


class ObjectFilter(RowFilter):
    """To what kind of object something was done."""

    title = "object"
    parameter_name = "object"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the kinds that have a screen: only there people do things."""
        kinds = {model._meta for model in admin.site._registry}  # noqa: SLF001 - no other list
        return sorted((str(kind.model_name), words(str(kind.verbose_name))) for kind in kinds)

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return what was done to the kind that was chosen."""
        chosen = self.value()
        return queryset.filter(object_type=chosen) if chosen else queryset


@admin.register(StaffAction)
class StaffActionAdmin(ObjectAdmin):
    """The audit trail; PostgreSQL refuses to change it."""

    search_help_text = "Id of the object, or e-mail of the person"
    list_display = ("what", "done", "changed", "who", "address", "why", "by_request", "when")
    list_filter = ("succeeded", ObjectFilter, created_filter("act"))
    list_dialogs = (VerifyDialog,)

    def warning(self, _request: HttpRequest) -> str:
        """Say that the trail cannot be trusted any more, from which action on."""
        check = find_latest_check()
        if check is None or not check.is_broken:
            return ""
        return f"The chain is broken: {check.first_bad} {check.detail}."

    @admin.display(description="Action")
    def what(self, action: StaffAction) -> SafeString:
        """Return what was done to which object."""
        return stacked(in_words(action.action), action.object_id)

    @admin.display(description="Result")
    def done(self, action: StaffAction) -> SafeString:
        """Return whether the platform did it."""
        return chip("Done", Tone.GOOD) if action.succeeded else chip("Refused", Tone.BAD)

    @admin.display(description="Changes")
    def changed(self, action: StaffAction) -> Text:
        """Return what was before and is after, of the first few facts."""
        rows = _changes(action)
        said = [f"{name}: {before} → {after}"[:_CHANGE_SHOWN] for name, before, after in rows]
        return format_html_join(_LINE, "{}", ((line,) for line in said[:_CHANGES_SHOWN])) or NOTHING

    @admin.display(description="Request")
    def by_request(self, action: StaffAction) -> str:
        """Return by which request."""
        return action.request_id or NOTHING

    @admin.display(description="Person")
    def who(self, action: StaffAction) -> SafeString:
        """Return who it was, and as what."""
        return stacked(action.actor.partition(":")[2], ", ".join(action.roles) or "no role")

    @admin.display(description="Address")
    def address(self, action: StaffAction) -> str:
        """Return from where."""
        return action.ip or NOTHING

    @admin.display(description="Reason")
    def why(self, action: StaffAction) -> str:
        """Return why."""
        return action.reason[:60] or NOTHING

    @admin.display(description="When")
    def when(self, action: StaffAction) -> Text:
        """Return when."""
        return moment(action.at)

    def look_up(self, term: str) -> Q | None:
        """Search by object or by person."""
        return Q(actor=f"staff:{term.lower()}") if "@" in term else Q(object_id=term)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return one action with what it changed."""
        return Page(
            heading=in_words(obj.action),
            chips=(self.done(obj),),
            subtitle=identifier(obj.object_id),
            main=(
                Facts(
                    "What happened",
                    [
                        ("Told", obj.outcome),
                        ("Reason", obj.reason or NOTHING),
                        ("When", moment(obj.at)),
                    ],
                ),
                Table(
                    "Changes", ("Field", "Before", "After"), _changes(obj), empty="Nothing changed."
                ),
            ),
            side=(
                Facts(
                    "Who",
                    [
                        ("Person", obj.actor.partition(":")[2]),
                        ("Roles", ", ".join(obj.roles) or NOTHING),
                        ("Address", obj.ip or NOTHING),
                        ("Request", identifier(obj.request_id)),
                    ],
                ),
                _place(obj),
            ),
        )


def _changes(action: StaffAction) -> list[tuple[str, str, str]]:
    names = [*action.before, *(name for name in action.after if name not in action.before)]
    return [
        (name, str(action.before.get(name, NOTHING)), str(action.after.get(name, NOTHING)))
        for name in names
        if action.before.get(name) != action.after.get(name)
    ]


def _place(action: StaffAction) -> Facts:
    link = AuditLink.objects.filter(action_id=action.pk).first()
    if link is None:
        return Facts("Chain", [("Place", "none: it was slipped in")])
    return Facts("Chain", [("Place", f"{link.number:,}"), ("Hash", bytes(link.hash).hex()[:16])])


def in_words(action: str) -> str:
    """Return e.g. `Refund · paymentintent`."""
    model, _, name = action.partition(".")
    return f"{name.replace('-', ' ').capitalize()} · {model}"
