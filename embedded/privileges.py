"""
As whom PostgreSQL runs: it refuses to run as root, and nothing here may create a user.

Three ways, in this order of preference:
- an ordinary user runs it directly;
- root runs it in a user namespace, where root outside is an ordinary user inside: the files stay
  root's and nothing changes hands;
- root without namespaces (most containers) runs it as `nobody`, from a copy of the programs in a
  place that nobody can reach.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")

# Where `nobody` keeps its copy: root's home is closed to it, /var/lib is not.
_NOBODYS_HOME = Path("/var/lib")


@dataclass(frozen=True)
class Privileges:
    """How to start PostgreSQL's programs: words put before the command, and a user to become."""

    name: str
    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def command(self, *words: str | Path) -> list[str]:
        return [*self.prefix, *map(str, words)]

    def popen_options(self) -> dict[str, object]:
        """Return what subprocess needs to become the other user."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, folder: Path) -> None:
        """Hand an empty folder over to whoever runs the server."""
        if self.uid is not None and self.gid is not None:
            os.chown(folder, self.uid, self.gid)


PLAIN = Privileges(name="this user")


def choose_privileges() -> Privileges:
    """Return the best way that this machine allows."""
    if os.geteuid() != 0:
        return PLAIN
    if _namespaces_work():
        return Privileges(name="user namespace", prefix=_NAMESPACE)
    nobody = pwd.getpwnam("nobody")
    return Privileges(name="nobody", uid=nobody.pw_uid, gid=nobody.pw_gid)


def nobodys_folder(checkout: Path) -> Path:
    """Return the folder of this checkout, so that two of them on one machine stay apart."""
    mark = hashlib.sha256(str(checkout).encode()).hexdigest()[:10]
    folder = _NOBODYS_HOME / f"payments-embedded-{mark}"
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    return folder


def copy_programs(programs: Path, *, into: Path) -> Path:
    """
    Copy PostgreSQL's `bin` and all it loads, once per version, and return the copied `bin`.

    The programs find their libraries by a relative path, so the layout is kept as it was.
    """
    package = programs.parents[1]
    mark = hashlib.sha256(str(package.stat().st_mtime_ns).encode()).hexdigest()[:10]
    copy = into / f"programs-{mark}"
    if not copy.exists():
        unfinished = into / f"programs-{mark}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(
            programs.parent, unfinished / package.name / programs.parent.name, symlinks=True
        )
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        unfinished.rename(copy)
    return copy / package.name / programs.parent.name / programs.name


def _namespaces_work() -> bool:
    try:
        return (
            subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False
