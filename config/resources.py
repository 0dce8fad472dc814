"""Which function loads the objects behind an id's prefix, for `expand[]` in the API."""

LOADERS: dict[str, str] = {
    "acct": "apps.payouts.api.accounts.load_accounts",
    "in": "apps.subscriptions.api.invoices.load_invoices",
    "sub": "apps.subscriptions.api.subscriptions.load_subscriptions",
    "att": "apps.payments.api.loaders.load_attempts",
    "ch": "apps.payments.api.loaders.load_charges",
    "cus": "apps.customers.api.views.load_customers",
    "dp": "apps.disputes.api.disputes.load_disputes",
    "pi": "apps.payments.api.loaders.load_intents",
    "pm": "apps.vault.api.views.load_methods",
    "po": "apps.payouts.api.payouts.load_payouts",
    "re": "apps.payments.api.loaders.load_refunds",
    "rv": "apps.fraud.api.reviews.load_reviews",
    "seti": "apps.setups.api.setups.load_setups",
    "tr": "apps.payments.api.transfers.load_transfers",
    "txn": "apps.ledger.api.balance.load_movements",
}
