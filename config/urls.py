"""MAP 1: every address of the system."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, path

from apps.api import openapi, operations
from apps.checkout.api import sessions as checkout
from apps.checkout.pages import payment_page, payment_status
from apps.compliance.api import views as privacy
from apps.customers.api import views as customers
from apps.disputes.api import disputes, files, usage
from apps.disputes.api import figures as dispute_figures
from apps.disputes.api import policy as dispute_policy
from apps.disputes.api import warnings as fraud_warnings
from apps.fraud.api import lists as value_lists
from apps.fraud.api import reviews, rules
from apps.gateways.api import gateways
from apps.gateways.api import rules as routing
from apps.ledger.api import balance, ledger
from apps.outbox.api import events
from apps.payments.api import charges, intents, orders, refunds, transfers
from apps.payments.pages import payer_return
from apps.payouts.api import accounts, payouts
from apps.reconciliation.api import views as reconciliation
from apps.reporting.api import views as reporting
from apps.setups.api import setups
from apps.setups.pages import setup_return
from apps.subscriptions.api import catalog, clocks, invoices, items, subscriptions
from apps.subscriptions.api import figures as billing_figures
from apps.subscriptions.pages import card_page, invoice_page, invoice_pdf
from apps.vault.api import views as methods
from apps.webhooks.api import deliveries, endpoints
from apps.webhooks.views import receive_gateway_webhook

operations_urls: list[URLPattern | URLResolver] = [
    path("healthz", operations.healthz),
    path("readyz", operations.readyz),
    path("metrics", operations.metrics),
    path("docs", openapi.docs),
    path("docs/errors", openapi.error_docs),
    path("redoc", openapi.redoc),
    path("v1/openapi.json", openapi.openapi),
]

event_urls: list[URLPattern | URLResolver] = [
    path("v1/events", events.EventsView.as_view()),
    path("v1/events/<str:event_id>", events.EventView.as_view()),
]

customer_urls: list[URLPattern | URLResolver] = [
    path("v1/customers", customers.CustomerList.as_view()),
    path("v1/customers/search", customers.CustomerSearch.as_view()),
    path("v1/customers/<str:customer_id>", customers.CustomerDetail.as_view()),
    path("v1/customers/<str:customer_id>/erase", privacy.CustomerErase.as_view()),
    path("v1/customers/<str:customer_id>/export", privacy.CustomerExport.as_view()),
    path("v1/customers/<str:customer_id>/payment_methods", methods.CustomerMethods.as_view()),
    path(
        "v1/customers/<str:customer_id>/payment_methods/<str:method_id>",
        methods.CustomerMethodDetail.as_view(),
    ),
    path("v1/mandates/<str:mandate_id>", methods.MandateDetail.as_view()),
    path("v1/payment_methods", methods.MethodList.as_view()),
    path("v1/payment_methods/<str:method_id>", methods.MethodDetail.as_view()),
    path("v1/payment_methods/<str:method_id>/attach", methods.MethodAttach.as_view()),
    path("v1/payment_methods/<str:method_id>/detach", methods.MethodDetach.as_view()),
]

setup_urls: list[URLPattern | URLResolver] = [
    path("v1/setup_intents", setups.SetupList.as_view()),
    path("v1/setup_intents/<str:setup_id>", setups.SetupDetail.as_view()),
    path("v1/setup_intents/<str:setup_id>/confirm", setups.SetupConfirm.as_view()),
    path("v1/setup_intents/<str:setup_id>/cancel", setups.SetupCancel.as_view()),
]

payment_urls: list[URLPattern | URLResolver] = [
    path("v1/payment_intents", intents.IntentList.as_view()),
    path("v1/payment_intents/<str:intent_id>", intents.IntentDetail.as_view()),
    path("v1/payment_intents/<str:intent_id>/confirm", intents.IntentConfirm.as_view()),
    path("v1/payment_intents/<str:intent_id>/capture", intents.IntentCapture.as_view()),
    path(
        "v1/payment_intents/<str:intent_id>/increment_authorization",
        intents.IntentIncrement.as_view(),
    ),
    path("v1/payment_intents/<str:intent_id>/cancel", intents.IntentCancel.as_view()),
    path("v1/payment_intents/<str:intent_id>/attempts", intents.IntentAttempts.as_view()),
    path("v1/payment_intents/<str:intent_id>/events", intents.IntentEvents.as_view()),
    path("v1/payment_intents/<str:intent_id>/trace", intents.IntentTrace.as_view()),
    path("v1/payments", orders.PaymentList.as_view()),
    path("v1/payments/<str:payment_order_id>", orders.PaymentDetail.as_view()),
    path("v1/charges", charges.ChargeList.as_view()),
    path("v1/charges/<str:charge_id>", charges.ChargeDetail.as_view()),
    path("v1/refunds", refunds.RefundList.as_view()),
    path("v1/refunds/<str:refund_id>", refunds.RefundDetail.as_view()),
    path("v1/refunds/<str:refund_id>/cancel", refunds.RefundCancel.as_view()),
]

seller_urls: list[URLPattern | URLResolver] = [
    path("v1/accounts", accounts.AccountList.as_view()),
    path("v1/accounts/<str:account_id>", accounts.AccountDetail.as_view()),
    path("v1/accounts/<str:account_id>/balance", accounts.AccountBalance.as_view()),
    path("v1/accounts/<str:account_id>/suspend", accounts.AccountSuspend.as_view()),
    path("v1/accounts/<str:account_id>/resume", accounts.AccountResume.as_view()),
    path("v1/transfers", transfers.TransferList.as_view()),
    path("v1/transfers/<str:transfer_id>", transfers.TransferDetail.as_view()),
    path("v1/transfers/<str:transfer_id>/reversals", transfers.ReversalList.as_view()),
    path(
        "v1/transfers/<str:transfer_id>/reversals/<str:reversal_id>",
        transfers.ReversalDetail.as_view(),
    ),
    path("v1/payouts", payouts.PayoutList.as_view()),
    path("v1/payouts/<str:payout_id>", payouts.PayoutDetail.as_view()),
    path("v1/payouts/<str:payout_id>/cancel", payouts.PayoutCancel.as_view()),
]

dispute_urls: list[URLPattern | URLResolver] = [
    path("v1/disputes", disputes.DisputeList.as_view()),
    path("v1/disputes/<str:dispute_id>", disputes.DisputeDetail.as_view()),
    path("v1/disputes/<str:dispute_id>/close", disputes.DisputeClose.as_view()),
    path("v1/dispute_policy", dispute_policy.PolicyDetail.as_view()),
    path("v1/radar/early_fraud_warnings", fraud_warnings.WarningList.as_view()),
    path("v1/radar/early_fraud_warnings/<str:warning_id>", fraud_warnings.WarningDetail.as_view()),
    path("v1/reports/dispute_outcomes", dispute_figures.Outcomes.as_view()),
    path("v1/reports/dispute_ratios", dispute_figures.Ratios.as_view()),
    path("v1/usage_evidence", usage.UsageList.as_view()),
    path("v1/files", files.FileList.as_view()),
    path("v1/files/<str:file_id>", files.FileDetail.as_view()),
    path("v1/files/<str:file_id>/contents", files.FileContents.as_view()),
]

ledger_urls: list[URLPattern | URLResolver] = [
    path("v1/balance", balance.BalanceView.as_view()),
    path("v1/balance_transactions", balance.MovementList.as_view()),
    path("v1/balance_transactions/<str:movement_id>", balance.MovementDetail.as_view()),
    path("v1/ledger/accounts", ledger.AccountList.as_view()),
    path("v1/ledger/accounts/<str:account_id>", ledger.AccountDetail.as_view()),
    path("v1/ledger/journals", ledger.JournalList.as_view()),
    path("v1/ledger/journals/<str:journal_id>", ledger.JournalDetail.as_view()),
    path("v1/ledger/trial_balance", ledger.TrialBalance.as_view()),
]

routing_urls: list[URLPattern | URLResolver] = [
    path("v1/gateways", gateways.GatewayList.as_view()),
    path("v1/routing/rules", routing.RoutingRuleList.as_view()),
    path("v1/routing/rules/<str:rule_id>", routing.RoutingRuleDetail.as_view()),
    path("v1/routing/simulate", routing.RoutingSimulation.as_view()),
]

risk_urls: list[URLPattern | URLResolver] = [
    path("v1/reviews", reviews.ReviewList.as_view()),
    path("v1/reviews/<str:review_id>", reviews.ReviewDetail.as_view()),
    path("v1/reviews/<str:review_id>/approve", reviews.ReviewApprove.as_view()),
    path("v1/reviews/<str:review_id>/decline", reviews.ReviewDecline.as_view()),
    path("v1/radar/rules", rules.RuleList.as_view()),
    path("v1/radar/rules/backtest", rules.RuleBacktest.as_view()),
    path("v1/radar/rules/<str:rule_id>", rules.RuleDetail.as_view()),
    path("v1/radar/rules/<str:rule_id>/shadow", rules.RuleShadow.as_view()),
    path("v1/radar/rules/<str:rule_id>/publish", rules.RulePublish.as_view()),
    path("v1/radar/rules/<str:rule_id>/retire", rules.RuleRetire.as_view()),
    path("v1/radar/rules/<str:rule_id>/restore", rules.RuleRestore.as_view()),
    path("v1/radar/value_lists", value_lists.ValueLists.as_view()),
    path("v1/radar/value_lists/<str:list_id>", value_lists.ValueListDetail.as_view()),
    path("v1/radar/value_list_items", value_lists.ValueListItems.as_view()),
    path("v1/radar/value_list_items/<str:item_id>", value_lists.ValueListItemDetail.as_view()),
]

billing_urls: list[URLPattern | URLResolver] = [
    path("v1/products", catalog.ProductList.as_view()),
    path("v1/products/<str:product_id>", catalog.ProductDetail.as_view()),
    path("v1/prices", catalog.PriceList.as_view()),
    path("v1/prices/<str:price_id>", catalog.PriceDetail.as_view()),
    path("v1/coupons", catalog.CouponList.as_view()),
    path("v1/coupons/<str:code>", catalog.CouponDetail.as_view()),
    path("v1/billing/meters", catalog.MeterList.as_view()),
    path("v1/billing/meters/<str:meter_id>", catalog.MeterDetail.as_view()),
    path("v1/billing/meter_events", catalog.MeterEventList.as_view()),
    path("v1/billing/recovery", billing_figures.RecoveryFigures.as_view()),
    path("v1/billing/revenue", billing_figures.RevenueFigures.as_view()),
    path("v1/dunning_policies", catalog.PolicyList.as_view()),
    path("v1/dunning_policies/<str:policy_id>", catalog.PolicyDetail.as_view()),
    path("v1/subscriptions", subscriptions.SubscriptionList.as_view()),
    path("v1/subscriptions/<str:subscription_id>", subscriptions.SubscriptionDetail.as_view()),
    path(
        "v1/subscriptions/<str:subscription_id>/resume",
        subscriptions.SubscriptionResume.as_view(),
    ),
    path("v1/subscription_items", items.ItemList.as_view()),
    path("v1/subscription_items/<str:item_id>", items.ItemDetail.as_view()),
    path("v1/invoices", invoices.InvoiceList.as_view()),
    path("v1/invoices/create_preview", invoices.InvoicePreview.as_view()),
    path("v1/invoices/<str:invoice_id>", invoices.InvoiceDetail.as_view()),
    path("v1/invoices/<str:invoice_id>/lines", invoices.InvoiceLines.as_view()),
    path("v1/invoices/<str:invoice_id>/finalize", invoices.InvoiceFinalize.as_view()),
    path("v1/invoices/<str:invoice_id>/pay", invoices.InvoicePay.as_view()),
    path("v1/invoices/<str:invoice_id>/void", invoices.InvoiceVoid.as_view()),
    path(
        "v1/invoices/<str:invoice_id>/mark_uncollectible",
        invoices.InvoiceUncollectible.as_view(),
    ),
    path("v1/invoice_payments", invoices.InvoicePaymentList.as_view()),
    path("v1/invoiceitems", invoices.PendingItemList.as_view()),
    path("v1/invoiceitems/<str:item_id>", invoices.PendingItemDetail.as_view()),
    path("v1/credit_notes", invoices.CreditNoteList.as_view()),
    path("v1/credit_notes/<str:note_id>", invoices.CreditNoteDetail.as_view()),
    path("v1/credit_notes/<str:note_id>/void", invoices.CreditNoteVoid.as_view()),
    path(
        "v1/customers/<str:customer_id>/balance_transactions",
        invoices.BalanceTransactionList.as_view(),
    ),
    path(
        "v1/customers/<str:customer_id>/balance_transactions/<str:transaction_id>",
        invoices.BalanceTransactionDetail.as_view(),
    ),
    path("v1/test_helpers/test_clocks", clocks.ClockList.as_view()),
    path("v1/test_helpers/test_clocks/<str:clock_id>", clocks.ClockDetail.as_view()),
    path("v1/test_helpers/test_clocks/<str:clock_id>/advance", clocks.ClockAdvance.as_view()),
]

checkout_urls: list[URLPattern | URLResolver] = [
    path("v1/checkout/sessions", checkout.SessionList.as_view()),
    path("v1/checkout/sessions/<str:session_id>", checkout.SessionDetail.as_view()),
    path("v1/checkout/sessions/<str:session_id>/line_items", checkout.SessionLineItems.as_view()),
    path("v1/checkout/sessions/<str:session_id>/expire", checkout.SessionExpire.as_view()),
]

page_urls: list[URLPattern | URLResolver] = [
    path("pay/<str:session_id>", payment_page),
    path("return/payment/<str:token>", payer_return),
    path("return/setup/<str:token>", setup_return),
    path("pay/<str:session_id>/status", payment_status),
    path("invoices/<str:token>", invoice_page),
    path("invoices/<str:token>/pdf", invoice_pdf),
    path("invoices/card/<str:link>", card_page),
]

reconciliation_urls: list[URLPattern | URLResolver] = [
    path("v1/reconciliation/files", reconciliation.FileList.as_view()),
    path("v1/reconciliation/files/<str:file_id>", reconciliation.FileDetail.as_view()),
    path("v1/reconciliation/runs", reconciliation.RunList.as_view()),
    path("v1/reconciliation/runs/<str:run_id>", reconciliation.RunDetail.as_view()),
    path("v1/reconciliation/exceptions", reconciliation.ExceptionList.as_view()),
    path(
        "v1/reconciliation/exceptions/<str:exception_id>", reconciliation.ExceptionDetail.as_view()
    ),
    path(
        "v1/reconciliation/exceptions/<str:exception_id>/resolve",
        reconciliation.ExceptionResolve.as_view(),
    ),
]

webhook_urls: list[URLPattern | URLResolver] = [
    path("v1/events/<str:event_id>/resend", deliveries.EventResend.as_view()),
    path("v1/webhook_deliveries", deliveries.DeliveryList.as_view()),
    path("v1/webhook_deliveries/<str:delivery_id>", deliveries.DeliveryDetail.as_view()),
    path("v1/webhook_endpoints", endpoints.EndpointList.as_view()),
    path("v1/webhook_endpoints/<str:endpoint_id>", endpoints.EndpointDetail.as_view()),
    path(
        "v1/webhook_endpoints/<str:endpoint_id>/rotate_secret",
        endpoints.EndpointRotateSecret.as_view(),
    ),
    path("v1/webhook_endpoints/<str:endpoint_id>/enable", endpoints.EndpointEnable.as_view()),
    path("v1/webhook_endpoints/<str:endpoint_id>/verify", endpoints.EndpointVerify.as_view()),
    path("v1/webhook_endpoints/<str:endpoint_id>/resend", endpoints.EndpointResend.as_view()),
    path("webhooks/<str:kind>/<str:account>", receive_gateway_webhook),
]

people_urls: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
]

reporting_urls: list[URLPattern | URLResolver] = [
    path("v1/reports/summary", reporting.Summary.as_view()),
    path("v1/reports/settlement_forecast", reporting.SettlementForecast.as_view()),
    path("v1/reporting/report_types", reporting.ReportTypeList.as_view()),
    path("v1/reporting/report_types/<str:name>", reporting.ReportTypeDetail.as_view()),
    path("v1/reporting/report_runs", reporting.ReportRunList.as_view()),
    path("v1/reporting/report_runs/<str:run_id>", reporting.ReportRunDetail.as_view()),
    path("v1/reporting/report_runs/<str:run_id>/contents", reporting.ReportRunContents.as_view()),
]

urlpatterns: list[URLPattern | URLResolver] = [
    *operations_urls,
    *event_urls,
    *customer_urls,
    *setup_urls,
    *payment_urls,
    *billing_urls,
    *checkout_urls,
    *page_urls,
    *seller_urls,
    *dispute_urls,
    *ledger_urls,
    *reconciliation_urls,
    *reporting_urls,
    *risk_urls,
    *routing_urls,
    *webhook_urls,
    *people_urls,
]
