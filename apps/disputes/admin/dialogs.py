"""What staff may do about a dispute."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms

from apps.backoffice.kit.assigning import AssignToMeDialog, BulkAssignDialog, BulkAssignForm
from apps.backoffice.kit.dialogs import Dialog, DialogForm, Outcome, ReasonForm
from apps.backoffice.kit.display import money
from apps.backoffice.models import User
from apps.common.origin import Origin
from apps.disputes.admin.display import COMPELLING_LABEL
from apps.disputes.compelling import CE3, ENHANCED, read_draft
from apps.disputes.matrix import FIELD_LIMIT, FIELDS, checklist, missing
from apps.disputes.models import Dispute
from apps.disputes.selectors import find_case, suggest_compelling, suggest_evidence
from apps.disputes.services.details import assign_dispute, assign_disputes
from apps.disputes.services.endings import accept_dispute
from apps.disputes.services.evidence import attach_file, save_evidence, submit_evidence
from apps.disputes.states import ANSWERABLE, OPEN_CHARGEBACKS


class _DisputeDialog(Dialog):
    subject: Dispute

    def look(self) -> Mapping[str, Any]:
        """Return where the dispute stands."""
        return Dispute.objects.values("status", "stage", "amount", "currency", "submissions").get(
            pk=self.subject.pk
        )

    def is_answerable(self) -> bool:
        """Return whether the bank waits and nothing was submitted."""
        return self.subject.status in ANSWERABLE and self.subject.submitted_at is None

    def draft(self) -> dict[str, Any]:
        """Return the draft of the evidence."""
        case = find_case(self.subject)
        return dict(case.evidence) if case else {}


class AssignDialog(AssignToMeDialog, _DisputeDialog):
    """Take the work on a dispute."""

    permission = "disputes.change_dispute"

    def is_offered(self) -> bool:
        """Return whether there is work left, and not this person's already."""
        case = find_case(self.subject)
        is_mine = case is not None and case.assignee_id == self.user.pk
        return self.subject.is_open and not is_mine

    def take(self) -> None:
        """Note who works on it."""
        assign_dispute(scope=self.subject.scope, dispute_id=self.subject.id, assignee=self.user)


class _SeveralDisputes(BulkAssignForm):
    model = Dispute
    permission = "disputes.change_dispute"


class BulkAssignDisputes(BulkAssignDialog):
    """Hand several disputes to one person."""

    permission = "disputes.change_dispute"
    form_class = _SeveralDisputes

    def assign(self, ids: Collection[str], person: User | None) -> None:
        """Note who works on these disputes."""
        assign_disputes(dispute_ids=ids, assignee=person)


class EvidenceForm(DialogForm):
    """One text per field that banks want for this reason; empty ones are offered what we know."""

    def __init__(self, data: Any = None, *, subject: Dispute) -> None:
        super().__init__(data, subject=subject)
        case = find_case(subject)
        draft = case.evidence if case else {}
        suggested = suggest_evidence(subject)
        for wanted in checklist(subject.reason, draft):
            name = wanted.field.name
            if wanted.field.is_file:
                continue
            is_suggested = name not in draft and name in suggested
            wish = "Banks want this. " if wanted.is_required else ""
            note = " Filled in from our data." if is_suggested else ""
            self.fields[name] = forms.CharField(
                label=wanted.field.label,
                initial=draft.get(name) or suggested.get(name, ""),
                max_length=FIELD_LIMIT,
                required=False,
                widget=forms.Textarea(attrs={"rows": 2}),
                help_text=f"{wish}{wanted.field.why}{note}",
            )
        if suggest_compelling(subject):
            self.fields["compelling"] = forms.BooleanField(
                label="Name two earlier payments (compelling evidence 3.0)",
                required=False,
                initial=not case or not draft or bool(read_draft(draft)),
                help_text="Visa asks for two payments by this card that nobody disputed.",
            )


class EvidenceDialog(_DisputeDialog):
    """Write the draft."""

    name = "evidence"
    label = "Evidence…"
    permission = "disputes.change_dispute"
    form_class = EvidenceForm
    submit = "Save the draft"

    def is_offered(self) -> bool:
        """Return whether evidence is still taken."""
        return self.is_answerable()

    def explanation(self) -> str:
        """Say that nothing leaves yet."""
        return "Only the draft is kept. Nothing is sent to the bank yet."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Keep the draft."""
        del origin
        evidence = {name: text for name, text in answers.items() if name in FIELDS}
        if "compelling" in answers:
            draft = suggest_compelling(self.subject) if answers["compelling"] else {}
            evidence[ENHANCED] = {CE3: draft}
        save_evidence(
            scope=self.subject.scope, dispute_id=self.subject.id, evidence=evidence, now=now
        )
        return Outcome(message="The draft is saved.")


class UploadForm(DialogForm):
    """A file, and what it proves."""

    field = forms.ChoiceField(label="What it is", choices=())
    file = forms.FileField(
        label="File",
        help_text="PDF, PNG or JPEG, at most 5 MiB and 50 pages.",
        widget=forms.ClearableFileInput(attrs={"accept": "application/pdf,image/png,image/jpeg"}),
    )

    def __init__(self, data: Any = None, *, subject: Dispute) -> None:
        super().__init__(data, subject=subject)
        wanted = [each for each in checklist(subject.reason, {}) if each.field.is_file]
        choices: Any = self.fields["field"]
        choices.choices = [(each.field.name, each.field.label) for each in wanted]


class UploadDialog(_DisputeDialog):
    """Add a document to the draft; one that was there under the same name is replaced."""

    name = "upload"
    label = "Add a document…"
    permission = "disputes.change_dispute"
    form_class = UploadForm
    submit = "Add the document"

    def is_offered(self) -> bool:
        """Return whether evidence is still taken."""
        return self.is_answerable()

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Look at the file, keep it and note it in the draft."""
        upload = answers["file"]
        file = attach_file(
            scope=self.subject.scope,
            dispute_id=self.subject.id,
            field=answers["field"],
            content=upload.read(),
            name=upload.name,
            origin=origin,
            now=now,
        )
        return Outcome(
            message="{file} is part of the draft: {pages} page(s).",
            facts={"file": file.name, "pages": file.pages},
        )


class SubmitForm(DialogForm):
    """A tick against a slip."""

    is_final = forms.BooleanField(
        label="I have read the evidence",
        help_text="The bank reads it once. Nothing can be added afterwards.",
    )


class SubmitDialog(_DisputeDialog):
    """Send the evidence to the bank."""

    name = "submit-evidence"
    label = "Submit evidence…"
    permission = "disputes.submit_dispute"
    form_class = SubmitForm
    submit = "Submit for good"

    def is_offered(self) -> bool:
        """Return whether there is something to submit."""
        return self.is_answerable() and bool(self.draft())

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what the bank will get, and what it will miss."""
        draft = self.draft()
        absent = [FIELDS[name].label for name in missing(self.subject.reason, draft)]
        if not read_draft(draft) and suggest_compelling(self.subject):
            absent.append(COMPELLING_LABEL)
        return [
            ("Fields filled in", str(len(draft))),
            ("Still missing", ", ".join(absent) if absent else "Nothing"),
        ]

    def work(self, _answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Submit; a missing answer of the gateway is no failure."""
        dispute = submit_evidence(
            scope=self.subject.scope, dispute_id=self.subject.id, origin=origin, now=now
        )
        if dispute.status not in ANSWERABLE:
            return Outcome(message="The evidence is with the bank.")
        if dispute.submitted_at is None:
            return Outcome(message="The gateway refused the evidence.", succeeded=False)
        return Outcome(
            message="The gateway has not confirmed the evidence yet. We keep sending the same"
            " evidence; do not repeat it."
        )


class AcceptDialog(_DisputeDialog):
    """Give a dispute up."""

    name = "accept"
    label = "Accept…"
    permission = "disputes.accept_dispute"
    form_class = ReasonForm
    submit = "Accept the dispute"
    needs_fresh_factor = True
    is_dangerous = True

    def is_offered(self) -> bool:
        """Return whether the bank has not decided yet."""
        return self.subject.status in OPEN_CHARGEBACKS

    def explanation(self) -> str:
        """Say what is lost."""
        amount = money(self.subject.amount, self.subject.currency)
        return f"The payer keeps {amount}, and nobody can change that any more."

    def work(self, _answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Accept."""
        accept_dispute(scope=self.subject.scope, dispute_id=self.subject.id, origin=origin, now=now)
        return Outcome(message="The dispute is accepted.")
