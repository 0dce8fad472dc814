"""Evidence: drafted as often as one likes, submitted once per round."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.common.errors import ResourceMissing
from apps.common.ids import new_id
from apps.common.origin import CLOCK, Origin, Scope
from apps.common.transactions import release_connection
from apps.disputes.compelling import read_draft, required_actions
from apps.disputes.errors import (
    DisputeClosed,
    DisputePastDue,
    EvidenceAlreadySubmitted,
    EvidenceEmpty,
    EvidenceTooLong,
)
from apps.disputes.matrix import FIELDS, FILE_FIELDS, excess
from apps.disputes.models import Dispute, DisputeCase, StoredFile, Submission
from apps.disputes.selectors import find_case, find_charges, get_dispute, list_files, now_for
from apps.disputes.services.events import Moment
from apps.disputes.services.files import store_file
from apps.disputes.services.packet import freeze_packet
from apps.disputes.services.record import record_dispute
from apps.disputes.states import ANSWERABLE
from apps.gateways.base import DisputeEvidence
from apps.gateways.base import DisputeStage as GatewayStage
from apps.gateways.errors import GatewayError, GatewayRejected
from apps.gateways.registry import get_gateway

logger = logging.getLogger(__name__)


def save_evidence(
    *, scope: Scope, dispute_id: str, evidence: Mapping[str, Any], now: datetime
) -> DisputeCase:
    """
    Keep parts of the draft; an empty one takes it out, what is not named stays.

    A file is named by its id. `enhanced_evidence` is kept and replaced as a whole.

    :raises ResourceMissing: no such dispute, file, or charge among the earlier payments
    :raises DisputeClosed: nobody waits for an answer
    :raises EvidenceAlreadySubmitted: this round's evidence is frozen
    :raises DisputePastDue: the bank takes no more evidence
    :raises EvidenceTooLong: more than banks read (AC-87)
    """
    get_dispute(scope, dispute_id)
    named = {evidence[name] for name in FILE_FIELDS & evidence.keys()} - {""}
    list_files(scope, named)
    _check_charges(scope, read_draft(evidence))
    with transaction.atomic():
        dispute = Dispute.objects.lock(dispute_id)
        _check_answerable(dispute, now=now)
        case = find_case(dispute) or DisputeCase(dispute=dispute)
        draft = {**case.evidence, **evidence}
        draft = {
            name: told
            for name, told in draft.items()
            if (told.strip() if name in FIELDS else read_draft(draft))
        }
        _check_length(draft)
        if draft != case.evidence:
            case.evidence = draft
            case.save()
    return case


def attach_file(
    *,
    scope: Scope,
    dispute_id: str,
    field: str,
    content: bytes,
    name: str,
    origin: Origin,
    now: datetime,
) -> StoredFile:
    """
    Keep an uploaded file and note it in the draft, or neither.

    :raises DomainError: what `store_file` or `save_evidence` refuses
    """
    with transaction.atomic():
        file = store_file(scope=scope, content=content, name=name, origin=origin, now=now)
        save_evidence(scope=scope, dispute_id=dispute_id, evidence={field: file.id}, now=now)
    return file


def submit_evidence(*, scope: Scope, dispute_id: str, origin: Origin, now: datetime) -> Dispute:
    """
    Freeze the draft and its packet and send them to the bank, once per round (AC-87).

    What cannot be sent now is sent by a sweep, with the same key.

    :raises ResourceMissing: no such dispute
    :raises DisputeClosed: nobody waits for an answer
    :raises EvidenceAlreadySubmitted: it was submitted before
    :raises DisputePastDue: the bank takes no more evidence
    :raises EvidenceEmpty: there is no draft
    :raises PacketTooLarge: its files are more than a bank takes
    """
    get_dispute(scope, dispute_id)
    with transaction.atomic():
        # The lock makes two people who press the button together take turns.
        dispute = Dispute.objects.lock(dispute_id)
        _check_answerable(dispute, now=now)
        case = find_case(dispute)
        if case is None or not case.evidence:
            raise EvidenceEmpty(dispute=dispute.id)
        # Made under the lock, so that it holds the very draft that is frozen; only people who
        # work on the same dispute wait for it.
        packet = freeze_packet(dispute, case.evidence, by=origin.actor, now=now)
        submission = Submission.objects.create(
            id=new_id("dps"),
            dispute=dispute,
            round=dispute.round,
            evidence=case.evidence,
            packet=packet,
            sha256=packet.sha256,
            submitted_by=origin.actor,
            created_at=now,
        )
        Moment(origin=origin, now=now).happen(
            dispute,
            "charge.dispute.evidence_submitted",
            by=origin.actor,
            at=now.isoformat(),
            submission=submission.id,
            sha256=submission.sha256,
        )
        dispute.next_check_at = now
        dispute.save()
    return send_submission(submission_id=submission.id, origin=origin, now=now)


def send_submission(*, submission_id: str, origin: Origin = CLOCK, now: datetime) -> Dispute:
    """
    Send frozen evidence to its gateway, outside any transaction; its id is the key there.

    Evidence which the gateway refuses is a draft again. What was not sent before the bank asked
    anew stays here: it would use up the one answer of the next round.
    """
    submission = Submission.objects.select_related("dispute", "packet").get(pk=submission_id)
    dispute = submission.dispute
    is_done = submission.sent_at is not None or submission.refused_at is not None
    if is_done or submission.round != dispute.round:
        return dispute
    if dispute.status not in ANSWERABLE:
        # Only the answer got lost, and the bank has it. Sent with a key that the gateway has
        # forgotten by now it would look refused.
        if dispute.submissions:
            Submission.objects.filter(pk=submission.id).update(sent_at=now)
        return dispute
    release_connection()
    try:
        result = get_gateway(dispute.gateway).submit_evidence(
            dispute.gateway_reference, evidence=_as_sent(submission), key=submission.id
        )
    except GatewayRejected as refusal:
        logger.warning("evidence of %s was refused: %s", dispute.id, refusal)
        return _refuse(submission, code=refusal.code, origin=origin, now=now)
    except GatewayError as error:
        logger.warning("evidence of %s: %s: %s", dispute.id, type(error).__name__, error)
        return dispute
    Submission.objects.filter(pk=submission.id).update(sent_at=now)
    return record_dispute(gateway=dispute.gateway, result=result, origin=origin, now=now)


def _as_sent(submission: Submission) -> DisputeEvidence:
    """Return the texts one by one, and the packet, which holds the files."""
    packet = submission.packet
    told = submission.evidence
    return DisputeEvidence(
        stage=GatewayStage(submission.dispute.stage),
        texts={name: told[name] for name in FIELDS.keys() & told.keys() - FILE_FIELDS},
        packet=bytes(packet.content) if packet else b"",
        compelling=_with_gateways_charges(submission.dispute, read_draft(told)),
    )


def _with_gateways_charges(dispute: Dispute, draft: Mapping[str, Any]) -> Mapping[str, Any]:
    """Name the earlier payments as the gateway does; nothing when it does not know both of them."""
    if not draft or required_actions(draft):
        return {}
    earlier = draft["prior_undisputed_transactions"]
    charges = find_charges(dispute.scope, [each["charge"] for each in earlier])
    known = {
        id_: charge.charge_reference
        for id_, charge in charges.items()
        if charge.gateway == dispute.gateway and charge.charge_reference
    }
    if len(known) < len(earlier):
        return {}
    named = [{**each, "charge": known[each["charge"]]} for each in earlier]
    return {**draft, "prior_undisputed_transactions": named}


def _check_charges(scope: Scope, draft: Mapping[str, Any]) -> None:
    ids = [each["charge"] for each in draft.get("prior_undisputed_transactions", [])]
    absent = sorted(set(ids) - find_charges(scope, ids).keys())
    if absent:
        raise ResourceMissing(resource="charge", id=absent[0], param="evidence")


def _refuse(submission: Submission, *, code: str, origin: Origin, now: datetime) -> Dispute:
    with transaction.atomic():
        dispute = Dispute.objects.lock(submission.dispute_id)
        refused = Submission.objects.filter(pk=submission.id, refused_at__isnull=True)
        if refused.update(refused_at=now) and dispute.round == submission.round:
            Moment(origin=origin, now=now).happen(
                dispute, "charge.dispute.evidence_refused", code=code, submission=submission.id
            )
            dispute.save()
    return dispute


def _check_answerable(dispute: Dispute, *, now: datetime) -> None:
    if dispute.submitted_at is not None and dispute.is_open:
        raise EvidenceAlreadySubmitted(dispute=dispute.id)
    if dispute.status not in ANSWERABLE:
        raise DisputeClosed(dispute=dispute.id, status=dispute.status)
    if dispute.due_at is not None and dispute.due_at <= now_for(dispute, now):
        raise DisputePastDue(dispute=dispute.id, due_at=dispute.due_at.isoformat())


def _check_length(evidence: Mapping[str, Any]) -> None:
    found = excess(evidence)
    if found is not None:
        field, length, limit = found
        raise EvidenceTooLong(param="evidence", field=field, length=length, limit=limit)
