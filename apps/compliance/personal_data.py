"""
Where the platform keeps what it knows about a person: the one list that export and erasure follow.

A person is a customer. Each section names a table, which of its rows are about the customer, and
which columns hold them. Columns of money, statuses, times and ids stay: they are kept by law, and
without the rest they name nobody. `tests/compliance/test_personal_data.py` holds every column of
every model that could hold a text against this list and `WITHOUT_PEOPLE`.
"""
# ruff: noqa: S608 - the SQL is made of constants of this module

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """
    Rows of `table` that are about a customer.

    `where` is SQL in which `{customer}` stands for the customer's id. `personal` are the columns
    that an erasure empties; of a JSON column only what `common_without_person` takes. `hidden` are
    the columns that no export shows, because they are secrets or bytes. `has_history` says that
    the ids of the rows name events, whose frozen objects hold the same.
    """

    name: str
    table: str
    where: str
    personal: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    has_history: bool = False
    key: str = "id"


_PAYMENTS = "SELECT id FROM payments_paymentintent WHERE customer_id = {customer}"
_METHODS = (
    "SELECT id FROM vault_paymentmethod WHERE customer_id = {customer} OR owner_id = {customer}"
)
_SUBSCRIPTIONS = "SELECT id FROM subscriptions_subscription WHERE customer_id = {customer}"
_INVOICES = "SELECT id FROM subscriptions_invoice WHERE customer_id = {customer}"
_DISPUTES = f"SELECT id FROM disputes_dispute WHERE intent_id IN ({_PAYMENTS})"
# Evidence names files by their ids.
_FILES = f"""
SELECT packet_id FROM disputes_submission WHERE dispute_id IN ({_DISPUTES})
UNION SELECT named.value FROM disputes_submission, jsonb_each_text(evidence) AS named
       WHERE dispute_id IN ({_DISPUTES})
UNION SELECT named.value FROM disputes_disputecase, jsonb_each_text(evidence) AS named
       WHERE dispute_id IN ({_DISPUTES})
UNION SELECT named.value FROM disputes_historicaldisputecase, jsonb_each_text(evidence) AS named
       WHERE dispute_id IN ({_DISPUTES})
"""

# In this order: what is found through a row goes before what the row loses.
SECTIONS: Final = (
    Section(
        name="customer",
        table="customers_customer",
        where="id = {customer}",
        personal=(
            "email",
            "name",
            "phone",
            "description",
            "address",
            "shipping",
            "metadata",
            "preferred_locales",
        ),
        has_history=True,
    ),
    Section(
        name="gateway_customers",
        table="vault_gatewaycustomer",
        where="customer_id = {customer}",
    ),
    Section(
        name="payment_methods",
        table="vault_paymentmethod",
        where=f"id IN ({_METHODS})",
        personal=("billing_details", "metadata"),
        has_history=True,
    ),
    Section(
        name="mandates",
        table="vault_mandate",
        where=f"payment_method_id IN ({_METHODS})",
        personal=("ip", "user_agent"),
        has_history=True,
    ),
    Section(
        name="setup_intents",
        table="setups_setupintent",
        where="customer_id = {customer}",
        personal=("description", "metadata", "return_url", "next_action", "last_setup_error"),
        hidden=("client_secret",),
        has_history=True,
    ),
    Section(
        name="checkout_sessions",
        table="checkout_session",
        where="customer_id = {customer}"
        f" OR payment_intent_id <> '' AND payment_intent_id IN ({_PAYMENTS})",
        personal=(
            "customer_email",
            "client_reference_id",
            "success_url",
            "cancel_url",
            "metadata",
            "subscription_data",
            "line_items",
        ),
        has_history=True,
    ),
    Section(
        name="checkouts",
        table="payments_checkout",
        where="customer_id = {customer}",
        personal=("buyer_reference",),
        has_history=True,
    ),
    Section(
        name="payment_orders",
        table="payments_paymentorder",
        where=f"intent_id IN ({_PAYMENTS})",
        has_history=True,
    ),
    Section(
        name="payments",
        table="payments_paymentintent",
        where="customer_id = {customer}",
        personal=(
            "receipt_email",
            "description",
            "metadata",
            "return_url",
            "shipping",
            "statement_descriptor",
            "statement_descriptor_suffix",
            "next_action",
            "last_payment_error",
        ),
        hidden=("client_secret",),
        has_history=True,
    ),
    Section(
        name="payment_attempts",
        table="payments_paymentattempt",
        where=f"intent_id IN ({_PAYMENTS})",
        has_history=True,
    ),
    # The same rows under the ids by which the API calls them.
    Section(
        name="charges",
        table="payments_paymentattempt",
        where=f"intent_id IN ({_PAYMENTS})",
        has_history=True,
        key="'ch' || substr(id, 4)",
    ),
    Section(
        name="refunds",
        table="payments_refund",
        where=f"intent_id IN ({_PAYMENTS})",
        personal=("metadata",),
        has_history=True,
    ),
    Section(
        name="subscriptions",
        table="subscriptions_subscription",
        where="customer_id = {customer}",
        personal=("description", "metadata", "cancellation_comment"),
        has_history=True,
    ),
    Section(
        name="subscription_items",
        table="subscriptions_subscriptionitem",
        where=f"subscription_id IN ({_SUBSCRIPTIONS})",
        personal=("metadata",),
        has_history=True,
    ),
    Section(
        name="invoices",
        table="subscriptions_invoice",
        where="customer_id = {customer}",
        personal=("description", "metadata", "last_error", "customer_name", "customer_email"),
        hidden=("access_token",),
        has_history=True,
    ),
    # What was sold stays on the invoice, in the price's words; what a caller wrote does not.
    Section(
        name="invoice_lines",
        table="subscriptions_invoiceline",
        where=f"invoice_id IN ({_INVOICES}) AND invoice_item_id <> ''",
        personal=("description",),
    ),
    Section(
        name="invoice_items",
        table="subscriptions_invoiceitem",
        where="customer_id = {customer}",
        personal=("description", "metadata"),
        has_history=True,
    ),
    Section(
        name="credit_notes",
        table="subscriptions_creditnote",
        where=f"invoice_id IN ({_INVOICES})",
        personal=("memo", "metadata"),
        has_history=True,
    ),
    Section(
        name="balance_transactions",
        table="subscriptions_balancetransaction",
        where="customer_id = {customer}",
        personal=("description", "metadata"),
        has_history=True,
    ),
    Section(
        name="meter_events",
        table="subscriptions_meterevent",
        where="customer_id = {customer}",
    ),
    Section(
        name="files",
        table="disputes_storedfile",
        where=f"id IN ({_FILES})",
        personal=("name", "content"),
        hidden=("content",),
        has_history=True,
    ),
    Section(
        name="dispute_submissions",
        table="disputes_submission",
        where=f"dispute_id IN ({_DISPUTES})",
        personal=("evidence",),
    ),
    Section(
        name="dispute_cases",
        table="disputes_disputecase",
        where=f"dispute_id IN ({_DISPUTES})",
        personal=("evidence",),
    ),
    Section(
        name="dispute_drafts",
        table="disputes_historicaldisputecase",
        where=f"dispute_id IN ({_DISPUTES})",
        personal=("evidence",),
    ),
    Section(
        name="disputes",
        table="disputes_dispute",
        where=f"intent_id IN ({_PAYMENTS})",
        personal=("metadata",),
        has_history=True,
    ),
    Section(
        name="fraud_reports",
        table="disputes_fraudreport",
        where=f"intent_id IN ({_PAYMENTS})",
        has_history=True,
    ),
    Section(
        name="usage",
        table="disputes_usageevidence",
        where="customer_id = {customer}",
        personal=("action", "ip_address", "device"),
    ),
    Section(
        name="risk_decisions",
        table="fraud_decision",
        where=f"intent_id IN ({_PAYMENTS})",
        personal=("facts", "entities", "matched_rules", "reasons", "shadow"),
    ),
    Section(
        name="risk_reviews",
        table="fraud_review",
        where=f"intent_id IN ({_PAYMENTS})",
        personal=("note",),
        has_history=True,
    ),
)

# What is stored beside the objects: copies in the words of that moment.
EVENT_COLUMNS: Final = ("object", "data", "previous_attributes")

# The ids of all objects that are about the customer, each of which may have events.
OBJECT_IDS: Final = " UNION ALL ".join(
    f"SELECT {section.key} FROM {section.table} WHERE {section.where}"
    for section in SECTIONS
    if section.has_history
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Hindrance:
    """What has to end before a customer can be erased: rows of `table` for which `where` holds."""

    name: str
    table: str
    where: str


HINDRANCES: Final = (
    Hindrance(
        name="active_subscriptions",
        table="subscriptions_subscription",
        where="customer_id = {customer} AND status NOT IN ('canceled', 'incomplete_expired')",
    ),
    Hindrance(
        name="payments_in_flight",
        table="payments_paymentintent",
        where="customer_id = {customer} AND status IN"
        " ('processing', 'requires_action', 'requires_capture', 'conflicted')",
    ),
    Hindrance(
        name="refunds_in_flight",
        table="payments_refund",
        where=f"intent_id IN ({_PAYMENTS}) AND status IN ('requires_approval', 'pending')",
    ),
    Hindrance(
        name="setups_in_flight",
        table="setups_setupintent",
        where="customer_id = {customer} AND status IN ('processing', 'requires_action')",
    ),
    Hindrance(
        name="open_invoices",
        table="subscriptions_invoice",
        where="customer_id = {customer} AND status = 'open'",
    ),
    Hindrance(
        name="open_disputes",
        table="disputes_dispute",
        where=f"intent_id IN ({_PAYMENTS}) AND status IN"
        " ('opened', 'warning_needs_response', 'warning_under_review', 'needs_response',"
        " 'under_review')",
    ),
)

# Why a column that could hold a text holds nothing about a customer.
MERCHANT: Final = "what merchants write about their own business, and businesses that they pay"
MACHINE: Final = "codes, references, digests and figures that programs make"
STAFF: Final = "who works here and what they did; the audit keeps it"
CREDENTIAL: Final = "secrets of machines, encrypted or digested"
STATEMENT: Final = "what gateways and banks report of money"
COPY: Final = (
    "copies in the words of the moment; services/erasure.py finds them by the objects' ids"
)

# Every other column that could hold a text: table -> (reason, columns).
WITHOUT_PEOPLE: Final[Mapping[str, tuple[str, str]]] = {
    "api_apikey": (CREDENTIAL, "name display digest scopes ip_allow_list api_version"),
    "api_idempotencykey": (COPY, "key fingerprint path response_body"),
    "api_loggedrequest": (
        COPY,
        "path error_code ip user_agent idempotency_key original_request request response",
    ),
    "api_merchant": (MERCHANT, "name"),
    "auth_group": (STAFF, "name"),
    "auth_permission": (MACHINE, "name codename"),
    "axes_accessattempt": (
        STAFF,
        "user_agent ip_address username http_accept path_info get_data post_data",
    ),
    "axes_accessfailurelog": (STAFF, "user_agent ip_address username http_accept path_info"),
    "axes_accesslog": (STAFF, "user_agent ip_address username http_accept path_info session_hash"),
    "backoffice_allowance": (STAFF, "actor span"),
    "backoffice_approval": (STAFF, "kind payload reason requested_by decided_by note"),
    "backoffice_auditcheck": (MACHINE, "first_bad detail"),
    "backoffice_auditlink": (MACHINE, "previous_hash hash"),
    "backoffice_dialogclaim": (STAFF, "actor action outcome"),
    "backoffice_export": (STAFF, "source title query sha256 stored_as error"),
    "backoffice_recoverydevice": (STAFF, "name digests"),
    "backoffice_savedview": (STAFF, "screen name query role"),
    "backoffice_staffaction": (
        STAFF,
        "actor roles ip action object_type before after reason outcome",
    ),
    "backoffice_staffsession": (STAFF, "ip browser ended_by"),
    "backoffice_user": (STAFF, "password email name"),
    "compliance_datarequest": (STAFF, "actor idempotency_key counts"),
    "compliance_restoredrill": (MACHINE, "report"),
    "compliance_retentionrun": (MACHINE, "rule"),
    "customers_customer": (MACHINE, "time_zone tax_exempt"),
    "disputes_dispute": (
        MACHINE,
        "gateway gateway_reference reason network network_reason_code submitted_by",
    ),
    "disputes_disputefunds": (MACHINE, "gateway_reference"),
    "disputes_disputepolicy": (
        MERCHANT,
        "accept_below refund_inquiries_below refund_warnings_below cancellation_terms refund_terms"
        " changed_by",
    ),
    "disputes_fraudreport": (MACHINE, "gateway gateway_reference network kind"),
    "disputes_historicaldisputecase": (STAFF, "history_change_reason"),
    "disputes_historicaldisputepolicy": (
        MERCHANT,
        "accept_below refund_inquiries_below refund_warnings_below cancellation_terms refund_terms"
        " changed_by history_change_reason",
    ),
    "disputes_schemestanding": (MACHINE, "network"),
    "disputes_storedfile": (MACHINE, "content_type sha256 created_by"),
    "disputes_submission": (MACHINE, "sha256 submitted_by"),
    "django_admin_log": (STAFF, "object_id object_repr change_message"),
    "django_content_type": (MACHINE, "app_label model"),
    "django_session": (STAFF, "session_data"),
    "fraud_check": (
        MACHINE,
        "cvc_check avs_line1_check avs_postal_code_check three_d_secure reasons",
    ),
    "fraud_decision": (MACHINE, "model_version features degraded"),
    "fraud_drift": (MACHINE, "model_version feature"),
    "fraud_historicalreviewcase": (STAFF, "history_change_reason"),
    "fraud_review": (STAFF, "closed_by"),
    "fraud_riskmodel": (MACHINE, "version sha256 artifact metrics card"),
    "fraud_rule": (MERCHANT, "family name expression created_by published_by"),
    "fraud_tally": (MACHINE, "key field"),
    "fraud_valuelist": (MERCHANT, "alias name metadata created_by"),
    # Who was put on a list for fraud stays there: a block list is a legitimate interest.
    "fraud_valuelistitem": (MERCHANT, "value reason created_by"),
    "gateways_adyenfact": (
        MACHINE,
        "gateway code reference payment_reference merchant_reference reason details",
    ),
    "gateways_historicalroutingrule": (
        MERCHANT,
        "id name currencies countries brands method_types sellers weights changed_by"
        " history_change_reason",
    ),
    "gateways_routingrule": (
        MERCHANT,
        "name currencies countries brands method_types sellers weights changed_by",
    ),
    "ledger_account": (MACHINE, "code owner"),
    "ledger_entrykey": (MACHINE, "source_type kind reverses"),
    "ledger_exchangerate": (MACHINE, "source"),
    # Texts of programs, and of staff where a journal was made by hand.
    "ledger_journalentry": (
        MACHINE,
        "kind source_type reverses description metadata digest",
    ),
    "ledger_periodclose": (STAFF, "actor"),
    "ledger_seal": (MACHINE, "entry_ids leaves root previous_hash hash"),
    "otp_totp_totpdevice": (STAFF, "name key"),
    "outbox_event": (COPY, "type data object previous_attributes actor idempotency_key"),
    "outbox_message": (MACHINE, "type last_error"),
    "payments_paymentattempt": (
        MACHINE,
        "gateway route routing waits_for void_reason request_three_d_secure method_type"
        " gateway_reference charge_reference decline_code network_decline_code advice_code message"
        " method_details",
    ),
    "payments_paymentintent": (
        MACHINE,
        "setup_future_usage transfer_destination transfer_group cancellation_reason client_secret"
        " payment_method_options",
    ),
    "payments_refund": (
        MACHINE,
        "reason gateway_reference failure_reason actor bank_reference bank_reference_type",
    ),
    "payouts_payout": (
        MERCHANT,
        "gateway gateway_reference requested_by approved_by description statement_descriptor"
        " metadata failure_code",
    ),
    "payouts_seller": (MERCHANT, "name email payout_destination metadata"),
    "payouts_transfer": (MERCHANT, "source_transaction transfer_group description metadata"),
    "payouts_transferreversal": (MERCHANT, "source description metadata"),
    "reconciliation_bankline": (STATEMENT, "bank account reference description"),
    "reconciliation_discrepancy": (
        STATEMENT,
        "gateway subject reference explanation resolved_by resolution_reason",
    ),
    "reconciliation_reconciliationrun": (STATEMENT, "gateway difference actor"),
    "reconciliation_reportfetch": (STATEMENT, "gateway"),
    "reconciliation_settlement": (STATEMENT, "gateway reference"),
    "reconciliation_statementchunk": (STATEMENT, "content"),
    "reconciliation_statementfile": (STATEMENT, "source name sha256 uploaded_by"),
    "reconciliation_statementline": (
        STATEMENT,
        "gateway reference object_reference payment_reference our_reference payout_reference rule"
        " paid_currency",
    ),
    "reconciliation_statementrefusal": (STATEMENT, "reason text"),
    "reporting_forecast": (MACHINE, "gateway"),
    "reporting_hourofattempts": (MACHINE, "gateway status error_class"),
    "reporting_hourofbooks": (MACHINE, "kind account gateway"),
    "reporting_hourofevents": (MACHINE, "type"),
    "reporting_reportrun": (STATEMENT, "report_type content sha256 requested_by"),
    "setups_setupintent": (
        MACHINE,
        "gateway gateway_reference cancellation_reason client_secret",
    ),
    "subscriptions_balancetransaction": (MACHINE, "type"),
    "subscriptions_collectiontry": (MACHINE, "outcome"),
    "subscriptions_coupon": (MERCHANT, "code name metadata"),
    "subscriptions_creditnote": (MACHINE, "number reason"),
    "subscriptions_dunningpolicy": (MERCHANT, "name retry_days"),
    "subscriptions_invoice": (MACHINE, "number access_token customer_tax_exempt"),
    "subscriptions_meter": (MERCHANT, "display_name event_name"),
    "subscriptions_meterevent": (MACHINE, "identifier event_name"),
    "subscriptions_price": (MERCHANT, "tiers nickname lookup_key metadata"),
    "subscriptions_product": (
        MERCHANT,
        "name description unit_label statement_descriptor metadata",
    ),
    "subscriptions_subscription": (
        MACHINE,
        "time_zone cancellation_reason cancellation_feedback parked_reason",
    ),
    "subscriptions_testclock": (MERCHANT, "name"),
    "vault_gatewaycustomer": (MACHINE, "gateway reference"),
    "vault_gatewaytoken": (CREDENTIAL, "gateway token digest"),
    "vault_mandate": (MACHINE, "reference"),
    "vault_networktoken": (CREDENTIAL, "reference number"),
    # How the instrument looks, without which nobody recognises a payment on a statement, and a
    # digest that finds it when its request comes again.
    "vault_paymentmethod": (MACHINE, "type brand funding fingerprint bank_name exchange_key"),
    "webhooks_delivery": (MACHINE, "last_error"),
    "webhooks_deliveryattempt": (COPY, "error answer"),
    "webhooks_inboundevent": (
        COPY,
        "gateway type kind reference payment_reference body headers last_error",
    ),
    "webhooks_webhookendpoint": (
        MERCHANT,
        "url description enabled_events metadata api_version secret previous_secret"
        " disabled_reason",
    ),
}
