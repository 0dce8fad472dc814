"""
MAP 5: what stands in the back-office's sidebar, on its first page, and behind its search box.

Names and paths only; every entry names the permission without which nobody sees it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext

from apps.backoffice.kit.dashboard import Card, Charts, Figures
from apps.backoffice.selectors import default_queries

# Group -> (title, icon, name of the list, permission, path of the number beside it).
SIDEBAR: Mapping[str, Sequence[tuple[str, str, str, str, str]]] = {
    "": [
        ("Today", "space_dashboard", "admin:index", "", ""),
        (
            "Approvals",
            "how_to_reg",
            "admin:backoffice_approval_changelist",
            "backoffice.view_approval",
            "apps.backoffice.figures.approvals_badge",
        ),
    ],
    "Payments": [
        (
            "Payments",
            "payments",
            "admin:payments_paymentintent_changelist",
            "payments.view_paymentintent",
            "",
        ),
        ("Refunds", "undo", "admin:payments_refund_changelist", "payments.view_refund", ""),
        (
            "Disputes",
            "gavel",
            "admin:disputes_dispute_changelist",
            "disputes.view_dispute",
            "",
        ),
        (
            "Fraud warnings",
            "e911_emergency",
            "admin:disputes_fraudreport_changelist",
            "disputes.view_fraudreport",
            "",
        ),
        (
            "Dispute figures",
            "insights",
            "admin:disputes_dispute_figures",
            "disputes.view_dispute",
            "",
        ),
        (
            "Standing orders",
            "assignment",
            "admin:disputes_disputepolicy_changelist",
            "disputes.view_disputepolicy",
            "",
        ),
        (
            "Checkout sessions",
            "shopping_cart_checkout",
            "admin:checkout_session_changelist",
            "checkout.view_session",
            "",
        ),
        (
            "Customers",
            "group",
            "admin:customers_customer_changelist",
            "customers.view_customer",
            "",
        ),
        (
            "Payment methods",
            "credit_card",
            "admin:vault_paymentmethod_changelist",
            "vault.view_paymentmethod",
            "",
        ),
        (
            "Setups",
            "add_card",
            "admin:setups_setupintent_changelist",
            "setups.view_setupintent",
            "",
        ),
        ("Mandates", "contract", "admin:vault_mandate_changelist", "vault.view_mandate", ""),
    ],
    "Billing": [
        (
            "Subscriptions",
            "autorenew",
            "admin:subscriptions_subscription_changelist",
            "subscriptions.view_subscription",
            "",
        ),
        (
            "Invoices",
            "receipt_long",
            "admin:subscriptions_invoice_changelist",
            "subscriptions.view_invoice",
            "",
        ),
        (
            "Revenue",
            "trending_up",
            "admin:subscriptions_revenuechange_changelist",
            "subscriptions.view_revenuechange",
            "",
        ),
        (
            "Dunning",
            "notification_important",
            "admin:subscriptions_dunningpolicy_changelist",
            "subscriptions.view_dunningpolicy",
            "",
        ),
        (
            "Test clocks",
            "schedule",
            "admin:subscriptions_testclock_changelist",
            "subscriptions.view_testclock",
            "",
        ),
    ],
    "Sellers": [
        ("Sellers", "storefront", "admin:payouts_seller_changelist", "payouts.view_seller", ""),
        (
            "Payment orders",
            "shopping_bag",
            "admin:payments_paymentorder_changelist",
            "payments.view_paymentorder",
            "",
        ),
        (
            "Transfers",
            "move_down",
            "admin:payouts_transfer_changelist",
            "payouts.view_transfer",
            "",
        ),
        ("Payouts", "outbound", "admin:payouts_payout_changelist", "payouts.view_payout", ""),
    ],
    "Risk": [
        ("Reviews", "policy", "admin:fraud_review_changelist", "fraud.view_review", ""),
        ("Rules", "rule", "admin:fraud_rule_changelist", "fraud.view_rule", ""),
        ("Lists", "list_alt", "admin:fraud_valuelist_changelist", "fraud.view_valuelist", ""),
        (
            "Listed values",
            "format_list_bulleted",
            "admin:fraud_valuelistitem_changelist",
            "fraud.view_valuelistitem",
            "",
        ),
    ],
    "Books": [
        (
            "Trial balance",
            "account_balance",
            "admin:ledger_account_changelist",
            "ledger.view_account",
            "",
        ),
        (
            "Journal",
            "menu_book",
            "admin:ledger_journalentry_changelist",
            "ledger.view_journalentry",
            "",
        ),
        (
            "Exchange rates",
            "currency_exchange",
            "admin:ledger_exchangerate_changelist",
            "ledger.view_exchangerate",
            "",
        ),
    ],
    "Reports": [
        (
            "Reports",
            "bar_chart",
            "admin:reporting_reports",
            "reporting.view_reportrun",
            "",
        ),
        (
            "Report files",
            "inventory_2",
            "admin:reporting_reportrun_changelist",
            "reporting.view_reportrun",
            "",
        ),
    ],
    "Reconciliation": [
        (
            "Exceptions",
            "rule_folder",
            "admin:reconciliation_discrepancy_changelist",
            "reconciliation.view_discrepancy",
            "",
        ),
        (
            "Runs",
            "balance",
            "admin:reconciliation_reconciliationrun_changelist",
            "reconciliation.view_reconciliationrun",
            "",
        ),
        (
            "Settlements",
            "account_balance_wallet",
            "admin:reconciliation_settlement_changelist",
            "reconciliation.view_settlement",
            "",
        ),
        (
            "Statements",
            "upload_file",
            "admin:reconciliation_statementfile_changelist",
            "reconciliation.view_statementfile",
            "",
        ),
    ],
    "Pipeline": [
        (
            "Gateways",
            "alt_route",
            "admin:gateways_routingrule_changelist",
            "gateways.view_routingrule",
            "",
        ),
        (
            "Inbound webhooks",
            "move_to_inbox",
            "admin:webhooks_inboundevent_changelist",
            "webhooks.view_inboundevent",
            "",
        ),
        (
            "Endpoints",
            "webhook",
            "admin:webhooks_webhookendpoint_changelist",
            "webhooks.view_webhookendpoint",
            "",
        ),
        (
            "Deliveries",
            "outgoing_mail",
            "admin:webhooks_delivery_changelist",
            "webhooks.view_delivery",
            "",
        ),
        ("Events", "timeline", "admin:outbox_event_changelist", "outbox.view_event", ""),
        ("Outbox", "outbox", "admin:outbox_message_changelist", "outbox.view_message", ""),
    ],
    "Access": [
        ("API keys", "key", "admin:api_apikey_changelist", "api.view_apikey", ""),
        (
            "Requests",
            "http",
            "admin:api_loggedrequest_changelist",
            "api.view_loggedrequest",
            "",
        ),
        ("Staff", "badge", "admin:backoffice_user_changelist", "backoffice.view_user", ""),
        (
            "Sessions",
            "devices",
            "admin:backoffice_staffsession_changelist",
            "backoffice.view_staffsession",
            "",
        ),
        ("Exports", "download", "admin:backoffice_export_changelist", "", ""),
        (
            "Audit trail",
            "history",
            "admin:backoffice_staffaction_changelist",
            "backoffice.view_staffaction",
            "",
        ),
    ],
}

# Work that waits, on the first page.
CARDS: Sequence[Card] = (
    Card(
        label="Approvals for you",
        hint="Asked by others, ended after 72 hours",
        count="apps.backoffice.figures.count_waiting_approvals",
        url="admin:backoffice_approval_changelist",
        query="status__exact=pending&decider=me",
        permission="backoffice.view_approval",
    ),
    Card(
        label="Payments without an outcome",
        hint="The gateway has not said what it did",
        count="apps.payments.figures.count_unknown_outcomes",
        url="admin:payments_paymentintent_changelist",
        query="status__exact=processing&outcome=unknown",
        permission="payments.view_paymentintent",
    ),
    Card(
        label="Refunds under way",
        hint="Asked for, not yet confirmed by the gateway",
        count="apps.payments.figures.count_open_refunds",
        url="admin:payments_refund_changelist",
        query="status__exact=pending",
        permission="payments.view_refund",
    ),
    Card(
        label="Disputes to answer",
        hint="The bank waits for evidence",
        count="apps.disputes.figures.count_waiting_disputes",
        url="admin:disputes_dispute_changelist",
        query="status__in=needs_response,warning_needs_response",
        permission="disputes.view_dispute",
    ),
    Card(
        label="Books that disagree",
        hint="Ledger, gateway and bank do not say the same",
        count="apps.reconciliation.figures.count_open_exceptions",
        url="admin:reconciliation_discrepancy_changelist",
        query="status__exact=open",
        permission="reconciliation.view_discrepancy",
    ),
    Card(
        label="Dead letters",
        hint="Events that some reader could not take",
        count="apps.outbox.figures.count_dead_letters",
        url="admin:outbox_message_changelist",
        query="dead_at__isnull=False",
        permission="outbox.view_message",
    ),
    Card(
        label="Dead webhooks",
        hint="Messages of gateways that could not be handled",
        count="apps.webhooks.figures.count_dead_inbound_events",
        url="admin:webhooks_inboundevent_changelist",
        query="status__exact=dead",
        permission="webhooks.view_inboundevent",
    ),
)

FIGURES: Sequence[Figures] = (
    Figures(read="apps.reporting.figures.read_today", permission="payments.view_paymentintent"),
)

CHARTS: Sequence[Charts] = (
    Charts(read="apps.reporting.figures.volume_chart", permission="payments.view_paymentintent"),
    Charts(read="apps.reporting.figures.approval_chart", permission="payments.view_paymentintent"),
    Charts(read="apps.reporting.figures.dispute_chart", permission="disputes.view_dispute"),
    Charts(read="apps.reporting.figures.forecast_chart", permission="ledger.view_account"),
    Charts(read="apps.reporting.figures.health_chart", permission="outbox.view_message"),
)

# Reports that can be exported: name -> path of `(export: Export) -> Book`.
REPORTS: Mapping[str, str] = dict.fromkeys(
    (
        "billing.dunning.1",
        "books.month_close.1",
        "disputes.by_month.1",
        "ledger.trial_balance.1",
        "payments.by_day.1",
        "payments.by_gateway.1",
        "payments.declines.1",
        "payments.refunds.1",
        "reconciliation.exceptions.1",
        "reconciliation.payouts.1",
        "settlement.accuracy.1",
        "settlement.forecast.1",
    ),
    "apps.reporting.exports.read_report",
)

# Prefix of an id -> (name of the page, permission): what a pasted id opens.
PAGES: Mapping[str, tuple[str, str]] = {
    "pi": ("admin:payments_paymentintent_change", "payments.view_paymentintent"),
    "dp": ("admin:disputes_dispute_change", "disputes.view_dispute"),
    "issfr": ("admin:disputes_fraudreport_change", "disputes.view_fraudreport"),
    "rv": ("admin:fraud_review_change", "fraud.view_review"),
    "rule": ("admin:fraud_rule_change", "fraud.view_rule"),
    "rsl": ("admin:fraud_valuelist_change", "fraud.view_valuelist"),
    "rsli": ("admin:fraud_valuelistitem_change", "fraud.view_valuelistitem"),
    "re": ("admin:payments_refund_change", "payments.view_refund"),
    "cus": ("admin:customers_customer_change", "customers.view_customer"),
    "pm": ("admin:vault_paymentmethod_change", "vault.view_paymentmethod"),
    "cs": ("admin:checkout_session_change", "checkout.view_session"),
    "seti": ("admin:setups_setupintent_change", "setups.view_setupintent"),
    "mandate": ("admin:vault_mandate_change", "vault.view_mandate"),
    "acct": ("admin:payouts_seller_change", "payouts.view_seller"),
    "po": ("admin:payouts_payout_change", "payouts.view_payout"),
    "tr": ("admin:payouts_transfer_change", "payouts.view_transfer"),
    "ord": ("admin:payments_paymentorder_change", "payments.view_paymentorder"),
    "in": ("admin:subscriptions_invoice_change", "subscriptions.view_invoice"),
    "sub": ("admin:subscriptions_subscription_change", "subscriptions.view_subscription"),
    "mrr": ("admin:subscriptions_revenuechange_change", "subscriptions.view_revenuechange"),
    "dun": ("admin:subscriptions_dunningpolicy_change", "subscriptions.view_dunningpolicy"),
    "clock": ("admin:subscriptions_testclock_change", "subscriptions.view_testclock"),
    "evt": ("admin:outbox_event_change", "outbox.view_event"),
    "we": ("admin:webhooks_webhookendpoint_change", "webhooks.view_webhookendpoint"),
    "wd": ("admin:webhooks_delivery_change", "webhooks.view_delivery"),
    "jrn": ("admin:ledger_journalentry_change", "ledger.view_journalentry"),
    "sf": ("admin:reconciliation_statementfile_change", "reconciliation.view_statementfile"),
    "run": (
        "admin:reconciliation_reconciliationrun_change",
        "reconciliation.view_reconciliationrun",
    ),
    "rx": ("admin:reconciliation_discrepancy_change", "reconciliation.view_discrepancy"),
    "stl": ("admin:reconciliation_settlement_change", "reconciliation.view_settlement"),
    "key": ("admin:api_apikey_change", "api.view_apikey"),
    "frr": ("admin:reporting_reportrun_change", "reporting.view_reportrun"),
    "req": ("admin:api_loggedrequest_change", "api.view_loggedrequest"),
    "rrl": ("admin:gateways_routingrule_change", "gateways.view_routingrule"),
    "apr": ("admin:backoffice_approval_change", "backoffice.view_approval"),
    "ses": ("admin:backoffice_staffsession_change", "backoffice.view_staffsession"),
    "exp": ("admin:backoffice_export_change", ""),
    "act": ("admin:backoffice_staffaction_change", "backoffice.view_staffaction"),
}

# What lies in other apps and belongs to an object, on its page: model -> paths of
# `(obj) -> Iterable[Related]`, in the order in which they stand.
RELATED: Mapping[str, Sequence[str]] = {
    "payments.paymentintent": (
        "apps.disputes.admin.related.disputes_of",
        "apps.disputes.admin.related.warnings_of",
        "apps.payments.admin.related.reviews_of",
        "apps.payments.admin.related.order_of",
        "apps.checkout.admin.session_of",
        "apps.subscriptions.admin.related.invoice_of",
    ),
    "vault.paymentmethod": ("apps.vault.admin.mandates_of",),
    "customers.customer": (
        "apps.payments.admin.related.payments_of",
        "apps.subscriptions.admin.related.subscriptions_of",
        "apps.vault.admin.methods_of",
    ),
}

# What may be done to an object by apps above its own: model -> paths of dialogs.
DIALOGS: Mapping[str, Sequence[str]] = {
    "customers.customer": (
        "apps.compliance.admin.ExportPersonDialog",
        "apps.compliance.admin.ErasePersonDialog",
    ),
}

# What a list can be narrowed down by that apps above know: model -> paths of filters.
FILTERS: Mapping[str, Sequence[str]] = {
    "payments.paymentintent": ("apps.disputes.admin.filters.DisputedFilter",),
}

# What the search box looks through for an address, and for anything else.
_PALETTE_OF_ADDRESSES: Sequence[str] = ("payments.paymentintent", "customers.customer")
_PALETTE: Sequence[str] = (
    "payments.paymentintent",
    "disputes.dispute",
    "customers.customer",
    "payouts.payout",
    "reconciliation.settlement",
)


def palette(term: str) -> Sequence[str]:
    """Return the lists whose exact searches are asked for what was pasted."""
    return _PALETTE_OF_ADDRESSES if "@" in term else _PALETTE


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar with what this person may see, each list under their own filter."""
    user: Any = request.user
    queries = default_queries(user) if user.is_authenticated else {}
    groups = []
    for title, entries in SIDEBAR.items():
        items = [
            _item(request, label, icon, url, badge, queries)
            for label, icon, url, permission, badge in entries
            if not permission or request.user.has_perm(permission)
        ]
        if items:
            groups.append({"title": _(title), "separator": bool(title), "items": items})
    _mark_active(groups, request.path)
    return groups


def _mark_active(groups: list[dict[str, Any]], path: str) -> None:
    """Mark the entry that leads nearest to the page: a list has pages with entries of their own."""
    items = [item for group in groups for item in group["items"]]
    home = reverse("admin:index")
    pages = [item["link"].partition("?")[0] for item in items]
    leading = [page for page in pages if path.startswith(page) and page != home]
    nearest = max(leading, key=len, default=home if path == home else "")
    for item, page in zip(items, pages, strict=True):
        item["active"] = page == nearest


def _(label: str) -> str:
    """Return the label in the reader's language; no label stays none."""
    return gettext(label) if label else ""


def account_links(request: HttpRequest) -> list[dict[str, Any]]:
    """Return what the menu behind one's own name offers."""
    url = reverse("admin:backoffice_profile_change", args=[request.user.pk])
    return [{"title": _("Your account"), "link": url}]


def _item(
    request: HttpRequest, label: str, icon: str, url: str, badge: str, queries: Mapping[str, str]
) -> dict[str, Any]:
    number = import_string(badge)(request) if badge else ""
    # `admin:payments_refund_changelist` is the list of `payments.refund`.
    screen = url.removeprefix("admin:").removesuffix("_changelist").replace("_", ".", 1)
    query = queries.get(screen, "")
    return {
        "title": _(label),
        "icon": icon,
        "link": f"{reverse(url)}?{query}" if query else reverse(url),
        **({"badge": number} if number else {}),
    }
