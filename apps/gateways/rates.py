"""How each gateway's latest payments ended, as this process saw it."""

import threading
from collections import defaultdict, deque
from functools import partial

from apps.gateways.routing import Rate

# Some minutes of a busy process: long enough to tell good from bad, short enough to follow.
_WINDOW = 200

_outcomes: defaultdict[str, deque[bool]] = defaultdict(partial(deque, maxlen=_WINDOW))
_lock = threading.Lock()


def note_outcome(gateway: str, *, succeeded: bool) -> None:
    """Count a payment that went through, or was declined, or broke."""
    with _lock:
        _outcomes[gateway].append(succeeded)


def read_rates() -> dict[str, Rate]:
    """Return the rates of the gateways that had payments."""
    with _lock:
        return {name: Rate(len(seen), sum(seen)) for name, seen in _outcomes.items()}


def reset_rates() -> None:
    """Forget all outcomes."""
    with _lock:
        _outcomes.clear()
