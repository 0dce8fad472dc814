"""Where sockets may lie, and who may enter."""

from pathlib import Path

import pytest

from embedded.folders import FolderNotPrivate, fits, private_folder, socket_folder


def test_a_private_folder_is_closed_to_everybody_else(tmp_path: Path) -> None:
    folder = private_folder(tmp_path / "new" / "folder")

    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_was_open_is_closed(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)

    assert private_folder(tmp_path / "open").stat().st_mode & 0o777 == 0o700


def test_a_link_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(FolderNotPrivate):
        private_folder(tmp_path / "link")


def test_the_longest_path_that_fits_leaves_the_kernel_its_108_bytes() -> None:
    # "/.s.PGSQL.5432" has 14 bytes, the path's end needs one more.
    assert fits(Path("/" + "x" * 92))
    assert not fits(Path("/" + "x" * 93))


def test_a_letter_of_two_bytes_counts_as_two() -> None:
    assert not fits(Path("/" + "ä" * 47))


def test_a_checkout_that_lies_too_deep_gets_a_short_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = tmp_path / "r"
    short.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    monkeypatch.setattr("embedded.folders._SOCKET_PATH_MAX_BYTES", len(str(short)) + 45)

    one = socket_folder(tmp_path / ("deep" * 20) / "one")
    other = socket_folder(tmp_path / ("deep" * 20) / "other")

    assert one.parent == other.parent == short
    assert one != other
    assert one.stat().st_mode & 0o777 == 0o700
