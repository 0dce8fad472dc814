"""What a seller gets, and what is taken back of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from apps.common.fsm import StatusField, transition
from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.outbox.history import EventSourced
from apps.payouts.models.sellers import Seller
from apps.payouts.policies import Split
from apps.payouts.states import TransferStatus

T = TransferStatus


class TransferQuerySet(models.QuerySet["Transfer"]):
    def lock(self, pk: str) -> "Transfer":
        """Return the transfer with its row locked until the transaction ends."""
        return self.select_for_update().get(pk=pk)


class Transfer(EventSourced):
    """
    Money that belongs to a seller now; `amount` is minor units of `currency` (upper case).

    With `from_capture` it is the seller's share of a payment, booked by the capture itself and
    pending for the seller's delay; `fee_amount` is what the platform kept of the same payment.
    Without, somebody transferred it, and it is available at once. `due_at` is when a sweep looks
    at it again: to make it available, then to give its reserve back. `amount_reversed` can exceed
    `amount` by the fee, where the platform keeps its fee and the seller bears it
    (docs/adr/0016-who-bears-a-refund-of-a-split-payment.md).

    The row is the fold of its events, but for `due_at`, which only drives the sweep.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "tr"))
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="transfers")
    status = StatusField(default=T.PENDING, choices=T.choices)
    amount = models.BigIntegerField()
    amount_reversed = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    from_capture = models.BooleanField(default=False)
    fee_amount = models.BigIntegerField(default=0)
    fee_returned = models.BigIntegerField(default=0)
    reserve_amount = models.BigIntegerField(default=0)
    source_transaction = models.CharField(max_length=40, blank=True)
    transfer_group = models.CharField(max_length=255, blank=True)
    description = models.CharField(max_length=1000, blank=True)
    metadata = models.JSONField(default=dict)
    due_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    objects = models.Manager.from_queryset(TransferQuerySet)()

    class Meta:
        constraints = [
            models.CheckConstraint(name="transfer_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="transfer_reversed_within_amount",
                condition=Q(amount_reversed__gte=0)
                & Q(amount_reversed__lte=F("amount") + F("fee_amount") - F("fee_returned")),
            ),
            models.CheckConstraint(
                name="transfer_fee_returned_within_fee",
                condition=Q(fee_returned__gte=0, fee_returned__lte=F("fee_amount")),
            ),
            models.CheckConstraint(
                name="transfer_reserve_within_amount",
                condition=Q(reserve_amount__gte=0, reserve_amount__lte=F("amount")),
            ),
            models.CheckConstraint(
                name="transfer_reversed_means_all",
                condition=~Q(status=T.REVERSED) | Q(amount_reversed__gte=F("amount")),
            ),
            models.UniqueConstraint(
                name="one_share_per_charge",
                fields=["source_transaction"],
                condition=Q(from_capture=True),
            ),
        ]
        indexes = [
            models.Index(name="transfer_list", fields=["merchant_id", "livemode", "id"]),
            models.Index(name="transfer_seller", fields=["seller", "id"]),
            models.Index(
                name="transfer_source",
                fields=["source_transaction"],
                condition=~Q(source_transaction=""),
            ),
            models.Index(name="transfer_due", fields=["due_at"], condition=Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def scope(self) -> Scope:
        return Scope(self.merchant_id, self.livemode)

    @property
    def available_at(self) -> datetime:
        """When a pending share becomes available, as the seller's delay is now."""
        return self.created_at + timedelta(days=self.seller.delay_days)

    @property
    def amount_reversible(self) -> int:
        return max(self.amount - self.amount_reversed, 0)

    def left_of(self, payment_left: int, *, returns_fee: bool) -> Split:
        """
        Return what the seller, the platform's fee and the rest still have of `payment_left`.

        Where the platform keeps its fee, the seller stands in for it.
        """
        fee = self.fee_amount - self.fee_returned
        share = self.amount - self.amount_reversed
        if not returns_fee:
            share, fee = share + fee, 0
        share = min(share, payment_left)
        fee = min(fee, payment_left - share)
        return Split(share=share, fee=fee, rest=payment_left - share - fee)

    def begin(self, **born: Any) -> None:
        """Start with what the seller gets; money apart from any capture is there at once."""
        for name, value in born.items():
            setattr(self, name, value)
        if not self.from_capture:
            self.become_available(reserve=self.reserve_amount)

    @transition(status, source=[T.PENDING], target=T.AVAILABLE)
    def become_available(self, *, reserve: int) -> None:
        """The share can be paid out now, but for `reserve`."""
        self.reserve_amount = reserve

    @transition(status, source=[T.AVAILABLE, T.REVERSED], target=T.REVERSED)
    def reverse_in_full(self) -> None:
        """All of it is taken back."""

    @transition(status, source=[T.REVERSED], target=T.AVAILABLE)
    def restore(self) -> None:
        """Part of what was taken back is the seller's again: the refund failed."""

    def take_back(self, *, amount: int, fee: int = 0) -> None:
        """Count what is taken back of the transfer and of the platform's fee."""
        self.amount_reversed += amount
        self.fee_returned += fee
        self._look_whether_all_is_reversed()

    def update(self, *, metadata: dict[str, str] | None = None, **moved: int) -> None:
        """
        Change what the caller may change, release the share, or undo `take_back`.

        The three look alike from outside, so they share an event type: `reserve` tells a release,
        `amount` and `fee` what is given again.
        """
        if metadata is not None:
            self.metadata = metadata
        if "reserve" in moved:
            self.become_available(reserve=moved["reserve"])
            self._look_whether_all_is_reversed()
        if "amount" in moved:
            self._give_again(moved["amount"], fee=moved["fee"])

    def _give_again(self, amount: int, *, fee: int) -> None:
        self.amount_reversed -= amount
        self.fee_returned -= fee
        if self.status == T.REVERSED and self.amount_reversed < self.amount:
            self.restore()

    def _look_whether_all_is_reversed(self) -> None:
        if self.status == T.AVAILABLE and self.amount_reversed >= self.amount:
            self.reverse_in_full()

    OUTSIDE_HISTORY = frozenset(
        {"id", "merchant_id", "livemode", "seller_id", "created_at", "due_at"}
    )

    # What the row is born with, besides its identity.
    BORN: ClassVar[tuple[str, ...]] = (
        "amount", "currency", "from_capture", "fee_amount", "reserve_amount",
        "source_transaction", "transfer_group", "description", "metadata",
    )  # fmt: skip

    ARROWS: ClassVar[dict[str, Callable[..., None]]] = {
        "transfer.created": begin,
        "transfer.reversed": take_back,
        "transfer.updated": update,
    }

    def born(self) -> dict[str, Any]:
        """Return what the row began with, as its first event keeps it."""
        return {name: getattr(self, name) for name in self.BORN}


class TransferReversal(models.Model):
    """
    Part of a transfer taken back, by somebody's wish or with a refund or lost dispute.

    `source` is the refund or dispute which caused it; `undone_at` tells that its cause went away.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "trr"))
    transfer = models.ForeignKey(Transfer, on_delete=models.PROTECT, related_name="reversals")
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    amount = models.BigIntegerField()
    fee_amount = models.BigIntegerField(default=0)
    source = models.CharField(max_length=40, blank=True)
    description = models.CharField(max_length=1000, blank=True)
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="reversal_amounts_not_negative",
                condition=Q(amount__gte=0, fee_amount__gte=0),
            ),
            models.UniqueConstraint(
                name="one_reversal_per_source",
                fields=["source"],
                condition=~Q(source=""),
            ),
        ]

    def __str__(self) -> str:
        return self.id
