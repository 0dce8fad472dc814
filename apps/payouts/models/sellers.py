"""Whom the platform pays out, and when."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from apps.common.fsm import StatusField, transition
from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.outbox.history import EventSourced
from apps.payouts.policies import BASIS_POINTS, DEFAULT_DELAY_DAYS, DEFAULT_RESERVE_DAYS
from apps.payouts.states import PayoutInterval, SellerStatus


class SellerQuerySet(models.QuerySet["Seller"]):
    def lock(self, pk: str) -> "Seller":
        """Return the seller with its row locked until the transaction ends."""
        return self.select_for_update().get(pk=pk)


class Seller(EventSourced):
    """
    One seller of a merchant; the money is in ledger accounts whose owner is the seller's id.

    `payout_destination` is the gateway's token of the seller's bank account, never its number.
    A share waits `delay_days` before it can be paid out; `reserve_basis_points` of it are then
    held back for `reserve_days`. The platform keeps `fee_basis_points` of the seller's payment
    orders. Refunds and disputes may always take the wallet below zero;
    taking a transfer back may only where `may_go_negative` says so. The row is the fold of its
    events; the payout schedule beside it only drives the clock.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "acct"))
    status = StatusField(default=SellerStatus.ACTIVE, choices=SellerStatus.choices)
    name = models.CharField(max_length=256, blank=True)
    email = models.CharField(max_length=512, blank=True)
    country = models.CharField(max_length=2, blank=True)
    default_currency = models.CharField(max_length=3)
    payout_destination = models.CharField(max_length=255, blank=True)
    delay_days = models.PositiveSmallIntegerField(default=DEFAULT_DELAY_DAYS)
    reserve_basis_points = models.PositiveSmallIntegerField(default=0)
    reserve_days = models.PositiveSmallIntegerField(default=DEFAULT_RESERVE_DAYS)
    fee_basis_points = models.PositiveSmallIntegerField(default=0)
    may_go_negative = models.BooleanField(default=False)
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    objects = models.Manager.from_queryset(SellerQuerySet)()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="seller_rates_are_parts",
                condition=Q(
                    reserve_basis_points__lte=BASIS_POINTS, fee_basis_points__lte=BASIS_POINTS
                ),
            ),
        ]
        permissions = [("suspend_seller", "Stop paying out to a seller, and start again")]
        indexes = [models.Index(name="seller_list", fields=["merchant_id", "livemode", "id"])]

    def __str__(self) -> str:
        return self.id

    @property
    def scope(self) -> Scope:
        return Scope(self.merchant_id, self.livemode)

    @transition(status, source=SellerStatus.ACTIVE, target=SellerStatus.SUSPENDED)
    def suspend(self) -> None:
        """Stop paying out to this seller."""

    @transition(status, source=SellerStatus.SUSPENDED, target=SellerStatus.ACTIVE)
    def resume(self) -> None:
        """Pay out to this seller again."""

    def begin(self, **born: Any) -> None:
        """Start with the terms."""
        for name, value in born.items():
            setattr(self, name, value)

    def update(self, *, status: str = "", **changes: Any) -> None:
        """Change terms, or stop and start paying out."""
        for name, value in changes.items():
            setattr(self, name, value)
        if status:
            self._SWITCHES[status](self)

    _SWITCHES: ClassVar[dict[str, Callable[..., None]]] = {
        SellerStatus.SUSPENDED: suspend,
        SellerStatus.ACTIVE: resume,
    }

    OUTSIDE_HISTORY = frozenset({"id", "merchant_id", "livemode", "created_at"})

    # What the row is born with, besides its identity.
    BORN: ClassVar[tuple[str, ...]] = (
        "name", "email", "country", "default_currency", "payout_destination", "delay_days",
        "reserve_basis_points", "reserve_days", "fee_basis_points", "may_go_negative", "metadata",
    )  # fmt: skip

    ARROWS: ClassVar[dict[str, Callable[..., None]]] = {
        "account.created": begin,
        "account.updated": update,
    }


class PayoutSchedule(models.Model):
    """
    When a seller's wallets are paid out by the clock; `weekday` counts from Monday.

    `minimum_amount` is minor units of the seller's default currency and holds for every payout in
    it; `next_run_at` is empty for manual schedules.
    """

    seller = models.OneToOneField(
        Seller, primary_key=True, on_delete=models.CASCADE, related_name="schedule"
    )
    interval = models.CharField(
        max_length=10, choices=PayoutInterval.choices, default=PayoutInterval.DAILY
    )
    weekday = models.PositiveSmallIntegerField(default=0)
    minimum_amount = models.BigIntegerField(default=1)
    next_run_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="schedule_weekday", condition=Q(weekday__lte=6)),
            models.CheckConstraint(
                name="schedule_minimum_positive", condition=Q(minimum_amount__gt=0)
            ),
        ]
        indexes = [
            models.Index(
                name="schedule_due",
                fields=["next_run_at"],
                condition=Q(next_run_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.interval} {self.seller_id}"
