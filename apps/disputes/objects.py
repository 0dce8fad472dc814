"""How disputes look in the API and in events: Stripe's shape, and what is ours beside it."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from apps.disputes.compelling import CE3, is_eligible, read_draft, required_actions
from apps.disputes.content import JPEG, PDF, PNG
from apps.disputes.models import (
    Dispute,
    DisputeFunds,
    DisputePolicy,
    FraudReport,
    SchemeStanding,
    StoredFile,
    UsageEvidence,
)
from apps.disputes.policies import answer_by
from apps.disputes.states import DisputeStage, FundsKind
from apps.disputes.tallies import Outcome, Standing

_FILE_TYPES = {PDF: "pdf", PNG: "png", JPEG: "jpg"}
_MOVED = {FundsKind.WITHDRAWN, FundsKind.REINSTATED}


def render_dispute(
    dispute: Dispute,
    *,
    buffer: timedelta,
    funds: Iterable[DisputeFunds] = (),
    evidence: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """
    Return the dispute as `dispute`; events show it without its evidence.

    Our own deadline lies `buffer` before the gateway's.
    """
    eligibility = _render_eligibility(dispute, evidence or {})
    return {
        "id": dispute.id,
        "object": "dispute",
        "amount": dispute.amount,
        "balance_transactions": [_render_funds(each) for each in funds if each.kind in _MOVED],
        "charge": f"ch{dispute.attempt_id.removeprefix('att')}",
        "created": int(dispute.opened_at.timestamp()),
        "currency": dispute.currency.lower(),
        "customer": dispute.customer_id or None,
        "enhanced_eligibility_types": list(eligibility),
        "evidence": evidence or {},
        "evidence_details": {
            "answer_by": _unix(answer_by(dispute.due_at, buffer=buffer)),
            "due_by": _unix(dispute.due_at),
            "enhanced_eligibility": eligibility,
            "has_evidence": bool(evidence) or dispute.submitted_at is not None,
            "submission_count": dispute.submissions,
            "submitted_at": _unix(dispute.submitted_at),
        },
        "gateway": dispute.gateway,
        "gateway_reference": dispute.gateway_reference,
        "is_charge_refundable": dispute.is_charge_refundable,
        "livemode": dispute.livemode,
        "metadata": dispute.metadata,
        "network_reason_code": dispute.network_reason_code or None,
        "payment_intent": dispute.intent_id,
        "payment_method_details": {
            "type": "card" if dispute.network else "other",
            "card": {
                "brand": dispute.network,
                "case_type": ("inquiry" if dispute.stage == DisputeStage.INQUIRY else "chargeback"),
                "network_reason_code": dispute.network_reason_code or None,
            }
            if dispute.network
            else None,
        },
        "reason": dispute.reason,
        "refund": dispute.refund_id or None,
        "round": dispute.round,
        "stage": str(dispute.stage),
        "status": str(dispute.status),
    }


def render_file(file: StoredFile) -> dict[str, Any]:
    """Return the file as `file`, without its bytes, which are read at `url`."""
    return {
        "id": file.id,
        "object": "file",
        "created": int(file.created_at.timestamp()),
        "expires_at": None,
        "filename": file.name,
        "livemode": file.livemode,
        "pages": file.pages,
        "purpose": file.purpose,
        "sha256": file.sha256,
        "size": file.size,
        "title": None,
        "type": _FILE_TYPES[file.content_type],
        "url": f"{settings.PUBLIC_BASE_URL}/v1/files/{file.id}/contents",
    }


def render_warning(report: FraudReport, charge_id: str, *, is_open: bool) -> dict[str, Any]:
    """
    Return a bank's warning as `radar.early_fraud_warning`.

    While it `is_open`, a refund can still spare a dispute.
    """
    return {
        "id": report.id,
        "object": "radar.early_fraud_warning",
        "actionable": is_open,
        "charge": charge_id,
        "created": int(report.created_at.timestamp()),
        "fraud_type": report.kind,
        "livemode": report.livemode,
        "payment_intent": report.intent_id,
    }


def render_usage(usage: UsageEvidence) -> dict[str, Any]:
    """Return what a customer did as `usage_evidence`."""
    return {
        "id": usage.id,
        "object": "usage_evidence",
        "action": usage.action,
        "created": int(usage.created_at.timestamp()),
        "customer": usage.customer_id,
        "device": usage.device or None,
        "ip_address": usage.ip_address or None,
        "livemode": usage.livemode,
        "occurred_at": int(usage.occurred_at.timestamp()),
    }


def render_policy(policy: DisputePolicy) -> dict[str, Any]:
    """Return the merchant's standing orders as `dispute_policy`."""
    return {
        "object": "dispute_policy",
        "accept_below": _render_limits(policy.accept_below),
        "buffer_hours": policy.buffer_hours,
        "cancellation_terms": policy.cancellation_terms or None,
        "refund_inquiries_below": _render_limits(policy.refund_inquiries_below),
        "refund_terms": policy.refund_terms or None,
        "refund_warnings_below": _render_limits(policy.refund_warnings_below),
    }


def render_standing(row: SchemeStanding) -> dict[str, Any]:
    """Return what was counted for a scheme as `dispute_ratio`."""
    return {
        "id": row.id,
        "object": "dispute_ratio",
        "alert": row.alert,
        "disputes": row.disputes,
        "fraud_reports": row.fraud_reports,
        "livemode": row.livemode,
        "month": f"{row.month:%Y-%m}",
        "network": row.network,
        "payments": row.payments,
        "percent": str(row.percent),
        "programme": row.programme or None,
        "projected_percent": str(row.projected),
    }


def render_ratio(standing: Standing) -> dict[str, Any]:
    """Return a scheme's ratio as it stands now."""
    counts = standing.counts
    return {
        "object": "dispute_ratio",
        "alert": standing.ratio.alert,
        "disputes": counts.disputes,
        "fraud_reports": counts.fraud_reports,
        "month": f"{counts.month:%Y-%m}",
        "network": counts.network,
        "payments": counts.payments,
        "percent": str(standing.ratio.percent),
        "programme": str(standing.ratio.programme) or None,
        "projected_percent": str(standing.projected.percent),
        "projected_programme": str(standing.projected.programme) or None,
    }


def render_outcome(outcome: Outcome) -> dict[str, Any]:
    """Return how the disputes of one group ended; the rate only where it says something."""
    rate = outcome.rate
    return {
        "object": "dispute_outcome",
        "name": outcome.name or None,
        "closed": outcome.closed,
        "currency": outcome.currency.lower(),
        "fees": outcome.fees,
        "lost": outcome.lost,
        "losses": outcome.losses,
        "prevented": outcome.prevented,
        "recovered": outcome.recovered,
        "recovered_net": outcome.recovered_net,
        "win_rate": None if rate.percent is None else str(rate.percent),
        "win_rate_interval": [str(rate.low), str(rate.high)],
        "win_rate_is_telling": rate.is_telling,
        "won": outcome.won,
    }


def _render_eligibility(dispute: Dispute, evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Return which schemes' own forms of evidence the dispute may be answered with."""
    if not is_eligible(network=dispute.network, reason_code=dispute.network_reason_code):
        return {}
    actions = required_actions(read_draft(evidence))
    status = "requires_action" if actions else "qualified"
    return {CE3: {"required_actions": actions, "status": status}}


def _render_limits(limits: Mapping[str, int]) -> dict[str, int]:
    return {code.lower(): limit for code, limit in limits.items()}


def _render_funds(funds: DisputeFunds) -> dict[str, Any]:
    is_back = funds.kind == FundsKind.REINSTATED
    amount = funds.amount if is_back else -funds.amount
    fee = -funds.fee if is_back else funds.fee
    return {
        "id": f"txn_{funds.id.partition('_')[2]}",
        "object": "balance_transaction",
        "amount": amount,
        "created": int(funds.created_at.timestamp()),
        "currency": funds.currency.lower(),
        "fee": fee,
        "net": amount - fee,
        "reporting_category": "dispute_reversal" if is_back else "dispute",
        "type": "adjustment",
    }


def _unix(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())
