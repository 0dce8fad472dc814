"""Take statements in: keep the bytes, read the rows, resolve them to our objects."""

import csv
import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Final, TypeVar

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from apps.common.origin import Origin, Scope
from apps.reconciliation import matching
from apps.reconciliation.errors import StatementTooLarge
from apps.reconciliation.models import (
    BankLine,
    StatementChunk,
    StatementFile,
    StatementRefusal,
)
from apps.reconciliation.sharing import find_sharing
from apps.reconciliation.statements import (
    AdyenReport,
    Block,
    PaidIn,
    ParsedBankLine,
    RowRefused,
    StripeReport,
    parse_bank_csv,
    parse_camt053,
    read_report,
)
from apps.reconciliation.states import BANK_FORMATS, StatementFormat

# One chunk is one row: large enough to be few, small enough to be read at once.
CHUNK_BYTES: Final = 1024 * 1024
# The largest statement; a million lines are about 200 MB.
MAX_STATEMENT_BYTES: Final = 4 * 1024 * 1024 * 1024
# How many rows of a bank's statement, and how many refusals, are written at once.
BATCH_ROWS: Final = 500
# Bad rows beyond this are counted, not kept: such a file is not what it was said to be.
MAX_REFUSALS_KEPT: Final = 10_000

# After so many new lines the planner has to look at the table again before they are compared.
MANY_LINES: Final = 10_000

REFERENCE_TAKEN: Final = "its reference stands for another movement already"
_FASTEST: Final = 1
T = TypeVar("T")


class _Refusals:
    """The rows of a file that could not be read: counted, and kept up to a limit."""

    def __init__(self, file: StatementFile) -> None:
        self._file = file
        self._kept: list[RowRefused] = []

    def filter(self, rows: Iterable[T | RowRefused]) -> Iterator[T]:
        """Hand the good rows on."""
        for row in rows:
            if isinstance(row, RowRefused):
                self.note([row])
            else:
                yield row

    def note(self, refused: Sequence[RowRefused]) -> None:
        """Count these, too."""
        self._file.lines_refused += len(refused)
        self._kept.extend(refused[: MAX_REFUSALS_KEPT - len(self._kept)])

    def forget(self) -> None:
        """Leave them to the keeper of the account: nobody knows whose they are."""
        self._file.lines_refused = 0
        self._kept.clear()

    def write(self) -> None:
        """Write them down; afterwards, since a connection that copies does nothing else."""
        StatementRefusal.objects.bulk_create(
            [
                StatementRefusal(
                    file=self._file, number=row.number, reason=row.reason[:200], text=row.text
                )
                for row in self._kept
            ],
            batch_size=BATCH_ROWS,
        )


def import_statement(
    *,
    scope: Scope,
    source: str,
    format: StatementFormat,
    stream: BinaryIO,
    name: str,
    origin: Origin,
    now: datetime,
) -> StatementFile:
    """
    Take a statement in and return its file; the same bytes again return the first one.

    `source` is the gateway account or bank account it is of, `stream` can be rewound. Rows that
    cannot be read are kept as refusals with their line number, the others count. Memory does not
    grow with the file.

    :raises StatementUnreadable: the file as a whole is no such statement
    :raises StatementTooLarge: more than MAX_STATEMENT_BYTES
    Source: docs/reconciliation.md
    """
    digest, size = _measure(stream)
    same = StatementFile.objects.filter(
        merchant_id=scope.merchant_id, livemode=scope.livemode, source=source, sha256=digest
    )
    standing = same.first()
    if standing:
        return standing
    file = StatementFile(
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        source=source,
        format=format,
        name=name[:255],
        sha256=digest,
        size_bytes=size,
        uploaded_by=origin.actor,
        created_at=now,
    )
    try:
        with transaction.atomic():
            file.save(force_insert=True)
            _keep_bytes(file, stream)
            refusals = _Refusals(file)
            if format in BANK_FORMATS:
                _take_bank_lines(file, stream, refusals)
            else:
                _take_gateway_lines(file, stream, refusals)
            refusals.write()
            file.save()
    except IntegrityError:
        # Somebody took in the same bytes meanwhile.
        winner = same.first()
        if winner is None:
            raise
        return winner
    return file


def open_statement(file: StatementFile) -> BinaryIO:
    """Return the bytes of the file as they came; they go through the disk, whatever their size."""
    stream = TemporaryFile()  # noqa: SIM115 - whoever reads it closes it
    for chunk in file.chunks.order_by("number").iterator(chunk_size=1):
        stream.write(zlib.decompress(chunk.content))
    stream.seek(0)
    return stream


def _measure(stream: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    stream.seek(0)
    while piece := stream.read(CHUNK_BYTES):
        digest.update(piece)
        size += len(piece)
        if size > MAX_STATEMENT_BYTES:
            raise StatementTooLarge(maximum=MAX_STATEMENT_BYTES, param="file")
    return digest.hexdigest(), size


def _keep_bytes(file: StatementFile, stream: BinaryIO) -> None:
    stream.seek(0)
    number = 0
    while piece := stream.read(CHUNK_BYTES):
        number += 1
        StatementChunk.objects.create(
            file=file, number=number, content=zlib.compress(piece, _FASTEST)
        )


@contextmanager
def _as_text(stream: BinaryIO) -> Iterator[io.TextIOWrapper]:
    stream.seek(0)
    # A sign that is not UTF-8 becomes one by which its row is refused.
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="\n")
    try:
        yield text
    finally:
        text.detach()


def _take_gateway_lines(file: StatementFile, stream: BinaryIO, refusals: _Refusals) -> None:
    open_report = AdyenReport if file.format == StatementFormat.ADYEN else StripeReport
    params = {
        "merchant": file.merchant_id,
        "livemode": file.livemode,
        "gateway": file.source,
        "file": file.id,
        "zone": settings.RECONCILIATION_TIME_ZONES.get(file.source, "UTC"),
    }
    with connection.cursor() as cursor, _Exchanged() as exchanged:
        cursor.execute(matching.ENLARGE_MEMORY)
        key = f"statement {file.merchant_id} {file.livemode} {file.source}"
        cursor.execute(matching.TAKE_TURNS, {"key": key})
        cursor.execute(matching.CREATE_STAGE)
        with _as_text(stream) as text:
            staged = _copy(cursor, read_report(text, open_report), refusals, exchanged)
        cursor.execute(matching.ANALYZE_STAGE)
        sharing = find_sharing(Scope(file.merchant_id, file.livemode), file.source)
        if sharing.is_shared:
            file.lines_elsewhere = sharing.leave_to_others(cursor)
            staged -= file.lines_elsewhere
            if not sharing.is_keeper:
                refusals.forget()
        cursor.execute(matching.CREATE_TAKEN, params)
        cursor.execute(matching.INSERT_BY_OUR_REFERENCE, params)
        file.lines_new = cursor.rowcount
        cursor.execute(matching.INDEX_TAKEN)
        cursor.execute(matching.ANALYZE_TAKEN)
        cursor.execute(matching.INSERT_OTHERS, params)
        file.lines_new += cursor.rowcount
        if file.lines_new < staged:
            cursor.execute(matching.INSERT_DUPLICATES, params)
            file.lines_duplicate, file.lines_known = cursor.fetchone()
        cursor.execute("DROP TABLE staged_line, taken_line")
        exchanged.write(cursor, params)
        if file.lines_new > MANY_LINES:
            cursor.execute(matching.ANALYZE_LINES)


def _copy(
    cursor: Any, blocks: Iterable[Block], refusals: _Refusals, exchanged: "_Exchanged"
) -> int:
    """Copy the lines into the staging table and return how many they were."""
    count = 0
    with cursor.copy(matching.COPY_STAGE) as copy:
        for block in blocks:
            copy.write(block.copy)
            count += block.lines
            refusals.note(block.refused)
            exchanged.note(block.exchanged)
    return count


class _Exchanged(ExitStack):
    """Lines that were paid in another currency: on disk until all are copied, however many."""

    def __init__(self) -> None:
        super().__init__()
        told = TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 - closed with this
        self._file = self.enter_context(told)
        self._writer = csv.writer(self._file)

    def note(self, exchanged: Mapping[str, PaidIn]) -> None:
        """Note what these lines were, by their references."""
        self._writer.writerows((name, *paid) for name, paid in exchanged.items())

    def write(self, cursor: Any, params: Mapping[str, Any]) -> None:
        """Write it down with the lines, which are in their table by now."""
        self._file.seek(0)
        for batch in _batches(csv.reader(self._file), BATCH_ROWS):
            references, amounts, currencies = map(list, zip(*batch, strict=True))
            told = {"references": references, "amounts": amounts, "currencies": currencies}
            cursor.execute(matching.NOTE_EXCHANGED, {**params, **told})


def _take_bank_lines(file: StatementFile, stream: BinaryIO, refusals: _Refusals) -> None:
    if file.format == StatementFormat.CAMT053:
        stream.seek(0)
        _insert_bank_lines(file, parse_camt053(stream), refusals)
    else:
        with _as_text(stream) as text:
            _insert_bank_lines(file, parse_bank_csv(text), refusals)


def _insert_bank_lines(
    file: StatementFile, rows: Iterable[ParsedBankLine | RowRefused], refusals: _Refusals
) -> None:
    """Write what is new; a bank that numbers its entries anew each day must not lose one so."""
    for batch in _batches(refusals.filter(rows), BATCH_ROWS):
        lines = BankLine.objects.filter(
            merchant_id=file.merchant_id,
            livemode=file.livemode,
            bank=file.source,
            reference__in={line.reference for line in batch},
        )
        known = {line.reference: line for line in lines}
        fresh: list[BankLine] = []
        for row in batch:
            line = _bank_line(file, row)
            first = known.setdefault(row.reference, line)
            if first is line:
                fresh.append(line)
            elif _moves_the_same(first, line):
                file.lines_known += 1
            else:
                refusals.note([RowRefused(row.number, REFERENCE_TAKEN, row.reference)])
        BankLine.objects.bulk_create(fresh)
        file.lines_new += len(fresh)


def _moves_the_same(first: BankLine, second: BankLine) -> bool:
    return (first.currency, first.amount, first.booked_on) == (
        second.currency,
        second.amount,
        second.booked_on,
    )


def _bank_line(file: StatementFile, line: ParsedBankLine) -> BankLine:
    return BankLine(
        merchant_id=file.merchant_id,
        livemode=file.livemode,
        file=file,
        number=line.number,
        bank=file.source,
        account=line.account,
        reference=line.reference,
        currency=line.currency,
        amount=line.amount,
        booked_on=line.booked_on,
        description=line.description,
    )


def _batches(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    batch: list[T] = []
    for row in rows:
        batch.append(row)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch
