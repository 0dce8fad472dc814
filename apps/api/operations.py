"""For those who operate the platform: is it alive, is it ready, what does it count."""

import hmac
import ipaddress
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.module_loading import import_string
from django.views.decorators.http import require_safe
from kombu import Connection
from prometheus_client import CONTENT_TYPE_LATEST

from apps.common.metrics import render_metrics
from apps.common.readiness import NotReady

BROKER_TIMEOUT_SECONDS: Final = 1

# A check returns what to tell the operator, and raises when the answer is no.
Check = Callable[[], str]


@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Say that the process answers; it asks nobody else."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """
    Say whether requests can be served: 503 without the database or with migrations missing.

    The broker and the outbox only degrade: payments are accepted without them and what they carry
    waits in the database, so that taking this process out of service would make things worse.
    """
    checks = {name: _ask(check) for name, check in _checks().items()}
    failed = {name for name, (is_well, _) in checks.items() if not is_well}
    is_ready = not failed & _VITAL
    status = "degraded" if failed and is_ready else "ok" if is_ready else "unavailable"
    body = {
        "status": status,
        "checks": {name: {"ok": ok, "detail": text} for name, (ok, text) in checks.items()},
    }
    return JsonResponse(body, status=200 if is_ready else 503)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer Prometheus: with METRICS_TOKEN as bearer token, or from this machine itself."""
    if not _may_read_metrics(request):
        return HttpResponse(status=403)
    return HttpResponse(render_metrics(), content_type=CONTENT_TYPE_LATEST)


def check_database() -> str:
    """Ask the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version')")
        return f"PostgreSQL {cursor.fetchone()[0]}"


def check_migrations() -> str:
    """
    Compare the tables with the code; a process that was up to date once stays so.

    :raises NotReady: a migration has not been run
    """
    return _migrations_complete()


def check_broker() -> str:
    """Ask Celery's broker."""
    with Connection(settings.CELERY_BROKER_URL) as broker:
        broker.ensure_connection(max_retries=1, timeout=BROKER_TIMEOUT_SECONDS)
        return "reachable"


_VITAL: Final = frozenset({"database", "migrations"})


@cache
def _checks() -> dict[str, Check]:
    return {name: import_string(path) for name, path in settings.READINESS_CHECKS.items()}


def _ask(check: Check) -> tuple[bool, str]:
    try:
        return True, check()
    except NotReady as reason:
        return False, str(reason)
    except Exception as error:  # noqa: BLE001 - whatever is wrong, the answer is "not ready"
        return False, type(error).__name__


@cache
def _migrations_complete() -> str:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise NotReady(f"{len(missing)} migrations have not been run")
    return "complete"


def _may_read_metrics(request: HttpRequest) -> bool:
    meta: dict[str, Any] = request.META
    token: str = settings.METRICS_TOKEN
    sent = str(meta.get("HTTP_AUTHORIZATION", ""))
    if token and hmac.compare_digest(sent.encode(), f"Bearer {token}".encode()):
        return True
    if "HTTP_X_FORWARDED_FOR" in meta or "HTTP_FORWARDED" in meta:
        return False
    try:
        return ipaddress.ip_address(str(meta.get("REMOTE_ADDR", ""))).is_loopback
    except ValueError:
        return False
