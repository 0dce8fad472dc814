"""MAP 1: every address of the system."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, path

from apps.api import openapi, operations
from apps.customers.api import views as customers
from apps.ledger.api import balance, ledger
from apps.outbox.api import events
from apps.payments.api import charges, intents, orders, refunds, transfers
from apps.payouts.api import accounts, payouts
from apps.vault.api import views as methods
from apps.webhooks.api import deliveries, endpoints
from apps.webhooks.views import receive_gateway_webhook

operations_urls: list[URLPattern | URLResolver] = [
    path("healthz", operations.healthz),
    path("readyz", operations.readyz),
    path("metrics", operations.metrics),
    path("docs", openapi.docs),
    path("docs/errors", openapi.error_docs),
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
    path("v1/customers/<str:customer_id>/payment_methods", methods.CustomerMethods.as_view()),
    path(
        "v1/customers/<str:customer_id>/payment_methods/<str:method_id>",
        methods.CustomerMethodDetail.as_view(),
    ),
    path("v1/payment_methods", methods.MethodList.as_view()),
    path("v1/payment_methods/<str:method_id>", methods.MethodDetail.as_view()),
    path("v1/payment_methods/<str:method_id>/attach", methods.MethodAttach.as_view()),
    path("v1/payment_methods/<str:method_id>/detach", methods.MethodDetach.as_view()),
]

payment_urls: list[URLPattern | URLResolver] = [
    path("v1/payment_intents", intents.IntentList.as_view()),
    path("v1/payment_intents/<str:intent_id>", intents.IntentDetail.as_view()),
    path("v1/payment_intents/<str:intent_id>/confirm", intents.IntentConfirm.as_view()),
    path("v1/payment_intents/<str:intent_id>/capture", intents.IntentCapture.as_view()),
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

urlpatterns: list[URLPattern | URLResolver] = [
    *operations_urls,
    *event_urls,
    *customer_urls,
    *payment_urls,
    *seller_urls,
    *ledger_urls,
    *webhook_urls,
    *people_urls,
]
