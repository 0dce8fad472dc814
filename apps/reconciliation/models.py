"""Statements as they came, the runs that compare them with the books, and what did not agree."""

from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from apps.common.fsm import StatefulModel, StatusField, transition
from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.outbox.history import EventSourced
from apps.reconciliation.states import (
    DiscrepancyKind,
    DiscrepancyStatus,
    LineKind,
    ReportState,
    SettlementStatus,
    StatementFormat,
)

D = DiscrepancyStatus
S = SettlementStatus


class StatementFile(models.Model):
    """
    A statement as it was received: of a gateway account, or of a bank account.

    `source` is the name of that account. The same bytes are taken once. `lines_elsewhere` are those
    of other merchants with money on the same account.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "sf"))
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    source = models.CharField(max_length=100)
    format = models.CharField(max_length=10, choices=StatementFormat.choices)
    name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    lines_new = models.IntegerField(default=0)
    lines_known = models.IntegerField(default=0)
    lines_duplicate = models.IntegerField(default=0)
    lines_refused = models.IntegerField(default=0)
    lines_elsewhere = models.IntegerField(default=0)
    uploaded_by = models.CharField(max_length=300)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="statement_taken_once", fields=["merchant_id", "livemode", "source", "sha256"]
            )
        ]

    def __str__(self) -> str:
        return self.id


class ReportFetch(models.Model):
    """
    A gateway's report of a day in UTC, asked for through its API.

    It is fetched once; while the gateway has none yet, `file` is empty and it is asked again.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "rf"))
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    gateway = models.CharField(max_length=40)
    day = models.DateField()
    file = models.ForeignKey(
        StatementFile, null=True, on_delete=models.PROTECT, related_name="fetches"
    )
    asked_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="report_fetched_once", fields=["merchant_id", "livemode", "gateway", "day"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.gateway} {self.day}"

    @property
    def state(self) -> ReportState:
        """Whether it is there."""
        return ReportState.FETCHED if self.file_id else ReportState.WAITING


class StatementChunk(models.Model):
    """A piece of a statement's bytes, deflated; together they are the file."""

    pk = models.CompositePrimaryKey("file_id", "number")
    file = models.ForeignKey(
        StatementFile, on_delete=models.CASCADE, related_name="chunks", db_index=False
    )
    number = models.IntegerField()
    content = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.file_id} {self.number}"


class StatementRefusal(models.Model):
    """A row of a statement that could not be read; `number` is its line in the file."""

    pk = models.CompositePrimaryKey("file_id", "number")
    file = models.ForeignKey(
        StatementFile, on_delete=models.CASCADE, related_name="refusals", db_index=False
    )
    number = models.IntegerField()
    reason = models.CharField(max_length=200)
    text = models.CharField(max_length=500)

    def __str__(self) -> str:
        return f"{self.file_id} line {self.number}"


class StatementLine(models.Model):
    """
    One line of a gateway's report. Amounts are minor units from the view of our account there.

    `subject_id` is our attempt, refund or payout, `entry_id` the journal entry it is matched with
    and `rule` says by what. `day` is the day in the gateway's own time zone. Of money that the
    gateway exchanged, and whose report tells what it was before, `paid_amount` is that, signed as
    `gross`. Written by COPY and SQL only (see matching.py).
    """

    id = models.BigAutoField(primary_key=True)
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    gateway = models.CharField(max_length=40)
    # Written together with its file; a check per line would cost a fifth of the import.
    file = models.ForeignKey(
        StatementFile, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    number = models.IntegerField()
    reference = models.CharField(max_length=100, db_collation="C")
    kind = models.CharField(max_length=20, choices=LineKind.choices)
    object_reference = models.CharField(max_length=100, db_collation="C")
    payment_reference = models.CharField(max_length=100, db_collation="C")
    our_reference = models.CharField(max_length=100, db_collation="C")
    payout_reference = models.CharField(max_length=100, db_collation="C")
    currency = models.CharField(max_length=3)
    gross = models.BigIntegerField()
    fee = models.BigIntegerField()
    net = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    day = models.DateField()
    is_duplicate = models.BooleanField()
    subject_id = models.CharField(max_length=40, db_collation="C")
    entry_id = models.CharField(max_length=40, db_collation="C")
    rule = models.CharField(max_length=20)
    paid_amount = models.BigIntegerField(null=True)
    paid_currency = models.CharField(max_length=3, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="statement_line_once",
                fields=["reference", "gateway", "merchant_id", "livemode"],
                condition=Q(is_duplicate=False),
            ),
            models.CheckConstraint(
                name="statement_line_adds_up", condition=Q(net=F("gross") - F("fee"))
            ),
        ]
        indexes = [
            # Lines of a day come together, so the ranges of the table's blocks are enough.
            BrinIndex(name="statement_line_day", fields=["day"], autosummarize=True),
            models.Index(
                name="statement_line_entry", fields=["entry_id"], condition=~Q(entry_id="")
            ),
            # So do those of a payout, whose names are random: what each range holds is enough.
            BrinIndex(
                name="statement_line_payout",
                fields=["payout_reference"],
                opclasses=["text_bloom_ops"],
                autosummarize=True,
            ),
            models.Index(
                name="statement_line_unmatched",
                fields=["merchant_id", "livemode", "gateway", "day"],
                condition=Q(entry_id=""),
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class SettlementQuerySet(models.QuerySet["Settlement"]):
    def lock(self, pk: str) -> "Settlement":
        """Return the settlement with its row locked until the transaction ends."""
        return self.select_for_update().get(pk=pk)


class Settlement(StatefulModel):
    """
    One payout of a gateway to our bank, three ways: as announced, as its lines add up, as received.

    `lines_net` is None while no line names the payout: a manual one, of which only the balance can
    be checked. `entry_id` books its leaving, `received_entry_id` its arrival. `others_amount` is
    what of it belongs to other merchants on the same account; a payout that `follows` goes as that
    of the merchant goes who leads it.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "stl"))
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    gateway = models.CharField(max_length=40)
    reference = models.CharField(max_length=100)
    status = StatusField(default=S.ANNOUNCED, choices=S.choices)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()
    others_amount = models.BigIntegerField(default=0)
    follows = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="followers"
    )
    lines_net = models.BigIntegerField(null=True)
    lines_count = models.IntegerField(default=0)
    bank_amount = models.BigIntegerField(null=True)
    paid_on = models.DateField()
    entry_id = models.CharField(max_length=40, blank=True)
    received_entry_id = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField()

    objects = models.Manager.from_queryset(SettlementQuerySet)()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="settlement_once",
                fields=["merchant_id", "livemode", "gateway", "reference"],
            ),
            # A part of one may be below zero: refunds that others' payments paid for.
            models.CheckConstraint(
                name="settlement_total_positive", condition=Q(amount__gt=-F("others_amount"))
            ),
            models.CheckConstraint(
                name="settlement_received_is_booked",
                condition=~Q(status=S.RECEIVED) | ~Q(entry_id="") & ~Q(received_entry_id=""),
            ),
        ]
        indexes = [
            models.Index(
                name="settlement_open",
                fields=["merchant_id", "livemode", "gateway"],
                condition=Q(status__in=[S.ANNOUNCED, S.IN_TRANSIT]),
            )
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def total(self) -> int:
        """What the gateway paid out in all."""
        return self.amount + self.others_amount

    @property
    def is_manual(self) -> bool:
        """Whether no line says what is in it (AC-67)."""
        return self.lines_net is None

    @transition(status, source=[S.ANNOUNCED], target=S.IN_TRANSIT)
    def leave(self, *, entry_id: str) -> None:
        """The gateway's own sums agree: it is on its way."""
        self.entry_id = entry_id

    @transition(status, source=[S.IN_TRANSIT], target=S.RECEIVED)
    def arrive(self, *, bank_amount: int, entry_id: str) -> None:
        """The bank statement shows it."""
        self.bank_amount = bank_amount
        self.received_entry_id = entry_id

    @transition(status, source=[S.ANNOUNCED, S.IN_TRANSIT, S.RECEIVED], target=S.FAILED)
    def fail(self) -> None:
        """The gateway took it back, even after the bank had shown it (AC-68)."""


class BankLine(models.Model):
    """One booked movement on a bank account of ours; `amount` is negative when money left."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "bl"))
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    file = models.ForeignKey(StatementFile, on_delete=models.PROTECT, related_name="bank_lines")
    number = models.IntegerField()
    bank = models.CharField(max_length=100)
    account = models.CharField(max_length=100, blank=True)
    reference = models.CharField(max_length=100)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()
    booked_on = models.DateField()
    description = models.CharField(max_length=1000, blank=True)
    settlement = models.OneToOneField(
        Settlement, null=True, on_delete=models.PROTECT, related_name="bank_line"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="bank_line_once", fields=["merchant_id", "livemode", "bank", "reference"]
            )
        ]
        indexes = [
            models.Index(
                name="bank_line_open",
                fields=["merchant_id", "livemode", "booked_on"],
                condition=Q(settlement__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return self.reference


class ReconciliationRun(models.Model):
    """
    One comparison of a gateway's day with the books, with what it counted.

    `lines_matched` agree in every respect; `facts_expected` are booked but not reported yet, and
    not due either. `difference` is per currency what open exceptions are worth after the run.
    `report` tells whether the gateway's report of the day was fetched by then; it is empty when
    nobody asked the gateway for it.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "run"))
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    gateway = models.CharField(max_length=40)
    day = models.DateField()
    lines = models.IntegerField()
    lines_matched = models.IntegerField()
    facts_expected = models.IntegerField()
    exceptions_opened = models.IntegerField()
    exceptions_closed = models.IntegerField()
    exceptions_open = models.IntegerField()
    fees_booked = models.IntegerField()
    difference = models.JSONField(default=dict)
    report = models.CharField(max_length=10, choices=ReportState.choices, blank=True)
    actor = models.CharField(max_length=300)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(name="reconciliation_run_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(name="reconciliation_run_day", fields=["gateway", "day"]),
        ]

    def __str__(self) -> str:
        return self.id


class DiscrepancyQuerySet(models.QuerySet["Discrepancy"]):
    def lock(self, pk: str) -> "Discrepancy":
        """Return the exception with its row locked until the transaction ends."""
        return self.select_for_update().get(pk=pk)


class Discrepancy(EventSourced):
    """
    Something on which ledger, gateway and bank disagree; the API calls it an exception.

    `subject` names what it is about, so that it is opened once: a journal entry, a line of a
    statement or a settlement. Amounts are net minor units; None where that side has nothing. The
    row is the fold of its events, `version` counts them.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "rx"))
    gateway = models.CharField(max_length=40)
    kind = models.CharField(max_length=20, choices=DiscrepancyKind.choices)
    status = StatusField(default=D.OPEN, choices=D.choices)
    subject = models.CharField(max_length=60)
    subject_id = models.CharField(max_length=40, blank=True)
    entry_id = models.CharField(max_length=40, blank=True)
    reference = models.CharField(max_length=100, blank=True)
    day = models.DateField()
    currency = models.CharField(max_length=3)
    ledger_amount = models.BigIntegerField(null=True)
    statement_amount = models.BigIntegerField(null=True)
    explanation = models.CharField(max_length=500)
    resolved_by = models.CharField(max_length=300, blank=True)
    resolution_reason = models.CharField(max_length=500, blank=True)
    resolution_entry_id = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    # Who works on it; the audit trail knows who said so.
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects = models.Manager.from_queryset(DiscrepancyQuerySet)()

    class Meta:
        verbose_name = "exception"
        verbose_name_plural = "exceptions"
        constraints = [
            models.UniqueConstraint(
                name="discrepancy_once",
                fields=["merchant_id", "livemode", "gateway", "subject", "kind"],
            ),
            models.CheckConstraint(
                name="discrepancy_closed_by_somebody",
                condition=Q(status=D.OPEN) | ~Q(resolved_by="") & Q(resolved_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(name="discrepancy_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(
                name="discrepancy_open",
                fields=["merchant_id", "livemode", "gateway"],
                condition=Q(status=D.OPEN),
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def scope(self) -> Scope:
        return Scope(self.merchant_id, self.livemode)

    @property
    def difference(self) -> int:
        """Return by how much the statement exceeds the ledger, in minor units."""
        return (self.statement_amount or 0) - (self.ledger_amount or 0)

    @property
    def at_stake(self) -> int:
        """Return what a correction moves: of two currencies all of it, else the difference."""
        if self.kind == DiscrepancyKind.CURRENCY_MISMATCH:
            return max(abs(self.statement_amount or 0), abs(self.ledger_amount or 0))
        return abs(self.difference)

    @transition(status, source=[D.OPEN, D.RESOLVED], target=D.OPEN)
    def open(self, *, day: str, **facts: Any) -> None:
        """Wait for a person; also again, when what had closed by itself came back."""
        self.day = date.fromisoformat(day)
        for name, value in facts.items():
            setattr(self, name, value)
        self.resolved_by = self.resolution_reason = ""
        self.resolved_at = None

    def resolve(self, *, action: str, **facts: Any) -> None:
        """End it the way which the action stands for."""
        self._ENDS[action](self, **facts)

    @transition(status, source=[D.OPEN], target=D.RESOLVED)
    def settle(self, **facts: Any) -> None:
        """The sides agree, or a correcting journal makes them."""
        self._close(**facts)

    @transition(status, source=[D.OPEN], target=D.WRITTEN_OFF)
    def write_off(self, **facts: Any) -> None:
        """Give the difference up."""
        self._close(**facts)

    @transition(status, source=[D.OPEN], target=D.IGNORED)
    def ignore(self, **facts: Any) -> None:
        """Leave it as it is."""
        self._close(**facts)

    def _close(self, *, by: str, at: str, reason: str, entry: str) -> None:
        self.resolved_by = by
        self.resolved_at = datetime.fromisoformat(at)
        self.resolution_reason = reason
        self.resolution_entry_id = entry

    OUTSIDE_HISTORY = frozenset(
        {
            "id",
            "merchant_id",
            "livemode",
            "gateway",
            "kind",
            "subject",
            "created_at",
            "assignee_id",
        }
    )

    _ENDS: ClassVar[dict[str, Callable[..., None]]] = {
        "match": settle,
        "correct": settle,
        "write_off": write_off,
        "ignore": ignore,
    }

    ARROWS: ClassVar[dict[str, Callable[..., None]]] = {
        "reconciliation.exception_opened": open,
        "reconciliation.exception_resolved": resolve,
    }
