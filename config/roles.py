"""
Who may do what in the back-office: the one table of roles.

`manage.py setup_roles` makes the groups of the database equal to it. What a role may look at are
the models' view permissions; what it may do are the rights of apps/backoffice/models/rights.py.
"""

from collections.abc import Mapping

from apps.backoffice.policies import RefundLimits

_PAYMENTS = (
    "payments.view_paymentintent",
    "payments.view_refund",
    "checkout.view_session",
    "customers.view_customer",
    "setups.view_setupintent",
    "vault.view_mandate",
    "vault.view_paymentmethod",
)
_HISTORY = ("outbox.view_event",)
_APPROVALS = ("backoffice.view_approval",)
_SELLERS = (
    "payouts.view_seller",
    "payouts.view_payout",
    "payouts.view_transfer",
    "payments.view_paymentorder",
)
_BILLING = ("subscriptions.view_subscription", "subscriptions.view_invoice")
_DUNNING = ("subscriptions.view_dunningpolicy", "subscriptions.view_revenuechange")
_CLOCKS = ("subscriptions.view_testclock",)
_WARNINGS = ("disputes.view_fraudreport",)
_DISPUTES = ("disputes.view_dispute", *_WARNINGS)
_ORDERS = ("disputes.view_disputepolicy",)
_LEDGER = ("ledger.view_account", "ledger.view_journalentry", "ledger.view_exchangerate")
_RECONCILIATION = (
    "reconciliation.view_discrepancy",
    "reconciliation.view_reconciliationrun",
    "reconciliation.view_settlement",
    "reconciliation.view_statementfile",
)
_REPORTS = ("reporting.view_reportrun",)
_RECONCILE = (
    "reconciliation.add_reconciliationrun",
    "reconciliation.add_statementfile",
    "reconciliation.change_discrepancy",
)
_ROUTING = ("gateways.view_routingrule",)
_PIPELINE = (
    "outbox.view_event",
    "outbox.view_message",
    "webhooks.view_inboundevent",
    "webhooks.view_webhookendpoint",
    "webhooks.view_delivery",
)
_RISK = (
    *_WARNINGS,
    "fraud.view_review",
    "fraud.change_review",
    "fraud.view_rule",
    "fraud.add_rule",
    "fraud.view_valuelist",
    "fraud.view_valuelistitem",
    "fraud.change_valuelist",
)
_BLOCK = ("fraud.add_valuelistitem",)
_KEYS = ("api.view_apikey",)
_REQUESTS = ("api.view_loggedrequest",)
_AUDIT = ("backoffice.view_staffaction", "backoffice.view_user", "backoffice.view_staffsession")

_EXPORT = ("backoffice.export_rows",)
_PII = ("backoffice.view_pii",)
_REFUND = ("backoffice.refund_payment",)
_APPROVE_ALL = (
    "backoffice.approve_refund",
    "backoffice.approve_journal",
)

# How much a role gives back alone, in major units: of one payment, and on one day. Above either a
# second person decides (AC-49f). Who has no role here, a superuser too, always needs one.
REFUND_LIMITS: Mapping[str, RefundLimits] = {
    "support_agent": RefundLimits(each=100, daily=500),
    "support_lead": RefundLimits(each=1_000, daily=5_000),
    "finance": RefundLimits(each=1_000, daily=5_000),
    "finance_lead": RefundLimits(each=10_000, daily=50_000),
}

ROLES: Mapping[str, tuple[str, ...]] = {
    "support_agent": (*_PAYMENTS, *_BILLING, *_APPROVALS, *_PII, *_REFUND),
    "support_lead": (
        *_EXPORT,
        *_PAYMENTS,
        *_BILLING,
        "subscriptions.change_subscription",
        *_DISPUTES,
        *_HISTORY,
        *_APPROVALS,
        *_PII,
        *_REFUND,
        "backoffice.cancel_payment",
        "backoffice.capture_payment",
        "backoffice.approve_refund",
        "compliance.add_datarequest",
        *_BLOCK,
    ),
    "finance": (
        *_EXPORT,
        *_PAYMENTS,
        *_BILLING,
        *_DUNNING,
        "subscriptions.change_invoice",
        *_HISTORY,
        *_APPROVALS,
        *_SELLERS,
        *_DISPUTES,
        *_LEDGER,
        *_PII,
        *_REFUND,
        *_RECONCILIATION,
        *_REPORTS,
        *_RECONCILE,
        "disputes.change_dispute",
        *_ORDERS,
        "payouts.send_payout",
    ),
    "finance_lead": (
        *_EXPORT,
        *_PAYMENTS,
        *_BILLING,
        *_DUNNING,
        "subscriptions.change_subscription",
        "subscriptions.change_invoice",
        *_HISTORY,
        *_APPROVALS,
        *_SELLERS,
        *_DISPUTES,
        *_LEDGER,
        *_PII,
        *_REFUND,
        *_APPROVE_ALL,
        "backoffice.cancel_payment",
        "backoffice.capture_payment",
        *_RECONCILIATION,
        *_REPORTS,
        *_RECONCILE,
        "ledger.add_periodclose",
        "disputes.accept_dispute",
        "disputes.change_dispute",
        *_ORDERS,
        "disputes.change_disputepolicy",
        "disputes.submit_dispute",
        "payouts.approve_payout",
        "payouts.send_payout",
        "payouts.suspend_seller",
    ),
    "risk": (*_PAYMENTS, *_HISTORY, *_APPROVALS, *_PII, *_RISK, *_BLOCK),
    "risk_lead": (
        *_EXPORT,
        *_PAYMENTS,
        *_HISTORY,
        *_APPROVALS,
        *_PII,
        *_RISK,
        *_BLOCK,
        "backoffice.cancel_payment",
        "fraud.change_rule",
    ),
    "ops": (
        *_EXPORT,
        "payments.view_paymentintent",
        "payments.view_refund",
        *_PIPELINE,
        *_ROUTING,
        "gateways.add_routingrule",
        "gateways.change_routingrule",
        *_REQUESTS,
        "backoffice.replay_webhook",
        "backoffice.manage_webhook",
        "backoffice.replay_message",
        "backoffice.discard_message",
    ),
    "auditor": (
        *_EXPORT,
        *_PAYMENTS,
        *_BILLING,
        *_DUNNING,
        *_CLOCKS,
        *_PIPELINE,
        *_ROUTING,
        *_APPROVALS,
        *_SELLERS,
        *_DISPUTES,
        *_ORDERS,
        *_LEDGER,
        *_RECONCILIATION,
        *_REPORTS,
        *_KEYS,
        *_REQUESTS,
        *_AUDIT,
        "backoffice.view_export",
    ),
    "developer": (
        *_BILLING,
        *_CLOCKS,
        "subscriptions.add_testclock",
        "subscriptions.change_testclock",
        "checkout.view_session",
        "setups.view_setupintent",
        "payments.view_paymentintent",
        "payments.view_refund",
        *_PIPELINE,
        *_KEYS,
        *_REQUESTS,
        "backoffice.manage_api_key",
        "backoffice.replay_webhook",
        "backoffice.manage_webhook",
    ),
    "admin": (*_AUDIT, *_APPROVALS, "backoffice.manage_staff"),
}
