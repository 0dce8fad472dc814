"""Test clocks: time that a developer moves."""

from datetime import datetime
from functools import partial

from django.db import models
from django.db.models import Q

from apps.common.fsm import StatusField, transition
from apps.common.ids import new_id
from apps.subscriptions.models.recorded import Recorded
from apps.subscriptions.states import ClockStatus


class TestClock(Recorded):
    """Whoever hangs on it lives at `frozen_time`; everything that is due follows it."""

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "clock")
    )
    name = models.CharField(max_length=300, blank=True)
    status = StatusField(default=ClockStatus.READY, choices=ClockStatus.choices)
    frozen_time = models.DateTimeField()
    target_time = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)

    # Where an advance has got to, and who works on it: `target_time` is what was asked for.
    OUTSIDE_HISTORY = Recorded.OUTSIDE_HISTORY | {"frozen_time", "leased_until"}

    # The name begins with "Test", but there is no test in it.
    __test__ = False

    class Meta:
        constraints = [
            models.CheckConstraint(name="test_clock_never_live", condition=Q(livemode=False)),
        ]
        indexes = [
            models.Index(name="test_clock_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(
                name="test_clock_advancing",
                fields=["id"],
                condition=Q(status=ClockStatus.ADVANCING),
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.id

    @transition(status, source=ClockStatus.READY, target=ClockStatus.ADVANCING)
    def advance(self, *, target: datetime) -> None:
        """Set out for a later time."""
        self.target_time = target

    @transition(status, source=ClockStatus.ADVANCING, target=ClockStatus.READY)
    def arrive(self) -> None:
        """Everything that was due on the way is done."""
        self.target_time = None
        self.leased_until = None

    @transition(status, source=ClockStatus.ADVANCING, target=ClockStatus.INTERNAL_FAILURE)
    def fail(self) -> None:
        """Something on the way broke; the clock goes no further."""
