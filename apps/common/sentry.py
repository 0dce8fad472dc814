"""Errors go to Sentry, when an installation wants that: without bodies, people and secrets."""

import json
from typing import Any

from apps.common.logs import cover_secrets


def report_errors(dsn: str, *, environment: str) -> None:
    """
    Let Sentry know of what is logged as an error; it leaves people out unless told otherwise.

    :raises ModuleNotFoundError: requirements/observability.txt is not installed
    """
    import sentry_sdk  # noqa: PLC0415 - only where Sentry is used

    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        max_request_body_size="never",
        include_local_variables=False,
        before_send=scrub,
    )


def scrub(event: Any, _hint: Any) -> Any:
    """Return the report without headers and cookies, and with its texts covered as in the logs."""
    request = event.get("request", {})
    for name in ("headers", "cookies", "data", "query_string", "env"):
        request.pop(name, None)
    return json.loads(cover_secrets(None, "", json.dumps(event, default=str)))
