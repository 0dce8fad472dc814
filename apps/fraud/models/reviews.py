"""Payments that wait for a person's eye."""

from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords  # type: ignore[import-untyped]

from apps.common.fsm import StatefulModel, StatusField, transition
from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.fraud.states import ReviewStatus

S = ReviewStatus


class ReviewQuerySet(models.QuerySet["Review"]):
    def lock(self, pk: str) -> "Review":
        """Return the review with its row locked until the transaction ends."""
        return self.select_for_update().get(pk=pk)


class Review(StatefulModel):
    """
    A payment whose money is held until somebody has looked at it.

    `due_at` is the promise to the payer: the queue shows what is late. `amount` is minor units.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "rv")
    )
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    version = models.PositiveIntegerField(default=1)
    status = StatusField(default=S.OPEN, choices=S.choices)
    intent_id = models.CharField(max_length=40)
    attempt_id = models.CharField(max_length=40)
    decision_id = models.CharField(max_length=40)
    score = models.SmallIntegerField(null=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    note = models.CharField(max_length=500, blank=True)
    due_at = models.DateTimeField()
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=300, blank=True)

    objects = models.Manager.from_queryset(ReviewQuerySet)()

    class Meta:
        db_table = "fraud_review"
        constraints = [
            models.UniqueConstraint(name="one_review_per_attempt", fields=["attempt_id"]),
            models.CheckConstraint(
                name="review_closed_by_somebody",
                condition=Q(status=S.OPEN, closed_by="", closed_at__isnull=True)
                | (~Q(status=S.OPEN) & ~Q(closed_by="") & Q(closed_at__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(name="review_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(name="review_open", fields=["due_at"], condition=Q(status=S.OPEN)),
            models.Index(name="review_intent", fields=["intent_id"]),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def scope(self) -> Scope:
        return Scope(self.merchant_id, self.livemode)

    @transition(status, source=S.OPEN, target=S.APPROVED)
    def approve(self, *, by: str, note: str, now: datetime) -> None:
        """A person found the payment good."""
        self._close(by, note, now)

    @transition(status, source=S.OPEN, target=S.DECLINED)
    def decline(self, *, by: str, note: str, now: datetime) -> None:
        """A person found it fraudulent."""
        self._close(by, note, now)

    def _close(self, by: str, note: str, now: datetime) -> None:
        self.closed_by, self.closed_at, self.note = by, now, note
        self.version += 1


class ReviewCase(models.Model):
    """The work on one review; every change of the person is kept."""

    review = models.OneToOneField(
        Review, on_delete=models.PROTECT, primary_key=True, related_name="case"
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    history = HistoricalRecords()

    def __str__(self) -> str:
        return str(self.pk)
