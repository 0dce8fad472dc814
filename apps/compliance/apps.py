from django.apps import AppConfig
from django.core.checks import register

from apps.compliance.checks import check_retention


class ComplianceConfig(AppConfig):
    name = "apps.compliance"

    def ready(self) -> None:
        """Register what the settings are checked for."""
        register(check_retention)
