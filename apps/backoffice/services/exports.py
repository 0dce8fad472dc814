"""Files that people ask for: kept as a filter, made in the background, fetched, forgotten."""

import hashlib
import logging
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Final

from django.core.files import File
from django.core.files.storage import storages
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.backoffice.books import Book, write_book
from apps.backoffice.errors import ExportGone, ExportNotYours
from apps.backoffice.models import Export, User
from apps.backoffice.states import ExportStatus
from apps.common.transactions import assert_no_transaction

logger = logging.getLogger(__name__)

# The alias in STORAGES: a folder here, a bucket where several machines serve the back-office.
STORAGE: Final = "exports"
# Files hold what the screens show to few: a working week, then they are gone.
EXPORT_LIFETIME: Final = timedelta(days=7)
# A million rows take minutes; who is still silent after this is dead.
EXPORT_LEASE: Final = timedelta(minutes=30)
EXPORT_ATTEMPTS: Final = 3
EXPIRY_BATCH: Final = 50
_HASH_CHUNK_BYTES: Final = 1 << 20


def request_export(
    *, user: User, source: str, title: str, query: str, file_format: str, now: datetime
) -> Export:
    """
    Ask for a file of what a screen or a report shows; `run_export` makes it.

    `source` is a screen's label (`payments.refund`) or a name of `BACKOFFICE_REPORTS`; `query` is
    its filter; it is read with the rights that `user` has then. `file_format` is one of FORMATS in
    `books`.
    """
    return Export.objects.create(
        user=user,
        source=source,
        title=title[:120],
        query=query,
        format=file_format,
        requested_at=now,
        expires_at=now + EXPORT_LIFETIME,
    )


def retry_export(*, export: Export) -> None:
    """
    Let a failed file be made again.

    :raises IllegalTransition: it did not fail
    """
    with transaction.atomic():
        failed = Export.objects.select_for_update().get(pk=export.pk)
        failed.retry()
        failed.save()


def claim_exports(limit: int) -> list[Export]:
    """Take up to `limit` files that nobody makes."""
    free = Q(leased_until=None) | Q(leased_until__lt=Now())
    with transaction.atomic():
        waiting = Export.objects.select_for_update(skip_locked=True).filter(
            free, status=ExportStatus.WAITING
        )
        ids = list(waiting.order_by("id").values_list("pk", flat=True)[:limit])
        Export.objects.filter(pk__in=ids).update(
            leased_until=Now() + EXPORT_LEASE, attempts=F("attempts") + 1
        )
    return list(Export.objects.filter(pk__in=ids).select_related("user").order_by("id"))


def produce_export(export: Export, *, read: Callable[[Export], Book], now: datetime) -> None:
    """
    Make a claimed file. `read` opens what it shows; its rows are read within one transaction.

    The file is written beside, and kept only then: nobody can fetch a half of it. What cannot be
    made is tried again when the lease ends, and given up with its reason after the last try.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / export.file_name
        try:
            # One snapshot, read through a cursor of the server's: rows come and go meanwhile.
            with transaction.atomic():
                rows = write_book(read(export), path, file_format=export.format)
        except Exception as error:
            logger.exception("export %s failed", export.id)
            reason = f"{type(error).__name__}: {error}"
            if export.attempts >= EXPORT_ATTEMPTS:
                _settle(export, lambda mine: mine.fail(error=reason, now=now))
            return
        assert_no_transaction()
        size, sha256 = path.stat().st_size, _digest(path)
        with path.open("rb") as file:
            stored_as = storages[STORAGE].save(f"{export.id}.{export.format}", File(file))
    _settle(
        export,
        lambda mine: mine.finish(rows=rows, size=size, sha256=sha256, stored_as=stored_as, now=now),
    )


def open_export(*, export: Export, user: User, now: datetime) -> IO[bytes]:
    """
    Return the file to who asked for it.

    :raises ExportNotYours: somebody else asked for it; superusers are no exception
    :raises ExportGone: it is not there yet, or not any more
    """
    if export.user_id != user.pk:
        raise ExportNotYours(export=export.id)
    if export.status != ExportStatus.DONE or now >= export.expires_at:
        raise ExportGone(export=export.id, status=str(export.status))
    return storages[STORAGE].open(export.stored_as, "rb")


def expire_exports(*, now: datetime) -> int:
    """Delete the files whose time is over; return how many."""
    due = Export.objects.filter(status=ExportStatus.DONE, expires_at__lte=now)
    ids = list(due.order_by("expires_at").values_list("pk", flat=True)[:EXPIRY_BATCH])
    for export_id in ids:
        with transaction.atomic():
            export = Export.objects.select_for_update().get(pk=export_id)
            if export.status != ExportStatus.DONE:
                continue
            stored_as = export.stored_as
            export.expire()
            export.save()
        storages[STORAGE].delete(stored_as)
    return len(ids)


def _settle(export: Export, change: Callable[[Export], None]) -> None:
    with transaction.atomic():
        mine = Export.objects.select_for_update().get(pk=export.pk)
        if mine.status == ExportStatus.WAITING and mine.attempts == export.attempts:
            change(mine)
            mine.save()


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
