"""API keys and the request log in the back-office."""

from apps.api.admin.keys import ApiKeyAdmin
from apps.api.admin.requests import LoggedRequestAdmin

__all__ = ["ApiKeyAdmin", "LoggedRequestAdmin"]
