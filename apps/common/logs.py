"""
How log lines look: one JSON object each, with what the work was about and without secrets.

Code logs with the standard library. What a line is about (`request_id`, `payment`, `job`) is bound
once, where the work begins, and then stands on every line of it, those of libraries included.
"""

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Final

import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars, unbind_contextvars

from apps.common.card_numbers import mask_card_numbers
from apps.common.redaction import redact

FORMATS: Final = ("json", "text")

_Event = MutableMapping[str, Any]


def begin_work(**about: str) -> None:
    """Say what the work of this thread is about from now on, and forget what it was before."""
    clear_contextvars()
    bind_contextvars(**about)


@contextmanager
def about(**facts: str) -> Iterator[None]:
    """Say what the lines within are about, besides what is said already."""
    bind_contextvars(**facts)
    try:
        yield
    finally:
        unbind_contextvars(*facts)


def logging_config(*, form: str, level: str) -> dict[str, Any]:
    """Return the `LOGGING` of Django: everything to standard error, in one of FORMATS."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _PREPARE,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    _RENDERERS[form],
                    cover_secrets,
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        # Django's own handlers would say everything twice.
        "loggers": {
            "django": {"handlers": [], "propagate": True},
            # These tell of every request they make, on the path of every payment.
            **{name: {"level": "WARNING"} for name in ("Adyen", "httpx", "stripe")},
        },
    }


def cover_secrets(_logger: Any, _method: str, line: Any) -> str:
    """Return the finished line without card numbers, credentials and people's addresses."""
    return mask_card_numbers(redact(str(line)))


def _as_text(_logger: Any, _method: str, event: _Event) -> str:
    """Return a line for people: time, level, what happened, then what it was about."""
    head = " ".join(str(event.pop(name, "")) for name in ("timestamp", "level", "event"))
    trouble = event.pop("exception", "")
    rest = " ".join(f"{name}={value}" for name, value in sorted(event.items()))
    return f"{head}  {rest}" + (f"\n{trouble}" if trouble else "")


_PREPARE: Final = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
_RENDERERS: Final[dict[str, Callable[..., Any]]] = {
    # Escapes line breaks, so that no text can pretend to be a line of its own.
    "json": structlog.processors.JSONRenderer(sort_keys=True),
    "text": _as_text,
}
