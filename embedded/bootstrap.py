"""
Make `.venv` hold requirements/<set>.txt, and do nothing when it already does.

Runs on the standard library alone, since it is what installs everything else. Called by
bin/bootstrap, which has found a Python that is new enough.
"""

import argparse
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# dev.in includes embedded.in, so what has the tests' packages can run the demo as well.
SUPERSETS = {"embedded": ("embedded", "dev"), "dev": ("dev",)}

NO_VENV = """\
This Python ({python}) can create no virtual environment: it has neither ensurepip nor pip.
On Debian and Ubuntu `apt-get install python3-venv` adds it; or name another Python with
`make run PYTHON=/path/to/python3`."""


class BootstrapFailed(Exception):
    """The environment could not be made; the text says what the reader can do about it."""


def main() -> int:
    """Bring the environment up to date; the only argument names the set of requirements."""
    parser = argparse.ArgumentParser(prog="bin/bootstrap", description=__doc__)
    parser.add_argument("set", choices=sorted(SUPERSETS))
    wanted = parser.parse_args().set
    try:
        with _one_at_a_time():
            bring_up_to_date(wanted=wanted, root=ROOT)
    except BootstrapFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def bring_up_to_date(*, wanted: str, root: Path) -> None:
    """
    Install what is missing in `root`/.venv.

    :raises BootstrapFailed: no usable Python, or neither uv nor pip could install
    """
    venv = root / ".venv"
    if is_current(wanted=wanted, root=root):
        return

    started = time.monotonic()
    requirements = root / "requirements" / f"{wanted}.txt"
    print(f"First start: installing {requirements.name} into .venv (a minute at most)", flush=True)
    if not _works(venv):
        _create(venv)
    _stamp(venv).unlink(missing_ok=True)
    _install(venv, requirements=requirements, tools=root / "requirements" / "bootstrap.txt")
    _write_stamp(venv, wanted=wanted, digest=digest_of(requirements))
    print(f"Installed in {time.monotonic() - started:.0f} s", flush=True)


def is_current(*, wanted: str, root: Path) -> bool:
    """Return whether the last installation covers `wanted` as it is pinned today."""
    try:
        stamp = json.loads(_stamp(root / ".venv").read_text())
    except (OSError, ValueError):
        return False
    installed = stamp.get("set")
    return (
        installed in SUPERSETS[wanted]
        and stamp.get("digest") == digest_of(root / "requirements" / f"{installed}.txt")
        and _works(root / ".venv")
    )


def digest_of(requirements: Path) -> str:
    """Return what changes when a pin changes."""
    return hashlib.sha256(requirements.read_bytes()).hexdigest()


def _stamp(venv: Path) -> Path:
    return venv / "installed.json"


def _write_stamp(venv: Path, *, wanted: str, digest: str) -> None:
    _stamp(venv).write_text(json.dumps({"set": wanted, "digest": digest}))


def _works(venv: Path) -> bool:
    """Return whether the environment's Python starts: a removed base Python leaves a dead link."""
    python = venv / "bin" / "python"
    if not python.exists():
        return False
    if Path(sys.prefix).resolve() == venv.resolve():
        return True  # It is running this very module.
    try:
        return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _create(venv: Path) -> None:
    if venv.exists():
        if not (venv / "pyvenv.cfg").exists() and any(venv.iterdir()):
            raise BootstrapFailed(f"{venv} exists and is no virtual environment: move it away.")
        shutil.rmtree(venv)
    if importlib.util.find_spec("ensurepip"):
        _run([sys.executable, "-m", "venv", venv])
        return
    if not importlib.util.find_spec("pip"):
        raise BootstrapFailed(NO_VENV.format(python=sys.executable))
    # Debian ships ensurepip apart; a pip outside can fill an environment that has none.
    _run([sys.executable, "-m", "venv", "--without-pip", venv])
    _run([sys.executable, "-m", "pip", "--python", venv / "bin" / "python", "install", "-q", "pip"])


def _install(venv: Path, *, requirements: Path, tools: Path) -> None:
    """Install with uv, which takes seconds, else with pip, which is there anyway."""
    pinned = ["--require-hashes", "--only-binary", ":all:"]
    python = venv / "bin" / "python"
    uv = _bring_uv(venv, tools=tools)
    if uv is not None:
        command: list[str | Path] = [uv, "pip", "install", "--quiet", "--compile-bytecode"]
        try:
            _run([*command, "--python", python, *pinned, "--requirement", requirements])
        except BootstrapFailed:
            print("uv could not install; trying pip, which takes longer", flush=True)
        else:
            return
    _run([*_pip(python), *pinned, "--requirement", requirements])


def _bring_uv(venv: Path, *, tools: Path) -> Path | None:
    own = venv / "bin" / "uv"
    if own.exists():
        return own
    if not any(venv.glob("lib/python*/site-packages/pip")):
        # An interrupted first start, or an environment that another tool made.
        _run([venv / "bin" / "python", "-m", "ensurepip", "--upgrade"])
    pip = [*_pip(venv / "bin" / "python"), "--require-hashes", "--only-binary", ":all:"]
    try:
        _run([*pip, "--requirement", tools])
    except BootstrapFailed:
        found = shutil.which("uv")
        return Path(found) if found else None
    return own


def _pip(python: Path) -> list[str | Path]:
    return [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]


def _run(command: list[str | Path]) -> None:
    # uv downloads no Python, the one found is the one used; and it trusts whom the machine trusts,
    # as pip does.
    environment = {"UV_SYSTEM_CERTS": "true", **os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    try:
        subprocess.run([str(part) for part in command], check=True, env=environment)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BootstrapFailed(f"Could not run: {' '.join(map(str, command))}") from error


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let `make run` and `make test`, started together, install one after the other."""
    folder = ROOT / ".local"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "bootstrap.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
