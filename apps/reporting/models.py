"""Figures by the hour, so that no screen and no report reads millions of rows; and forecasts."""

from functools import partial
from typing import Final

from django.db import models
from django.db.models import F, Q

from apps.common.ids import new_id

# The report that is made of a whole month, and frozen with it.
MONTH_CLOSE: Final = "books.month_close.1"
# What reports count besides money and attempts.
COUNTED_EVENTS: Final = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "dunning.attempt_scheduled",
    "dunning.exhausted",
    "invoice.paid",
    "invoice.payment_failed",
    "payment_intent.rerouted",
    "refund.created",
    "refund.failed",
    "review.opened",
)


class HourOfBooks(models.Model):
    """
    What the ledger booked in one hour, by kind of entry and account.

    `amount` is debits minus credits in minor units. Accounts of gateways keep their owner, those of
    sellers and customers are taken together.
    """

    id = models.BigAutoField(primary_key=True)
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    hour = models.DateTimeField()
    kind = models.CharField(max_length=40)
    account = models.CharField(max_length=40)
    gateway = models.CharField(max_length=40, blank=True)
    currency = models.CharField(max_length=3)
    entries = models.PositiveIntegerField()
    amount = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="hour_of_books",
                fields=[
                    "merchant_id",
                    "livemode",
                    "hour",
                    "kind",
                    "account",
                    "gateway",
                    "currency",
                ],
            )
        ]
        indexes = [models.Index(name="hour_of_books_time", fields=["hour"])]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.kind} {self.account} {self.currency}"


class HourOfAttempts(models.Model):
    """What became of the attempts that began in one hour; amounts are minor units."""

    id = models.BigAutoField(primary_key=True)
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    hour = models.DateTimeField()
    gateway = models.CharField(max_length=40)
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=30)
    error_class = models.CharField(max_length=30, blank=True)
    attempts = models.PositiveIntegerField()
    amount = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="hour_of_attempts",
                fields=[
                    "merchant_id",
                    "livemode",
                    "hour",
                    "gateway",
                    "currency",
                    "status",
                    "error_class",
                ],
            )
        ]
        indexes = [models.Index(name="hour_of_attempts_time", fields=["hour"])]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.gateway} {self.status}"


class HourOfEvents(models.Model):
    """How often each of the events that reports count happened in one hour."""

    id = models.BigAutoField(primary_key=True)
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    hour = models.DateTimeField()
    type = models.CharField(max_length=60)
    events = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="hour_of_events", fields=["merchant_id", "livemode", "hour", "type"]
            )
        ]
        indexes = [models.Index(name="hour_of_events_time", fields=["hour"])]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.type}"


class RollUp(models.Model):
    """How far the figures are: one row, which is also the lock of those who make them."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    rolled_at = models.DateTimeField(null=True)
    looked_back_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(name="one_roll_up", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"figures of {self.rolled_at}"


class ReportRun(models.Model):
    """
    A report as it was made once: its file stays as it is, with its digest. Never changed.

    A month's pack is a draft until the month is closed, and then made once in each format.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "frr"))
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    report_type = models.CharField(max_length=60)
    since = models.DateTimeField()
    until = models.DateTimeField()
    currency = models.CharField(max_length=3, blank=True)
    file_format = models.CharField(max_length=4, default="csv")
    is_draft = models.BooleanField(default=False)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    rows = models.PositiveIntegerField()
    requested_by = models.CharField(max_length=300)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="report_interval", condition=Q(since__lt=F("until"))),
            models.UniqueConstraint(
                name="month_pack_frozen_once",
                fields=["merchant_id", "livemode", "since", "currency", "file_format"],
                condition=Q(report_type=MONTH_CLOSE, is_draft=False),
            ),
        ]
        indexes = [models.Index(name="report_run_list", fields=["merchant_id", "livemode", "id"])]

    def __str__(self) -> str:
        return f"{self.report_type} {self.id}"

    @property
    def file_name(self) -> str:
        """Return the name under which it is saved."""
        draft = "-draft" if self.is_draft else ""
        return f"{self.report_type}-{self.since:%Y%m%d}{draft}.{self.file_format}"


class Forecast(models.Model):
    """
    What a gateway would pay out on a day, as it was expected on another. Never changed.

    `known` is the part that was booked already; `low` and `high` are the tenth and ninetieth
    percentile. Minor units.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "fc"))
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    gateway = models.CharField(max_length=40)
    currency = models.CharField(max_length=3)
    made_on = models.DateField()
    arrives_on = models.DateField()
    known = models.BigIntegerField()
    expected = models.BigIntegerField()
    low = models.BigIntegerField()
    high = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="forecast_once",
                fields=[
                    "merchant_id",
                    "livemode",
                    "gateway",
                    "currency",
                    "made_on",
                    "arrives_on",
                ],
            ),
            models.CheckConstraint(
                name="forecast_band", condition=Q(low__lte=F("expected"), expected__lte=F("high"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.gateway} {self.arrives_on} {self.expected} {self.currency}"
