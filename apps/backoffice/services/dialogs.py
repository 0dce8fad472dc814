"""What staff do in dialogs: once per opened dialog, and always written down."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, Final
from uuid import UUID, uuid5

from django.db import transaction
from django.utils.translation import gettext

from apps.backoffice.errors import DialogSentBefore
from apps.backoffice.models import DialogClaim, StaffAction
from apps.common.errors import DomainError
from apps.common.origin import Origin

MAX_TEXT = 500
# Only has to be the same everywhere and always.
_NONCES: Final = UUID("8a4f6c1e-52a0-4f0d-9a7c-0d6b1f3e9c27")


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who acts, as the audit trail keeps it."""

    name: str
    roles: list[str]
    ip: str
    request_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Deed:
    """What is done to which object; `reason` is what the person gave."""

    action: str
    object_type: str
    object_id: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """
    What the person is told: `message` with `facts` in its places, such as `{amount}`.

    `succeeded` is false when the platform refused. `secret` is shown this once and kept nowhere;
    `object_id` is the object that came to be, for a dialog which makes one; `is_gone` says that
    the object has no page any more. `file` is what the browser saves, under `file_name`.
    """

    message: str
    facts: Mapping[str, object] = field(default_factory=dict)
    succeeded: bool = True
    secret: str = ""
    object_id: str = ""
    is_gone: bool = False
    file: IO[bytes] | None = None
    file_name: str = ""

    @property
    def in_english(self) -> str:
        """Return it as the audit trail keeps it, whoever reads that."""
        return self.message.format(**self.facts) if self.facts else self.message

    @property
    def in_words(self) -> str:
        """Return it in the reader's language."""
        told = gettext(self.message)
        return told.format(**self.facts) if self.facts else told


def run_dialog(
    *,
    nonce: UUID,
    actor: Actor,
    deed: Deed,
    look: Callable[[], Mapping[str, Any]],
    work: Callable[[Origin], Outcome],
    now: datetime,
) -> Outcome:
    """
    Do what a dialog asks for, at most once per `nonce`, and keep who did what and why.

    `look` returns the facts of the object, before and after; `work` makes the one call of the
    domain, outside any transaction, with the nonce as idempotency key. A dialog that is sent
    again is answered with the first outcome. A refusal of the domain is an outcome too.

    :raises DialogSentBefore: the first sending is under way, or its process died: nobody knows
    """
    claim, is_new = DialogClaim.objects.get_or_create(
        nonce=nonce,
        defaults={
            "actor": actor.name,
            "action": deed.action,
            "object_id": deed.object_id,
            "claimed_at": now,
        },
    )
    if not is_new:
        return _outcome_of(claim, actor, deed)
    before = look()
    try:
        outcome = work(
            Origin(actor=actor.name, request_id=actor.request_id, idempotency_key=str(nonce))
        )
    except DomainError as refusal:
        outcome = Outcome(message=refusal.message, succeeded=False)
    _keep(claim, actor, deed, outcome, before=before, after=look(), now=now)
    return outcome


def nonce_for(deed: Deed) -> UUID:
    """
    Return the nonce of a dialog about an object: the same until somebody has sent it.

    So a dialog that stands open in two tabs, or before two people, is done once; whoever sends it
    second hears what came of the first. Opened afresh afterwards it is a new wish.
    """
    done = StaffAction.objects.filter(object_id=deed.object_id, action=deed.action)
    latest = done.order_by("-id").values_list("id", flat=True).first()
    return uuid5(_NONCES, f"{deed.action} {deed.object_id} {latest or ''}")


def find_outcome(*, nonce: str, actor: Actor, deed: Deed) -> Outcome | None:
    """
    Return what came of a dialog that was sent before, None when nobody knows yet.

    Asked before the form is checked: what was done once would often be refused the second time.
    """
    try:
        claim = DialogClaim.objects.filter(
            pk=UUID(nonce),
            actor=actor.name,
            action=deed.action,
            object_id=deed.object_id,
            finished_at__isnull=False,
        ).first()
    except ValueError:
        return None
    if claim is None:
        return None
    return Outcome(message=claim.outcome, succeeded=claim.succeeded)


def _outcome_of(claim: DialogClaim, actor: Actor, deed: Deed) -> Outcome:
    asked = (actor.name, deed.action, deed.object_id)
    if claim.finished_at is None or (claim.actor, claim.action, claim.object_id) != asked:
        raise DialogSentBefore
    return Outcome(message=claim.outcome, succeeded=claim.succeeded)


def _keep(
    claim: DialogClaim,
    actor: Actor,
    deed: Deed,
    outcome: Outcome,
    *,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    now: datetime,
) -> None:
    with transaction.atomic():
        claim.finished_at = now
        claim.succeeded = outcome.succeeded
        claim.outcome = outcome.in_english[:MAX_TEXT]
        claim.save(update_fields=["finished_at", "succeeded", "outcome"])
        StaffAction.objects.create(
            at=now,
            actor=actor.name,
            roles=actor.roles,
            ip=actor.ip or None,
            action=deed.action,
            object_type=deed.object_type,
            object_id=outcome.object_id or deed.object_id,
            before=dict(before),
            after=dict(after),
            reason=deed.reason[:MAX_TEXT],
            succeeded=outcome.succeeded,
            outcome=outcome.in_english[:MAX_TEXT],
            request_id=actor.request_id,
        )
