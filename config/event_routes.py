"""
MAP 2: who reacts to which event.

Everything is named by its path and loaded at first use, so that no app imports one above it.
A handler may be called twice with the same event, or hours later; it changes nothing then.
"""

from collections.abc import Mapping, Sequence

# Event of ours -> `on_<event>(event: Event, *, now: datetime)`, called in this order.
# "dispute.*" stands for every type that begins with "dispute.".
HANDLERS: Mapping[str, Sequence[str]] = {
    "charge.dispute.created": ["apps.fraud.handlers.on_dispute_created"],
    "payment_intent.payment_failed": ["apps.fraud.handlers.on_payment_failed"],
    "radar.early_fraud_warning.created": ["apps.disputes.handlers.on_fraud_warning_created"],
    "refund.created": ["apps.fraud.handlers.on_refund_created"],
    "setup_intent.setup_failed": ["apps.fraud.handlers.on_setup_failed"],
    "webhook_endpoint.disabled": [
        "apps.webhooks.handlers.on_endpoint_disabled",
        "apps.reporting.handlers.on_alert",
    ],
    "review.closed": ["apps.payments.handlers.on_review_closed"],
    "customer.updated": ["apps.subscriptions.handlers.on_customer_updated"],
    "customer.subscription.trial_will_end": ["apps.subscriptions.handlers.on_trial_will_end"],
    "dunning.exhausted": ["apps.subscriptions.handlers.on_payment_trouble"],
    "invoice.payment_action_required": ["apps.subscriptions.handlers.on_payment_trouble"],
    "invoice.payment_failed": ["apps.subscriptions.handlers.on_payment_trouble"],
    # What a person has to look at.
    "payment_intent.conflicted": ["apps.reporting.handlers.on_alert"],
    "payout.failed": ["apps.reporting.handlers.on_alert"],
    "reconciliation.run_completed": ["apps.reporting.handlers.on_alert"],
}

# Queues of other readers, which take every event: `queue(event_ids: list[str])`, called in the
# relay's transaction, so it writes rows of its own and does nothing else.
QUEUES: Sequence[str] = (
    "apps.webhooks.services.deliveries.queue_deliveries",
    "apps.subscriptions.services.collection.queue_news",
    "apps.checkout.services.sessions.queue_news",
    "apps.outbox.stream.queue_for_stream",
)

# Kind of a gateway's event -> `on_gateway_<kind>(*, gateway: str, event: GatewayEvent, now)`.
# It raises `apps.webhooks.errors.UnknownObject` when the object is not ours yet.
INBOUND: Mapping[str, str] = {
    "dispute": "apps.disputes.handlers.on_gateway_dispute",
    "fraud_warning": "apps.disputes.handlers.on_gateway_fraud_warning",
    "method": "apps.vault.handlers.on_gateway_method",
    "payment": "apps.payments.handlers.on_gateway_payment",
    "payout": "apps.payouts.handlers.on_gateway_payout",
    "refund": "apps.payments.handlers.on_gateway_refund",
    "setup": "apps.setups.handlers.on_gateway_setup",
}
