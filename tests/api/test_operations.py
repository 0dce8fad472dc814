import json
from contextlib import closing
from typing import Any

import pytest
from django.test import Client

from apps.api import operations
from apps.common.readiness import NotReady


def test_health_asks_nobody() -> None:
    answer = Client().get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readiness_names_its_checks() -> None:
    answer = Client().get("/readyz")

    assert answer.status_code == 200
    assert set(answer.json()["checks"]) == {"database", "migrations", "broker", "outbox"}
    assert answer.json()["checks"]["database"]["ok"] is True


def ail() -> str:
    raise NotReady("two migrations have not been run")


def fare_well() -> str:
    return "well"


@pytest.mark.parametrize(
    ("ailing", "status", "word"),
    [
        ("database", 503, "unavailable"),
        ("migrations", 503, "unavailable"),
        ("broker", 200, "degraded"),
        ("outbox", 200, "degraded"),
    ],
)
def test_only_what_requests_need_takes_the_process_out_of_service(
    monkeypatch: pytest.MonkeyPatch, ailing: str, status: int, word: str
) -> None:
    names = ("database", "migrations", "broker", "outbox")
    checks = {name: ail if name == ailing else fare_well for name in names}
    monkeypatch.setattr(operations, "_checks", lambda: checks)

    answer = Client().get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (status, word)
    assert answer.json()["checks"][ailing] == {
        "ok": False,
        "detail": "two migrations have not been run",
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("meta", "status"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, 200),
        ({"REMOTE_ADDR": "::1"}, 200),
        ({"REMOTE_ADDR": "192.0.2.1"}, 403),
        ({"REMOTE_ADDR": ""}, 403),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.1"}, 403),
        ({"REMOTE_ADDR": "192.0.2.1", "HTTP_AUTHORIZATION": "Bearer t0ken"}, 200),
        ({"REMOTE_ADDR": "192.0.2.1", "HTTP_AUTHORIZATION": "Bearer other"}, 403),
    ],
)
def test_metrics_are_not_public(settings: Any, meta: dict[str, Any], status: int) -> None:
    settings.METRICS_TOKEN = "t0ken"

    answer = Client(**meta).get("/metrics")

    assert answer.status_code == status
    assert (b"api_requests_total" in answer.content) is (status == 200)


def test_the_api_document_is_openapi_31_and_knows_errors_and_keys() -> None:
    document = json.loads(Client().get("/v1/openapi.json").content)

    assert document["openapi"] == "3.1.0"
    events = document["paths"]["/v1/events"]["get"]
    assert {entry["name"] for entry in events["parameters"]} >= {"limit", "type", "expand[]"}
    assert events["responses"]["default"]
    assert "Error" in document["components"]["schemas"]
    assert document["components"]["securitySchemes"]["ApiKey"]["scheme"] == "bearer"


@pytest.mark.parametrize("path", ["/docs", "/docs/errors"])
def test_the_documentation_loads_nothing_from_elsewhere(path: str) -> None:
    answer = Client().get(path)
    page = answer.content.decode()

    assert answer.status_code == 200
    assert "http://" not in page.replace('xmlns="http://www.w3.org', "")
    assert "https://" not in page
    assert "<script>" not in page
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_every_error_code_is_explained() -> None:
    page = Client().get("/docs/errors").content.decode()

    for code in ("idempotency_key_in_use", "raw_card_data_rejected", "parameter_unknown"):
        assert f'id="{code}"' in page


@pytest.mark.django_db  # closing an answer looks at the connection, if a test before left one
def test_static_files_of_the_documentation_are_served() -> None:
    for name in ("api/docs.js", "drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"):
        with closing(Client().get(f"/static/{name}")) as answer:
            assert answer.status_code == 200
