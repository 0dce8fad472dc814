"""Disputes and early warnings beside the payments that they are about."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.safestring import SafeString

from apps.backoffice.kit.display import Tone, chip, money, words
from apps.backoffice.kit.related import Related
from apps.disputes.admin.display import status_chip
from apps.disputes.models import Dispute, FraudReport


def disputes_of(intent: Any) -> Iterator[Related]:
    """Return the disputes of a payment."""
    for dispute in Dispute.objects.filter(intent_id=intent.pk).order_by("-pk"):
        yield Related(
            kind="dispute",
            id=dispute.pk,
            status=status_chip(dispute.status),
            about=money(dispute.amount, dispute.currency),
        )


def warnings_of(intent: Any) -> Iterator[Related]:
    """Return what banks warned of before, or without, a dispute."""
    for report in FraudReport.objects.filter(intent_id=intent.pk).order_by("-pk"):
        yield Related(
            kind="early_fraud_warning", id=report.pk, status=chip(words(report.kind), Tone.BAD)
        )


def mark_disputed(intent_ids: Sequence[str]) -> Mapping[str, SafeString]:
    """Return the chip beside the status of each payment that was disputed."""
    disputed = Dispute.objects.filter(intent_id__in=intent_ids)
    return dict.fromkeys(
        disputed.values_list("intent_id", flat=True), chip(words("disputed"), Tone.BAD)
    )
