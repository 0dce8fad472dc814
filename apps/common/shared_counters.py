"""
One folder for the counters of a process and the children that it forks.

The library of metrics decides when it is imported, by PROMETHEUS_MULTIPROC_DIR, whether counters
live in a process's memory or in files that its family shares. So this is called before, by a
program whose work is done in children: what these count could not be asked of their parent.
"""

import atexit
import os
import shutil
import sys
import tempfile
from typing import Final

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"


def share_counters() -> None:
    """Make a folder that goes with this process, unless one is named already."""
    # Too late where somebody has imported the library: its counters are in memory by now.
    if FOLDER_VARIABLE in os.environ or "prometheus_client" in sys.modules:
        return
    folder = tempfile.mkdtemp(prefix="payments-metrics-")
    os.environ[FOLDER_VARIABLE] = folder
    atexit.register(_remove, folder, maker=os.getpid())


def _remove(folder: str, *, maker: int) -> None:
    # Children inherit what is to be done at the end.
    if os.getpid() == maker:
        shutil.rmtree(folder, ignore_errors=True)
