from django.apps import AppConfig
from django.core.checks import register

from apps.outbox.checks import check_kafka


class OutboxConfig(AppConfig):
    name = "apps.outbox"

    def ready(self) -> None:
        """Register what the settings are checked for."""
        register(check_kafka)
