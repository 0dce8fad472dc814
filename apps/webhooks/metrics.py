"""What webhooks count about themselves."""

from prometheus_client import Counter

inbound_stored = Counter("webhooks_inbound_stored", "New events of gateways.", ["gateway"])
inbound_refused = Counter(
    "webhooks_inbound_refused", "Calls whose signature, time or form was wrong.", ["gateway"]
)
inbound_processed = Counter(
    "webhooks_inbound_processed", "Ends of an attempt to process.", ["gateway", "status"]
)
delivered = Counter("webhooks_deliveries", "Tries to deliver an event.", ["outcome"])
