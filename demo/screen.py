"""What the person at the terminal sees."""

import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path


class Screen:
    """One line per step, each with the seconds since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def step(self, text: str) -> None:
        self._write(f"[{time.monotonic() - self._started:5.1f}s] {text}")

    def block(self, title: str, lines: Iterable[str]) -> None:
        self._write(f"\n{title}")
        for line in lines:
            self._write(f"  {line}")

    def trouble(self, text: str) -> None:
        print(f"\n{text}", file=sys.stderr, flush=True)

    def _write(self, line: str) -> None:
        """
        Print, or raise once when nobody reads any more, and be silent from then on.

        `make run | head` ends the platform by that first error, and must not fail while stopping.
        """
        try:
            print(line, flush=True)
        except BrokenPipeError:
            sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  It lives as long as we do.
            raise


def columns(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Lay rows out in columns as wide as their widest cell."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in table
    ]
