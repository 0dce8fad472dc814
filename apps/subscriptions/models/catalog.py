"""What is sold: products, their prices, coupons, and the meters that usage is counted by."""

from decimal import Decimal
from functools import partial
from typing import Any

from django.db import models
from django.db.models import Q

from apps.common.ids import new_id
from apps.subscriptions.models.recorded import Recorded
from apps.subscriptions.policies.pricing import Aggregation, PriceTerms, Tier, TiersMode
from apps.subscriptions.policies.time import Interval, IntervalUnit
from apps.subscriptions.states import CouponDuration, UsageType


class Product(Recorded):
    """Something a merchant sells."""

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "prod")
    )
    name = models.CharField(max_length=250)
    description = models.CharField(max_length=1000, blank=True)
    active = models.BooleanField(default=True)
    unit_label = models.CharField(max_length=60, blank=True)
    statement_descriptor = models.CharField(max_length=22, blank=True)
    default_price_id = models.CharField(max_length=40, blank=True)
    metadata = models.JSONField(default=dict)
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(name="product_list", fields=["merchant_id", "livemode", "id"])]

    def __str__(self) -> str:
        return self.name


class Meter(Recorded):
    """Counts the usage that events of one name report."""

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "mtr")
    )
    display_name = models.CharField(max_length=250)
    event_name = models.CharField(max_length=100)
    aggregation = models.CharField(
        max_length=10, choices=[(how.value, how.value) for how in Aggregation]
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_meter_per_event_name", fields=["merchant_id", "livemode", "event_name"]
            )
        ]

    def __str__(self) -> str:
        return self.display_name


class Price(Recorded):
    """
    What one product costs; never changed but for its names, so that old invoices stay true.

    `unit_amount` is minor units of `currency` (upper case), with up to twelve decimals; tiers are
    a list of `{"up_to", "unit_amount", "flat_amount"}`, the last without `up_to`.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "price")
    )
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="prices")
    currency = models.CharField(max_length=3)
    unit_amount = models.DecimalField(max_digits=24, decimal_places=12, null=True)
    tiers = models.JSONField(default=list)
    tiers_mode = models.CharField(max_length=10, blank=True)
    interval_unit = models.CharField(max_length=5, blank=True)
    interval_count = models.PositiveSmallIntegerField(default=1)
    usage_type = models.CharField(
        max_length=10, choices=UsageType.choices, default=UsageType.LICENSED
    )
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, null=True, related_name="prices")
    nickname = models.CharField(max_length=250, blank=True)
    lookup_key = models.CharField(max_length=200, blank=True)
    active = models.BooleanField(default=True)
    metadata = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="price_is_flat_or_tiered",
                condition=Q(unit_amount__gte=0, tiers_mode="")
                | Q(unit_amount__isnull=True, tiers_mode__in=["volume", "graduated"]),
            ),
            models.CheckConstraint(
                name="price_metered_has_meter",
                condition=~Q(usage_type=UsageType.METERED) | Q(meter__isnull=False),
            ),
            models.UniqueConstraint(
                name="price_lookup_key",
                fields=["merchant_id", "livemode", "lookup_key"],
                condition=~Q(lookup_key=""),
            ),
        ]
        indexes = [models.Index(name="price_list", fields=["merchant_id", "livemode", "id"])]

    def __str__(self) -> str:
        return self.nickname or self.id

    @property
    def is_recurring(self) -> bool:
        return self.interval_unit != ""

    @property
    def is_metered(self) -> bool:
        return self.usage_type == UsageType.METERED

    @property
    def interval(self) -> Interval:
        """How long a period of this price is."""
        return Interval(IntervalUnit(self.interval_unit), self.interval_count)

    @property
    def terms(self) -> PriceTerms:
        """How quantities become amounts."""
        if not self.tiers_mode:
            return PriceTerms(unit_amount=self.unit_amount or Decimal(0))
        return PriceTerms(
            tiers=tuple(_tier(tier) for tier in self.tiers), tiers_mode=TiersMode(self.tiers_mode)
        )


def _tier(tier: dict[str, Any]) -> Tier:
    return Tier(tier["up_to"], Decimal(tier["unit_amount"]), tier["flat_amount"])


class Coupon(Recorded):
    """
    Something off, for one invoice, some months or for good.

    The merchant may choose the `code` under which the API shows it.
    """

    id = models.CharField(
        primary_key=True, max_length=40, db_collation="C", default=partial(new_id, "coupon")
    )
    code = models.CharField(max_length=100)
    name = models.CharField(max_length=40, blank=True)
    percent_off = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    amount_off = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, blank=True)
    duration = models.CharField(max_length=10, choices=CouponDuration.choices)
    duration_in_months = models.PositiveSmallIntegerField(null=True)
    max_redemptions = models.PositiveIntegerField(null=True)
    times_redeemed = models.PositiveIntegerField(default=0)
    redeem_by = models.DateTimeField(null=True)
    metadata = models.JSONField(default=dict)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="coupon_takes_off_one_way",
                condition=Q(percent_off__gt=0, percent_off__lte=100, amount_off__isnull=True)
                | Q(percent_off__isnull=True, amount_off__gt=0),
            ),
            models.UniqueConstraint(
                name="coupon_code",
                fields=["merchant_id", "livemode", "code"],
                condition=Q(deleted_at__isnull=True),
            ),
            models.CheckConstraint(
                name="coupon_redemptions",
                condition=Q(max_redemptions__isnull=True)
                | Q(times_redeemed__lte=models.F("max_redemptions")),
            ),
        ]
        indexes = [models.Index(name="coupon_list", fields=["merchant_id", "livemode", "id"])]

    def __str__(self) -> str:
        return self.name or self.id


class MeterEvent(models.Model):
    """One report of usage; its identifier makes reporting it twice count once."""

    id = models.BigAutoField(primary_key=True)
    merchant_id = models.CharField(max_length=40)
    livemode = models.BooleanField()
    identifier = models.CharField(max_length=100)
    event_name = models.CharField(max_length=100)
    customer_id = models.CharField(max_length=40)
    value = models.DecimalField(max_digits=30, decimal_places=12)
    occurred_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="meter_event_once", fields=["merchant_id", "livemode", "identifier"]
            )
        ]
        indexes = [
            models.Index(
                name="meter_event_usage", fields=["customer_id", "event_name", "occurred_at", "id"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.event_name} {self.value}"
