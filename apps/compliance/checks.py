"""What is wrong with the settings of this app."""

from typing import Any

from django.conf import settings
from django.core.checks import Error

from apps.compliance.policies import RULES


def check_retention(**_options: Any) -> list[Error]:
    """Refuse a name that no rule has: its rows would silently be kept as long as before."""
    known = {rule.name for rule in RULES}
    return [
        Error(
            f"RETENTION_DAYS names {name}={days}; there is no such rule, or it cannot be.",
            hint=f"The rules are {', '.join(sorted(known))}; days are 0 or more.",
            id="compliance.E001",
        )
        for name, days in settings.RETENTION_DAYS.items()
        if name not in known or days < 0
    ]
