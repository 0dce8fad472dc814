"""Private folders, and sockets whose path is short enough for the kernel."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

# The kernel keeps 108 bytes for a socket's path; PostgreSQL names its socket `.s.PGSQL.5432`.
_SOCKET_PATH_MAX_BYTES = 107
_LONGEST_SOCKET_NAME = "/.s.PGSQL.5432"
_ONLY_OWNER = 0o700


class FolderNotPrivate(Exception):
    """The folder belongs to somebody else, or is a link: a socket in it could be anybody's."""


def private_folder(path: Path) -> Path:
    """
    Make `path` a folder that only this user can enter.

    :raises FolderNotPrivate: it exists and is not ours
    """
    path.mkdir(mode=_ONLY_OWNER, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise FolderNotPrivate(f"{path} belongs to another user: remove it, or set TMPDIR")
    if stat.S_IMODE(found.st_mode) != _ONLY_OWNER:
        path.chmod(_ONLY_OWNER)
    return path


def socket_folder(preferred: Path) -> Path:
    """Return `preferred`, or a folder with a short path when the checkout lies too deep."""
    if fits(preferred):
        return private_folder(preferred)
    mark = hashlib.sha256(str(preferred).encode()).hexdigest()[:10]
    for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir()):
        if base and Path(base).is_dir():
            short = Path(base) / f"payments-{os.geteuid()}-{mark}"
            if fits(short):
                return private_folder(short)
    raise FolderNotPrivate(f"no folder with a path short enough for a socket; {preferred} is not")


def fits(folder: Path) -> bool:
    """Return whether a socket in `folder` has a path that the kernel takes."""
    return len(os.fsencode(folder)) + len(_LONGEST_SOCKET_NAME) <= _SOCKET_PATH_MAX_BYTES
