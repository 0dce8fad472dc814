"""What the outbox counts about itself."""

from prometheus_client import Counter

relayed = Counter("outbox_relayed", "Messages that reached all their readers.")
failed = Counter("outbox_failed", "Calls of a handler that raised.", ["type"])
dead = Counter("outbox_dead_letters", "Messages given up after the last attempt.", ["type"])
streamed = Counter("outbox_streamed", "Events that left for Kafka, dead letters included.")
stream_dead = Counter("outbox_stream_dead_letters", "Events that Kafka never takes.")
