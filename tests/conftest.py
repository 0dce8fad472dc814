"""Fixtures that every app's tests share: a merchant, its key, and a client of the API."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from psycopg import sql

from apps.api.models import Merchant
from apps.api.services import create_api_key, create_merchant
from apps.fraud.rulesets import forget_rules
from apps.gateways.calls import reset_circuits
from apps.gateways.rates import reset_rates
from apps.gateways.rulebook import forget_rules as forget_routing_rules
from tests.flush import flush_filled_tables
from tests.simulator_fixture import running_simulator, simulator

# Fixtures of other modules; the first is always on.
__all__ = ["flush_filled_tables", "running_simulator", "simulator"]


class ApiClient:
    """Calls the API as a merchant does: JSON, the key, a fresh Idempotency-Key per POST."""

    def __init__(self, secret_key: str) -> None:
        self.secret_key = secret_key
        self._client = Client(raise_request_exception=False)

    def get(self, path: str, params: dict[str, Any] | None = None, **headers: str) -> Any:
        """GET with a query string."""
        return self._client.get(path, params or {}, headers=self._headers(headers))

    def post(
        self, path: str, params: dict[str, Any] | None = None, *, key: str = "", **headers: str
    ) -> Any:
        """POST JSON; `key` is the Idempotency-Key when the test is about it."""
        return self.post_raw(path, json.dumps(params or {}).encode(), key=key, **headers)

    def post_raw(
        self,
        path: str,
        body: bytes,
        *,
        key: str = "",
        content_type: str = "application/json",
        **headers: str,
    ) -> Any:
        """POST bytes as they are."""
        sent = {"Idempotency-Key": key or str(uuid.uuid4()), **self._headers(headers)}
        return self._client.post(path, body, content_type=content_type, headers=sent)

    def delete(self, path: str, **headers: str) -> Any:
        """DELETE."""
        return self._client.delete(path, headers=self._headers(headers))

    def _headers(self, extra: dict[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in extra.items()}
        return {"Authorization": f"Bearer {self.secret_key}", **named}


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None,
    django_db_keepdb: bool,
    django_db_blocker: Any,
) -> Iterator[None]:
    """Set the test database up; before it is dropped, close it to whoever is in it still.

    A browser's open connection to the live server or a process that a test killed may hold a
    session, or begin another one, after the last test.
    """
    yield
    if django_db_keepdb:
        return
    with django_db_blocker.unblock():
        database = connection.settings_dict["NAME"]
        connection.close()
        with connection._nodb_cursor() as cursor:
            cursor.execute(
                sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(
                    sql.Identifier(database)
                )
            )
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE datname = %s AND backend_type = 'client backend'",
                [database],
            )


@pytest.fixture(autouse=True)
def fresh_rules() -> None:
    """Forget the rules of risk that another test has left in this process's memory."""
    forget_rules()


@pytest.fixture(autouse=True)
def closed_circuits() -> None:
    """Forget the gateways' faults that another test has left in this process's memory."""
    reset_circuits()
    reset_rates()
    forget_routing_rules()


@pytest.fixture
def merchant(db: None) -> Merchant:
    return create_merchant(name="Ada's books", now=timezone.now())


@pytest.fixture
def secret_key(merchant: Merchant) -> str:
    _key, secret = create_api_key(merchant=merchant, livemode=False, now=timezone.now())
    return secret


@pytest.fixture
def api(secret_key: str) -> ApiClient:
    return ApiClient(secret_key)
