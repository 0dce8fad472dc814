"""
The request log: what callers asked and what they got, without secrets and people.

A request only leaves a note in the memory of its process; a thread of the process redacts the
notes and writes those of a second with one COPY. So the log costs a payment no statement and no
wait. It may lose notes: the last second of a process that ends, and the oldest while the database
is away for long. What must not be lost stands in the events (docs/api/request-log.md).
"""

import json
import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from prometheus_client import Counter

from apps.api.parsers import NotInteger, Params
from apps.common.card_numbers import has_card_number
from apps.common.redaction import REDACTED, redact

logger = logging.getLogger(__name__)

WRITE_EVERY_SECONDS: Final = 1.0
BATCH_SIZE: Final = 1000
# What a process keeps while the database is away: a minute of the highest rate.
MAX_WAITING: Final = 20_000
# Of longer texts the beginning is kept. What is longer yet is not even held in memory.
MAX_KEPT_CHARACTERS: Final = 8000
MAX_HELD_BYTES: Final = 64 * 1024
TOO_LONG: Final = "[too long to be kept]"
_MAX_PATH: Final = 255
_MAX_AGENT: Final = 200

_lost = Counter("api_request_log_lost", "Requests that are missing in the request log.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """
    One request and its answer, as they were.

    `params` is None when they must not be kept, `answer` is empty when it is not worth keeping.
    """

    request_id: str
    merchant_id: str
    livemode: bool
    key_id: str
    method: str
    path: str
    status: int
    duration_ms: int
    ip: str
    user_agent: str
    dialect: str
    idempotency_key: str
    original_request: str
    params: Params | None
    answer: str
    # Unix seconds.
    answered_at: float


_waiting: deque[Note] = deque(maxlen=MAX_WAITING)
_start_lock = threading.Lock()
_writer: list[threading.Thread] = []


def log_request(note: Note) -> None:
    """Keep a note until the writer comes by."""
    if not settings.REQUEST_LOG_ENABLED:
        return
    if len(_waiting) == MAX_WAITING:
        _lost.inc()
    _waiting.append(note)
    if not _writer:
        _start_writer()


def write_log() -> int:
    """Write all notes of this process, and return how many; those that cannot wait are lost."""
    written = 0
    while batch := _take_batch():
        try:
            _copy(batch)
        except (OperationalError, InterfaceError) as error:
            logger.warning("the request log waits for the database: %s", error)
            _waiting.extendleft(reversed(batch))
            break
        except (DatabaseError, ValueError):
            # One of them can never be written: the others of its second are not worth the search.
            logger.exception("%d requests are missing in the request log", len(batch))
            _lost.inc(len(batch))
            continue
        written += len(batch)
    return written


def forget_notes() -> None:
    """Drop what has not been written; for tests."""
    _waiting.clear()


def _start_writer() -> None:
    with _start_lock:
        if not _writer:
            thread = threading.Thread(target=_write_forever, name="request-log", daemon=True)
            _writer.append(thread)
            thread.start()


def _write_forever() -> None:
    while True:
        time.sleep(WRITE_EVERY_SECONDS)
        try:
            write_log()
        except Exception:  # the next second is another try
            logger.exception("the request log could not be written")
        finally:
            connection.close()


def _take_batch() -> list[Note]:
    # Others only append, so what is counted here can be taken.
    return [_waiting.popleft() for _ in range(min(len(_waiting), BATCH_SIZE))]


_COLUMNS: Final = (
    "id", "merchant_id", "livemode", "key_id", "method", "path", "status", "error_code",
    "duration_ms", "ip", "user_agent", "dialect", "idempotency_key", "original_request", "request",
    "response", "created_at",
)  # fmt: skip
_COPY: Final = f"COPY api_loggedrequest ({', '.join(_COLUMNS)}) FROM STDIN"


def _copy(batch: list[Note]) -> None:
    rows = [_row(note) for note in batch]
    with transaction.atomic(), connection.cursor() as cursor:
        # A crash of the server may cost the log its last moments, and spares it the wait.
        cursor.execute("SET LOCAL synchronous_commit = off")
        with cursor.copy(_COPY) as copy:
            for row in rows:
                copy.write_row(row)


def _row(note: Note) -> tuple[Any, ...]:
    is_refused = note.status >= HTTPStatus.BAD_REQUEST
    answer = note.answer[:MAX_HELD_BYTES]
    return (
        note.request_id,
        note.merchant_id,
        note.livemode,
        note.key_id,
        note.method[:10],
        REDACTED if has_card_number(note.path) else note.path[:_MAX_PATH],
        note.status,
        _error_code(note.answer) if is_refused else "",
        note.duration_ms,
        note.ip[:45],
        note.user_agent[:_MAX_AGENT],
        note.dialect,
        note.idempotency_key,
        note.original_request,
        _request_text(note.params),
        # A refusal may repeat what is wrong, such as a path.
        REDACTED if is_refused and has_card_number(answer) else _cut(redact(answer)),
        datetime.fromtimestamp(note.answered_at, tz=UTC),
    )


def _request_text(params: Params | None) -> str:
    if params is None:
        return REDACTED
    return _cut(redact(json.dumps(params, ensure_ascii=False, default=_as_text))) if params else ""


def _as_text(value: Any) -> str:
    return value.text if isinstance(value, NotInteger) else "[file]"


def _cut(text: str) -> str:
    kept = text.replace("\x00", "")
    return kept if len(kept) <= MAX_KEPT_CHARACTERS else f"{kept[:MAX_KEPT_CHARACTERS]}…"


def _error_code(answer: str) -> str:
    return str(json.loads(answer)["error"]["code"])[:60]
