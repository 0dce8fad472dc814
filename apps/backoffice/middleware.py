"""Content-Security-Policy: strict for every page, but for what the admin's theme needs."""

from typing import Any

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class PolicyPerPrefix(CSPMiddleware):
    """
    Answer with the policy of the longest prefix in CONTENT_SECURITY_POLICY_PREFIXES.

    The admin's theme evaluates expressions in attributes, so it needs 'unsafe-eval'; nothing else
    here does, and the page on which people pay least of all.
    """

    def get_policy_parts(
        self,
        request: HttpRequest,
        response: HttpResponseBase,
        report_only: bool = False,  # noqa: FBT001, FBT002 - the base class passes it so
    ) -> PolicyParts:
        """Return the parts from which the header is built."""
        parts = super().get_policy_parts(request, response, report_only)
        prefixes: dict[str, dict[str, Any]] = settings.CONTENT_SECURITY_POLICY_PREFIXES
        matching = [prefix for prefix in prefixes if request.path_info.startswith(prefix)]
        if matching and not report_only and parts.config is None:
            parts.config = prefixes[max(matching, key=len)]
        return parts
