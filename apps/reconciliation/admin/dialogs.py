"""What staff may do about an exception: assign, match, ignore, correct, write off."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.utils import timezone

from apps.backoffice.kit.assigning import AssignToMeDialog, BulkAssignDialog, BulkAssignForm
from apps.backoffice.kit.dialogs import Dialog, Outcome, ReasonForm
from apps.backoffice.kit.display import money, words
from apps.backoffice.kit.picks import PicksForm
from apps.backoffice.models import User
from apps.common.errors import DomainError
from apps.common.origin import CLOCK, Origin
from apps.reconciliation.models import Discrepancy
from apps.reconciliation.policies import advise, needs_second_person
from apps.reconciliation.services import assign_exceptions, resolve_exception
from apps.reconciliation.services.corrections import draft_correction
from apps.reconciliation.states import DiscrepancyStatus


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
        assign_exceptions(exception_ids=[self.subject.id], assignee=self.user)


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


class SeveralForm(PicksForm, ReasonForm):
    """Which exceptions, and why."""

    model = Discrepancy
    field_order = ("nonce", "cases", "reason")


class _SeveralDialog(Dialog):
    """Do the same about ticked exceptions; one that has ended meanwhile says so."""

    permission = "reconciliation.change_discrepancy"
    form_class = SeveralForm
    takes_picks = True
    action: ClassVar[str]
    # What the person is told.
    message: ClassVar[str]

    def initial(self) -> Mapping[str, Any]:
        """Begin with what was ticked in the list."""
        return {"cases": "\n".join(self.place.picks)}

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Go through them, each in a transaction of its own."""
        rows = Discrepancy.objects.in_bulk(answers["cases"])
        refused: list[str] = []
        for exception_id in answers["cases"]:
            try:
                resolve_exception(
                    scope=rows[exception_id].scope,
                    exception_id=exception_id,
                    action=self.action,
                    reason=answers["reason"],
                    origin=origin,
                    now=now,
                )
            except DomainError as refusal:
                refused.append(refusal.message)
        count = len(rows) - len(refused)
        facts = {"count": count, "refused": "".join(f" {why}" for why in refused)}
        return Outcome(message=self.message, facts=facts)


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


class _SeveralExceptions(BulkAssignForm):
    model = Discrepancy
    permission = "reconciliation.change_discrepancy"


class BulkAssignExceptions(BulkAssignDialog):
    """Hand several exceptions to one person."""

    permission = "reconciliation.change_discrepancy"
    form_class = _SeveralExceptions

    def assign(self, ids: Collection[str], person: User | None) -> None:
        """Note who works on these exceptions."""
        assign_exceptions(exception_ids=ids, assignee=person)


def advice_of(row: Discrepancy) -> tuple[str, str]:
    """Return what usually helps: the action's name, and why."""
    advice = advise(row.kind)
    return words(advice.action), advice.reason
