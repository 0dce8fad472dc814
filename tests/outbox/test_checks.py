"""A cluster that is configured needs its client."""

from typing import Any

import pytest

from apps.outbox import checks
from apps.outbox.checks import check_kafka


def test_a_cluster_without_its_client_is_refused(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = "kafka:9092"
    monkeypatch.setattr(checks, "KAFKA_PACKAGE", "no_such_package")

    (error,) = check_kafka()

    assert error.id == "outbox.E001"
    assert error.hint == "Install requirements/kafka.txt, or leave KAFKA_BOOTSTRAP_SERVERS empty."


def test_with_its_client_or_without_a_cluster_nothing_is_said(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = "kafka:9092"
    assert check_kafka() == []

    settings.KAFKA_BOOTSTRAP_SERVERS = ""
    monkeypatch.setattr(checks, "KAFKA_PACKAGE", "no_such_package")
    assert check_kafka() == []
