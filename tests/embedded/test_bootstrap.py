"""When the environment is installed anew, and when it is left alone."""

import json
from pathlib import Path

import pytest

from embedded import bootstrap
from embedded.bootstrap import BootstrapFailed, bring_up_to_date, digest_of, is_current


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose environment is this very one, so that it works."""
    (tmp_path / "requirements").mkdir()
    for name in ("embedded", "dev", "bootstrap"):
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"{name}==1\n")
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(bootstrap, "_works", lambda _venv: True)
    return tmp_path


def stamp(root: Path, name: str) -> None:
    digest = digest_of(root / "requirements" / f"{name}.txt")
    (root / ".venv" / "installed.json").write_text(json.dumps({"set": name, "digest": digest}))


def test_nothing_is_installed_twice(root: Path) -> None:
    stamp(root, "embedded")

    assert is_current(wanted="embedded", root=root)


def test_the_packages_of_the_tests_serve_the_demo_too(root: Path) -> None:
    stamp(root, "dev")

    assert is_current(wanted="embedded", root=root)


def test_the_packages_of_the_demo_do_not_serve_the_tests(root: Path) -> None:
    stamp(root, "embedded")

    assert not is_current(wanted="dev", root=root)


def test_a_changed_pin_installs_again(root: Path) -> None:
    stamp(root, "embedded")
    (root / "requirements" / "embedded.txt").write_text("embedded==2\n")

    assert not is_current(wanted="embedded", root=root)


def test_a_damaged_stamp_installs_again(root: Path) -> None:
    (root / ".venv" / "installed.json").write_text("{")

    assert not is_current(wanted="embedded", root=root)


def test_pip_takes_over_when_uv_fails(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(command: list[str | Path]) -> None:
        ran.append(Path(command[0]).name)
        if ran[-1] == "uv":
            raise BootstrapFailed("no index")

    (root / ".venv" / "bin").mkdir()
    (root / ".venv" / "bin" / "uv").touch()
    monkeypatch.setattr(bootstrap, "_run", run)

    bring_up_to_date(wanted="embedded", root=root)

    assert ran == ["uv", "python"]
    assert is_current(wanted="embedded", root=root)


def test_an_installation_that_failed_is_not_taken_for_done(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp(root, "embedded")
    (root / "requirements" / "embedded.txt").write_text("embedded==2\n")

    def run(_command: list[str | Path]) -> None:
        raise BootstrapFailed("no network")

    monkeypatch.setattr(bootstrap, "_run", run)

    with pytest.raises(BootstrapFailed, match="no network"):
        bring_up_to_date(wanted="embedded", root=root)

    assert not (root / ".venv" / "installed.json").exists()


def test_a_folder_that_is_no_environment_is_not_deleted(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "_works", lambda _venv: False)
    (root / ".venv" / "precious").touch()

    with pytest.raises(BootstrapFailed, match="is no virtual environment"):
        bring_up_to_date(wanted="embedded", root=root)

    assert (root / ".venv" / "precious").exists()
