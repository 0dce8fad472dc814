"""What the demo's processes are told, and who may read it."""

import json
import subprocess
from pathlib import Path

import pytest

from demo.environment import build_environment, keep_secrets, write_json, write_variables


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    first = keep_secrets(tmp_path / "secrets.env")
    second = keep_secrets(tmp_path / "secrets.env")

    assert first == second
    assert set(first) == {
        "SECRET_KEY",
        "FIELD_ENCRYPTION_KEYS",
        "GATEWAYS_ADYEN_MAIN_WEBHOOK_SECRET",
        "TOKEN_SERVICE_WEBHOOK_SECRET",
        "GATEWAYS_STRIPE_MAIN_WEBHOOK_SECRET",
    }
    assert (tmp_path / "secrets.env").stat().st_mode & 0o777 == 0o600


def test_a_secret_that_an_older_version_did_not_know_is_added(tmp_path: Path) -> None:
    write_variables(tmp_path / "secrets.env", {"SECRET_KEY": "kept"})

    kept = keep_secrets(tmp_path / "secrets.env")

    assert kept["SECRET_KEY"] == "kept"
    assert keep_secrets(tmp_path / "secrets.env") == kept


def test_two_checkouts_have_different_secrets(tmp_path: Path) -> None:
    one, other = keep_secrets(tmp_path / "one.env"), keep_secrets(tmp_path / "other.env")

    assert all(one[name] != other[name] for name in one)


def test_what_the_user_has_set_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAYS_STRIPE_MAIN_API_BASE", "https://psp.example")
    monkeypatch.setenv("PUBLIC_BASE_URL", "")

    built = build_environment(
        kept={}, servers={"REDIS_URL": "r"}, web_port=8003, simulator_port=8103, psp_port=8104
    )

    assert built["GATEWAYS_STRIPE_MAIN_API_BASE"] == "https://psp.example"
    assert built["PUBLIC_BASE_URL"] == "http://127.0.0.1:8003"
    assert built["REDIS_URL"] == "r"


def test_a_proxy_of_the_machine_is_not_asked_for_local_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet.example")

    built = build_environment(
        kept={}, servers={}, web_port=8000, simulator_port=8100, psp_port=8101
    )

    assert built["NO_PROXY"] == "intranet.example,127.0.0.1,localhost"


def test_a_shell_reads_the_written_variables_as_they_are(tmp_path: Path) -> None:
    write_variables(tmp_path / "demo.env", {"ODD": "a b'c$d"})

    read = subprocess.run(
        ["sh", "-c", '. "$0"; printf %s "$ODD"', str(tmp_path / "demo.env")],
        capture_output=True,
        text=True,
        check=True,
    )

    assert read.stdout == "a b'c$d"


def test_a_file_for_programs_is_whole_and_private(tmp_path: Path) -> None:
    write_json(tmp_path / "demo.json", {"secret_key": "first"})
    write_json(tmp_path / "demo.json", {"secret_key": "second"})

    assert json.loads((tmp_path / "demo.json").read_text()) == {"secret_key": "second"}
    assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["demo.json"]
