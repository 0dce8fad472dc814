"""What staff may do about an exception: assign, match, ignore, correct, write off."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from django import forms
from django.conf import settings
from django.utils import timezone

from apps.backoffice.kit.assigning import AssignToMeDialog
from apps.backoffice.kit.dialogs import Dialog, DialogForm, Outcome, ReasonForm
from apps.backoffice.kit.display import money, words
from apps.common.errors import DomainError
from apps.common.origin import CLOCK, Origin
from apps.reconciliation.models import Discrepancy
from apps.reconciliation.policies import advise, needs_second_person
from apps.reconciliation.services import assign_exception, resolve_exception
from apps.reconciliation.services.corrections import draft_correction
from apps.reconciliation.states import DiscrepancyStatus

MAX_AT_ONCE: Final = 100


class _ExceptionDialog(Dialog):
    subject: Discrepancy
    permission = "reconciliation.change_discrepancy"

    def is_offered(self) -> bool:
        """Return whether it is still open."""
        return bool(self.subject.status == DiscrepancyStatus.OPEN)

    def look(self) -> Mapping[str, Any]:
        """Return where the exception stands."""
        return Discrepancy.objects.values("status", "kind", "resolution_entry_id").get(
            pk=self.subject.pk
        )


class AssignDialog(AssignToMeDialog, _ExceptionDialog):
    """Take the work on an exception."""

    def is_offered(self) -> bool:
        """Return whether it is open, and not this person's already."""
        return super().is_offered() and self.subject.assignee_id != self.user.pk

    def take(self) -> None:
        """Note who works on it."""
        assign_exception(scope=self.subject.scope, exception_id=self.subject.id, assignee=self.user)


class _ResolveDialog(_ExceptionDialog):
    """End an exception by one action of the service."""

    action: ClassVar[str]
    form_class = ReasonForm

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Resolve, or ask a second person."""
        row = resolve_exception(
            scope=self.subject.scope,
            exception_id=self.subject.id,
            action=self.action,
            reason=answers["reason"],
            origin=origin,
            now=now,
        )
        if row.status == DiscrepancyStatus.OPEN:
            return Outcome(
                message="{amount} is above the limit: a second person has to approve it"
                " ({exception}).",
                facts={"amount": money(row.at_stake, row.currency), "exception": row.id},
            )
        if row.status == DiscrepancyStatus.WRITTEN_OFF:
            return Outcome(message="{exception} is written off.", facts={"exception": row.id})
        if row.status == DiscrepancyStatus.IGNORED:
            return Outcome(message="{exception} is ignored.", facts={"exception": row.id})
        return Outcome(message="{exception} is resolved.", facts={"exception": row.id})


class MatchDialog(_ResolveDialog):
    """Say that the sides belong together."""

    name = "match"
    label = "Match…"
    action = "match"
    submit = "They agree"

    def explanation(self) -> str:
        """Say that nothing is booked."""
        return "The sides belong together as they are. Nothing is booked."


class IgnoreDialog(_ResolveDialog):
    """Leave a difference as it is."""

    name = "ignore"
    label = "Ignore…"
    action = "ignore"
    submit = "Ignore it"

    def explanation(self) -> str:
        """Say that it stays."""
        return "The difference stays in the books, and this exception is not opened again."


class _BookingDialog(_ResolveDialog):
    """An action that books; its journal is shown before."""

    needs_fresh_factor = True

    def is_offered(self) -> bool:
        """Return whether a journal follows from the two sides."""
        return super().is_offered() and bool(self._legs())

    def explanation(self) -> str:
        """Say when a second person is needed."""
        limit = settings.RECONCILIATION_APPROVAL_LIMIT
        row = self.subject
        if needs_second_person(row.at_stake, row.currency, limit=limit):
            return f"Above {limit} {row.currency} a second person has to approve it."
        return "The journal below is booked at once."

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return the journal that will be booked."""
        return self._legs()

    def _legs(self) -> list[tuple[str, str]]:
        try:
            draft = draft_correction(
                self.subject, action=self.action, origin=CLOCK, now=timezone.now()
            )
        except DomainError:
            return []
        return [
            (
                f"{'Debit' if leg.amount > 0 else 'Credit'} {words(leg.account).lower()}"
                f"{f' of {leg.owner}' if leg.owner else ''}",
                money(abs(leg.amount), leg.currency),
            )
            for leg in draft.legs
        ]


class CorrectDialog(_BookingDialog):
    """Book the difference where it belongs."""

    name = "correct"
    label = "Correct…"
    action = "correct"
    submit = "Book the correction"


class WriteOffDialog(_BookingDialog):
    """Give the difference up."""

    name = "write-off"
    label = "Write off…"
    action = "write_off"
    submit = "Write it off"
    is_dangerous = True


class PicksForm(DialogForm):
    """Which exceptions."""

    exceptions = forms.CharField(
        max_length=6000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=f"Ids of at most {MAX_AT_ONCE} exceptions; tick them in the list.",
    )

    def clean_exceptions(self) -> list[Discrepancy]:
        """Return the exceptions."""
        wanted = list(dict.fromkeys(self.cleaned_data["exceptions"].replace(",", " ").split()))
        if len(wanted) > MAX_AT_ONCE:
            raise forms.ValidationError(f"At most {MAX_AT_ONCE} exceptions at once.")
        found = Discrepancy.objects.in_bulk(wanted)
        for name in wanted:
            if name not in found:
                raise forms.ValidationError(f"There is no exception {name[:60]}.")
        return [found[name] for name in wanted]


class SeveralForm(PicksForm, ReasonForm):
    """Which exceptions, and why."""

    field_order = ("nonce", "exceptions", "reason")


class _SeveralDialog(Dialog):
    """Do the same about ticked exceptions; one that has ended meanwhile says so."""

    permission = "reconciliation.change_discrepancy"
    form_class: ClassVar[type[DialogForm]] = SeveralForm
    takes_picks = True
    action: ClassVar[str]
    # What the person is told.
    message: ClassVar[str]

    def initial(self) -> Mapping[str, Any]:
        """Begin with what was ticked in the list."""
        return {"exceptions": "\n".join(self.place.picks)}

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Go through them, each in a transaction of its own."""
        refused: list[str] = []
        for row in answers["exceptions"]:
            try:
                self.end(row, answers.get("reason", ""), origin=origin, now=now)
            except DomainError as refusal:
                refused.append(refusal.message)
        count = len(answers["exceptions"]) - len(refused)
        facts = {"count": count, "refused": "".join(f" {why}" for why in refused)}
        return Outcome(message=self.message, facts=facts)

    def end(self, row: Discrepancy, reason: str, *, origin: Origin, now: datetime) -> None:
        """Do it about one exception; here, resolve it by `action`."""
        resolve_exception(
            scope=row.scope,
            exception_id=row.id,
            action=self.action,
            reason=reason,
            origin=origin,
            now=now,
        )


class IgnoreSeveralDialog(_SeveralDialog):
    """Ignore ticked exceptions for one reason, such as that only the day differs."""

    name = "ignore-several"
    label = "Ignore several…"
    submit = "Ignore them"
    action = "ignore"
    message = "{count} exceptions are ignored.{refused}"

    def explanation(self) -> str:
        """Say that they stay."""
        return "The differences stay in the books, and these exceptions are not opened again."


class CorrectSeveralDialog(_SeveralDialog):
    """Book the corrections of ticked exceptions."""

    name = "correct-several"
    label = "Correct several…"
    submit = "Book the corrections"
    action = "correct"
    message = "{count} exceptions are corrected, or wait for a second person.{refused}"
    needs_fresh_factor = True

    def explanation(self) -> str:
        """Say what is booked, and what waits."""
        limit = settings.RECONCILIATION_APPROVAL_LIMIT
        return (
            "Each is corrected as its own page shows it. What differs by more than"
            f" {limit} waits for a second person."
        )


class AssignSeveralDialog(_SeveralDialog):
    """Take the work on ticked exceptions."""

    name = "assign-several"
    label = "Assign several to me…"
    form_class = PicksForm
    submit = "Assign them to me"
    message = "{count} exceptions are yours.{refused}"

    def end(self, row: Discrepancy, reason: str, *, origin: Origin, now: datetime) -> None:
        """Note who works on it."""
        del reason, origin, now
        assign_exception(scope=row.scope, exception_id=row.id, assignee=self.user)


def advice_of(row: Discrepancy) -> tuple[str, str]:
    """Return what usually helps: the action's name, and why."""
    advice = advise(row.kind)
    return words(advice.action), advice.reason
