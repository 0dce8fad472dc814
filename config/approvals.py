"""
MAP 4: what needs a second person, and what happens once that person has decided.

Paths, so that no app imports one above it; apps/backoffice/policies.py says what they are.
"""

from collections.abc import Mapping

from apps.backoffice.policies import ApprovalKind

KINDS: Mapping[str, ApprovalKind] = {
    "refund": ApprovalKind(
        label="Refund above the limit",
        permission="backoffice.approve_refund",
        approve="apps.payments.services.approvals.on_refund_approved",
        reject="apps.payments.services.approvals.on_refund_rejected",
    ),
    "bulk_refund": ApprovalKind(
        label="Several refunds at once",
        permission="backoffice.approve_refund",
        approve="apps.payments.services.bulk_refunds.on_bulk_refund_approved",
        reject="apps.payments.services.bulk_refunds.on_bulk_refund_rejected",
    ),
    "reset_second_factor": ApprovalKind(
        label="Reset of a second factor",
        permission="backoffice.manage_staff",
        approve="apps.backoffice.services.second_factor.on_second_factor_reset",
    ),
    "payout": ApprovalKind(
        label="Payout above the limit",
        permission="payouts.approve_payout",
        approve="apps.payouts.handlers.on_payout_approved",
        reject="apps.payouts.handlers.on_payout_rejected",
    ),
    "risk_rule": ApprovalKind(
        label="Risk rule to go live",
        permission="fraud.change_rule",
        approve="apps.fraud.handlers.on_rule_approved",
    ),
    "value_list": ApprovalKind(
        label="Value of a list that rules use",
        permission="fraud.change_rule",
        approve="apps.fraud.handlers.on_value_list_approved",
        reject="apps.fraud.handlers.on_value_list_rejected",
    ),
    "manual_journal": ApprovalKind(
        label="Manual journal",
        permission="backoffice.approve_journal",
        approve="apps.ledger.handlers.on_manual_journal_approved",
    ),
    "reconciliation_correction": ApprovalKind(
        label="Correction of a reconciliation exception",
        permission="backoffice.approve_journal",
        approve="apps.reconciliation.handlers.on_correction_approved",
    ),
}
