"""What the PSPs remember from one start to the next: their books and objects, in one file."""

import logging
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

# The dictionaries and lists that hold the objects; those refer to each other across them.
Stores = Sequence[dict[Any, Any] | list[Any]]


def keep(stores: Stores, file: Path) -> None:
    """Write everything at once, so that what refers to each other still does when it is read."""
    fresh = file.with_suffix(".new")
    fresh.write_bytes(pickle.dumps(list(stores)))
    fresh.replace(file)


def recall(stores: Stores, file: Path) -> None:
    """Fill the empty stores with what the file keeps; nothing comes of one of another version."""
    if not file.exists():
        return
    try:
        kept = pickle.loads(file.read_bytes())  # noqa: S301 - our own file, in our own folder
        pairs = list(zip(stores, kept, strict=True))
    except Exception:
        logger.exception("%s cannot be read: the books begin empty", file)
        return
    for store, content in pairs:
        if isinstance(store, dict):
            store.update(content)
        else:
            store.extend(content)
