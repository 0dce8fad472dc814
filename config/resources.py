"""What `expand[]` of the API shows in place of an id, and beside what an object always shows."""

# Prefix of an id -> (ids, whose data it is) -> the objects by id.
LOADERS: dict[str, str] = {
    "acct": "apps.payouts.api.accounts.load_accounts",
    "cs": "apps.checkout.api.sessions.load_sessions",
    "di": "apps.subscriptions.api.subscriptions.load_discounts",
    "in": "apps.subscriptions.api.invoices.load_invoices",
    "sub": "apps.subscriptions.api.subscriptions.load_subscriptions",
    "att": "apps.payments.api.loaders.load_attempts",
    "ch": "apps.payments.api.loaders.load_charges",
    "clock": "apps.subscriptions.api.clocks.load_clocks",
    "cus": "apps.customers.api.views.load_customers",
    "dp": "apps.disputes.api.disputes.load_disputes",
    "pi": "apps.payments.api.loaders.load_intents",
    "pm": "apps.vault.api.views.load_methods",
    "po": "apps.payouts.api.payouts.load_payouts",
    "price": "apps.subscriptions.api.catalog.load_prices",
    "prod": "apps.subscriptions.api.catalog.load_products",
    "re": "apps.payments.api.loaders.load_refunds",
    "rv": "apps.fraud.api.reviews.load_reviews",
    "seti": "apps.setups.api.setups.load_setups",
    "tr": "apps.payments.api.transfers.load_transfers",
    "txn": "apps.ledger.api.balance.load_movements",
}

# Kind and property -> the same, with the ids of the objects that have the property.
INCLUSIONS: dict[str, str] = {
    "charge.refunds": "apps.payments.api.loaders.load_refunds_of_charges",
    "checkout.session.line_items": "apps.checkout.api.sessions.load_line_items",
    "customer.subscriptions": "apps.subscriptions.api.subscriptions.load_subscriptions_of",
    "invoice.payments": "apps.subscriptions.api.invoices.load_payments",
}
