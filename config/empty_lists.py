"""
MAP 6: what a list of the back-office says while it has no rows, by the model it lists.

In words, and with what to do next where there is something to do.
"""

from collections.abc import Mapping

EMPTY_LISTS: Mapping[str, str] = {
    "api.apikey": "No API key yet. Make one with “New key…”.",
    "api.loggedrequest": "No request yet: the first call of the API stands here.",
    "backoffice.approval": "Nothing waits for a second person.",
    "backoffice.staffaction": "Nobody has done anything yet.",
    "backoffice.export": "You have no files. Every list makes one with “Export…”.",
    "backoffice.staffsession": "Nobody is logged in.",
    "backoffice.user": "Nobody works here yet.",
    "backoffice.profile": "There is nobody but you.",
    "outbox.event": "Nothing has happened yet.",
    "outbox.message": "Every event has been passed on.",
    "gateways.routingrule": "No rule yet: payments go by success rate and cost.",
    "ledger.account": "No account yet: the first booking opens them.",
    "ledger.journalentry": "Nothing is booked yet.",
    "ledger.exchangerate": "No rate yet: they come with the daily table of the bank.",
    "checkout.session": "No session yet. The API makes them: POST /v1/checkout/sessions.",
    "setups.setupintent": "Nobody has saved a card yet.",
    "vault.mandate": "No mandate yet: they come with bank accounts.",
    "customers.customer": "No customer yet.",
    "vault.paymentmethod": "No payment method is stored yet.",
    "webhooks.delivery": "Nothing was sent yet: an endpoint has to be there first.",
    "webhooks.webhookendpoint": "No endpoint yet. The API makes them: POST /v1/webhook_endpoints.",
    "webhooks.inboundevent": "No gateway has sent anything yet.",
    "payouts.payout": "Nothing was paid out yet.",
    "payouts.seller": "No seller yet. The API makes them: POST /v1/accounts.",
    "payouts.transfer": "No money was transferred yet.",
    "fraud.review": "The queue is empty: no payment waits for a person.",
    "fraud.rule": "No rule yet. Draft one with “New rule…”.",
    "payments.paymentintent": "No payments yet. The API makes them: POST /v1/payment_intents.",
    "payments.paymentorder": "No order of a checkout yet.",
    "payments.refund": "Nothing was given back yet.",
    "disputes.dispute": "No dispute is open.",
    "disputes.fraudreport": "No bank has warned of a fraud.",
    "disputes.disputepolicy": "No standing orders: every dispute waits for a person.",
    "subscriptions.testclock": "No clock. They live in test mode; make one with “New clock…”.",
    "subscriptions.dunningpolicy": "No policy yet: invoices are tried again on days 1, 3, 5 and 7.",
    "subscriptions.invoice": "No invoice yet.",
    "subscriptions.revenuechange": "No revenue has moved yet.",
    "subscriptions.subscription": "No subscription yet.",
    "reconciliation.discrepancy": "Everything agrees.",
    "reconciliation.statementfile": "No statement yet. Upload one, or wait for the night's.",
    "reconciliation.reconciliationrun": "No day was compared yet.",
    "reconciliation.settlement": "No gateway has paid out yet.",
    "reporting.reportrun": "No report was kept yet.",
}
