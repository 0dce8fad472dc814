"""What one person asks for and another one decides."""

from datetime import datetime
from functools import partial

from django.db import models
from django.db.models import F, Q

from apps.backoffice.states import ApprovalStatus
from apps.common.fsm import StatefulModel, StatusField, transition
from apps.common.ids import new_id
from apps.common.origin import Scope

S = ApprovalStatus


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def lock(self, pk: str) -> "Approval":
        """Return the approval with its row locked until the transaction ends."""
        return self.select_for_update().get(pk=pk)


class Approval(StatefulModel):
    """
    A request for a second person's yes (four eyes).

    `kind` is a key of config/approvals.py, `subject_id` the object it is about, `payload` what the
    kind's executor needs; `amount` is minor units of `currency` and there to be read by people.
    PostgreSQL keeps the request as it was asked, and keeps requester and decider apart.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "apr"))
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    kind = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=100)
    payload = models.JSONField(default=dict)
    amount = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    status = StatusField(default=S.PENDING, choices=S.choices)
    requested_by = models.CharField(max_length=300)
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_by = models.CharField(max_length=300, blank=True)
    decided_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=500, blank=True)

    objects = models.Manager.from_queryset(ApprovalQuerySet)()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="approval_four_eyes",
                condition=Q(decided_by="") | ~Q(decided_by=F("requested_by")),
            ),
            models.CheckConstraint(
                name="approval_decided_by_somebody",
                condition=Q(status__in=[S.PENDING, S.EXPIRED], decided_by="")
                | (Q(status__in=[S.APPROVED, S.REJECTED]) & ~Q(decided_by="")),
            ),
            models.CheckConstraint(
                name="approval_amount_has_currency",
                condition=Q(amount__isnull=True, currency="")
                | (Q(amount__isnull=False) & ~Q(currency="")),
            ),
            models.UniqueConstraint(
                name="approval_waits_once",
                fields=["kind", "subject_id"],
                condition=Q(status=S.PENDING),
            ),
        ]
        indexes = [
            models.Index(
                name="approval_waiting", fields=["expires_at"], condition=Q(status=S.PENDING)
            ),
            models.Index(name="approval_subject", fields=["subject_id"]),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def scope(self) -> Scope:
        return Scope(self.merchant_id, self.livemode)

    @transition(status, source=S.PENDING, target=S.APPROVED)
    def approve(self, *, by: str, note: str, now: datetime) -> None:
        """A second person said yes."""
        self._decide(by, note, now)

    @transition(status, source=S.PENDING, target=S.REJECTED)
    def reject(self, *, by: str, note: str, now: datetime) -> None:
        """A second person said no."""
        self._decide(by, note, now)

    @transition(status, source=S.PENDING, target=S.EXPIRED)
    def expire(self, *, now: datetime) -> None:
        """Nobody decided in time."""
        self.decided_at = now

    def _decide(self, by: str, note: str, now: datetime) -> None:
        self.decided_by = by
        self.decided_at = now
        self.note = note
