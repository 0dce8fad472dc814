"""What is wrong with the settings of this app."""

from typing import Any

from django.conf import settings
from django.core.checks import Error

from apps.compliance.policies import RULES


def check_retention(**_options: Any) -> list[Error]:
    """Refuse a name that no rule has, and a time in which PostgreSQL lets nobody delete."""
    least = {rule.name: rule.least for rule in RULES}
    return [
        Error(
            f"RETENTION_DAYS names {name}={days}; there is no such rule, or it cannot be.",
            hint="The rules and their least days are "
            + ", ".join(f"{rule} {fewest}" for rule, fewest in sorted(least.items())),
            id="compliance.E001",
        )
        for name, days in settings.RETENTION_DAYS.items()
        if name not in least or days < least[name]
    ]
