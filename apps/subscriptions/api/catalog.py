"""`/v1/products`, `/v1/prices`, `/v1/coupons`, `/v1/billing/*`, `/v1/dunning_policies`."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.api.fields import (
    AmountField,
    BooleanField,
    CurrencyField,
    EnumField,
    IdField,
    IntegerField,
    ListField,
    MetadataField,
    TextField,
    TimestampField,
)
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import ApiView, Json
from apps.common.errors import InvalidParameter
from apps.common.ids import new_id
from apps.common.metadata import merge_metadata, with_metadata
from apps.common.origin import Scope
from apps.common.rows import get_rows
from apps.subscriptions.api.fields import DecimalTextField, UpToField, UsagePayloadField
from apps.subscriptions.api.shapes import (
    COUPON,
    DELETED_COUPON,
    DELETED_PRODUCT,
    DUNNING_POLICY,
    METER,
    METER_EVENT,
    PRICE,
    PRODUCT,
)
from apps.subscriptions.models import Coupon, DunningPolicy, Meter, Price, Product
from apps.subscriptions.models.recorded import Recorded
from apps.subscriptions.objects import (
    render_coupon,
    render_dunning_policy,
    render_meter,
    render_price,
    render_product,
)
from apps.subscriptions.policies.dunning import FinalAction
from apps.subscriptions.policies.pricing import Aggregation, TiersMode
from apps.subscriptions.policies.time import IntervalUnit
from apps.subscriptions.selectors import get_coupon, get_row
from apps.subscriptions.services.catalog import (
    change_price,
    change_row,
    check_tiers,
    create_price,
    create_row,
    record_usage,
)
from apps.subscriptions.services.subscriptions import is_redeemable
from apps.subscriptions.states import CouponDuration, UsageType

MAX_INTERVAL_COUNT = 36
MAX_RETRIES = 8
MAX_RETRY_DAY = 60


class BillingView(ApiView):
    """What all views of billing share."""

    def rows(self, model: type[Recorded]) -> QuerySet[Any]:
        """Return the rows of the caller's account and mode which are not deleted."""
        rows = model._base_manager.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        )
        if any(column.name == "deleted_at" for column in model._meta.concrete_fields):
            rows = rows.filter(deleted_at__isnull=True)  # type: ignore[misc]
        return rows

    def create(self, row: Recorded, show: Callable[[Any], Json]) -> Json:
        """Store a new row of the catalogue and answer it."""
        return show(create_row(row, scope=self.scope, origin=self.origin, now=timezone.now()))

    def change(self, row: Recorded, changes: dict[str, Any], show: Callable[[Any], Json]) -> Json:
        """Change a row of the catalogue and answer it."""
        return show(change_row(row, changes, origin=self.origin, now=timezone.now()))

    def delete_row(self, row: Recorded) -> None:
        """Take a row of the catalogue away; what was sold with it stays as it is."""
        now = timezone.now()
        change_row(row, {"deleted_at": now}, origin=self.origin, now=now, verb="deleted")


# --- Products ------------------------------------------------------------------------------------


class Recurring(RequestSchema):
    interval = EnumField([unit.value for unit in IntervalUnit])
    interval_count = IntegerField(
        required=False, default=1, min_value=1, max_value=MAX_INTERVAL_COUNT
    )
    usage_type = EnumField(UsageType.values, required=False, default="licensed")
    meter = IdField("mtr", required=False)


class _ProductFields(RequestSchema):
    description = TextField(required=False, allow_null=True, max_length=1000)
    active = BooleanField(required=False)
    unit_label = TextField(required=False, allow_null=True, max_length=60)
    statement_descriptor = TextField(required=False, allow_null=True, max_length=22)
    metadata = MetadataField()


class DefaultPriceData(RequestSchema):
    currency = CurrencyField()
    unit_amount = AmountField(required=False, min_value=0)
    recurring = Recurring(required=False)


class CreateProduct(_ProductFields):
    name = TextField(min_length=1, max_length=250)
    default_price_data = DefaultPriceData(required=False)


class UpdateProduct(_ProductFields):
    name = TextField(required=False, min_length=1, max_length=250)
    default_price = IdField("price", required=False, allow_null=True)


class ListProducts(ListSchema):
    active = BooleanField(required=False)


class ProductList(BillingView):
    resource = "products"
    schemas = {"GET": ListProducts, "POST": CreateProduct}
    answers = {"GET": ListOf(PRODUCT), "POST": PRODUCT}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = self.rows(Product)
        if "active" in params:
            rows = rows.filter(active=params["active"])
        return list_page(rows, params, url="/v1/products", show=render_product)

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        price_data = params.pop("default_price_data", None)
        product = Product(**with_metadata(_texts(params), {}))
        shown = self.create(product, render_product)
        if price_data is None:
            return shown
        price = _new_price({**price_data, "product": product.id}, product, None)
        self.create(price, render_price)
        return self.change(product, {"default_price_id": price.id}, render_product)


def _texts(params: dict[str, Any]) -> dict[str, Any]:
    columns = {
        name: "" if value is None and name != "metadata" else value
        for name, value in params.items()
    }
    if "default_price" in columns:
        columns["default_price_id"] = columns.pop("default_price")
    return columns


class ProductDetail(BillingView):
    resource = "products"
    schemas = {"POST": UpdateProduct}
    answers = {"GET": PRODUCT, "POST": PRODUCT, "DELETE": DELETED_PRODUCT}

    def get(self, _request: HttpRequest, product_id: str) -> Json:
        self.load()
        return render_product(get_row(Product, self.scope, product_id))

    def post(self, _request: HttpRequest, product_id: str) -> Json:
        product = get_row(Product, self.scope, product_id)
        return self.change(product, _texts(self.load()), render_product)

    def delete(self, _request: HttpRequest, product_id: str) -> Json:
        self.load()
        product = get_row(Product, self.scope, product_id)
        if product.prices.exists():
            raise InvalidParameter("A product with prices cannot be deleted; archive it.")
        self.delete_row(product)
        return {"id": product_id, "object": "product", "deleted": True}


# --- Prices --------------------------------------------------------------------------------------


class TierData(RequestSchema):
    up_to = UpToField()
    unit_amount = AmountField(required=False, min_value=0)
    unit_amount_decimal = DecimalTextField(required=False)
    flat_amount = AmountField(required=False, min_value=0)


class ProductData(RequestSchema):
    name = TextField(min_length=1, max_length=250)
    metadata = MetadataField()
    unit_label = TextField(required=False, max_length=60)
    active = BooleanField(required=False)


class CreatePrice(RequestSchema):
    currency = CurrencyField()
    product = IdField("prod", required=False)
    product_data = ProductData(required=False)
    unit_amount = AmountField(required=False, min_value=0)
    unit_amount_decimal = DecimalTextField(required=False)
    billing_scheme = EnumField(["per_unit", "tiered"], required=False)
    tiers = ListField(TierData(), required=False)
    tiers_mode = EnumField([mode.value for mode in TiersMode], required=False)
    recurring = Recurring(required=False)
    nickname = TextField(required=False, max_length=250)
    lookup_key = TextField(required=False, max_length=200)
    transfer_lookup_key = BooleanField(required=False, default=False)
    active = BooleanField(required=False)
    # Tax comes on top of every price; that is all there is to choose.
    tax_behavior = EnumField(["exclusive"], required=False)
    metadata = MetadataField()


class UpdatePrice(RequestSchema):
    active = BooleanField(required=False)
    nickname = TextField(required=False, allow_null=True, max_length=250)
    lookup_key = TextField(required=False, allow_null=True, max_length=200)
    transfer_lookup_key = BooleanField(required=False, default=False)
    metadata = MetadataField()


class ListPrices(ListSchema):
    active = BooleanField(required=False)
    product = IdField("prod", required=False)
    currency = CurrencyField(required=False)
    type = EnumField(["one_time", "recurring"], required=False)
    lookup_keys = ListField(TextField(max_length=200), required=False, max_length=10)


def _new_price(params: dict[str, Any], product: Product, meter: Meter | None) -> Price:
    recurring = params.get("recurring") or {}
    return Price(
        product=product,
        currency=params["currency"].upper(),
        interval_unit=recurring.get("interval", ""),
        interval_count=recurring.get("interval_count", 1),
        usage_type=recurring.get("usage_type", UsageType.LICENSED),
        meter=meter,
        nickname=params.get("nickname", ""),
        lookup_key=params.get("lookup_key", ""),
        active=params.get("active", True),
        metadata=merge_metadata({}, params.get("metadata", {})),
        **_amounts(params),
    )


def _amounts(params: dict[str, Any]) -> dict[str, Any]:
    if params.get("billing_scheme") == "tiered" or params.get("tiers"):
        if "tiers_mode" not in params:
            raise InvalidParameter("Tiers need a tiers_mode.", param="tiers_mode")
        tiers = check_tiers([_tier(tier) for tier in params.get("tiers", [])])
        return {"tiers": tiers, "tiers_mode": params["tiers_mode"]}
    amount = params.get("unit_amount_decimal", params.get("unit_amount"))
    if amount is None:
        raise InvalidParameter("A price needs unit_amount or tiers.", param="unit_amount")
    return {"unit_amount": Decimal(amount)}


def _tier(tier: dict[str, Any]) -> dict[str, Any]:
    amount = tier.get("unit_amount_decimal", tier.get("unit_amount", 0))
    return {
        "up_to": tier["up_to"],
        "unit_amount": str(amount),
        "flat_amount": tier.get("flat_amount", 0),
    }


class PriceList(BillingView):
    resource = "prices"
    schemas = {"GET": ListPrices, "POST": CreatePrice}
    answers = {"GET": ListOf(PRICE), "POST": PRICE}
    filters: ClassVar[dict[str, str]] = {"active": "active", "product": "product_id"}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = self.rows(Price)
        for name, column in self.filters.items():
            if name in params:
                rows = rows.filter(**{column: params[name]})
        if "currency" in params:
            rows = rows.filter(currency=params["currency"].upper())
        if "type" in params:
            rows = (
                rows.filter(interval_unit="")
                if params["type"] == "one_time"
                else rows.exclude(interval_unit="")
            )
        if params.get("lookup_keys"):
            rows = rows.filter(lookup_key__in=params["lookup_keys"])
        return list_page(rows, params, url="/v1/prices", show=render_price)

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        meter_id = params.get("recurring", {}).get("meter")
        meter = get_row(Meter, self.scope, meter_id, param="recurring") if meter_id else None
        is_metered = params.get("recurring", {}).get("usage_type") == UsageType.METERED
        if is_metered != (meter is not None):
            raise InvalidParameter(
                "A metered price has a meter, and only such a price.", param="recurring[meter]"
            )
        product = self._product(params)
        price = create_price(
            _new_price(params, product, meter),
            takes_key=_takes_key(params),
            scope=self.scope,
            origin=self.origin,
            now=timezone.now(),
        )
        return render_price(price)

    def _product(self, params: dict[str, Any]) -> Product:
        if "product_data" in params:
            data = params["product_data"]
            product = Product(**with_metadata(_texts(data), {}))
            return create_row(product, scope=self.scope, origin=self.origin, now=timezone.now())
        if "product" not in params:
            raise InvalidParameter("A price needs a product.", param="product")
        return get_row(Product, self.scope, params["product"], param="product")


class PriceDetail(BillingView):
    resource = "prices"
    schemas = {"POST": UpdatePrice}
    answers = {"GET": PRICE, "POST": PRICE}

    def get(self, _request: HttpRequest, price_id: str) -> Json:
        self.load()
        return render_price(get_row(Price, self.scope, price_id))

    def post(self, _request: HttpRequest, price_id: str) -> Json:
        price = get_row(Price, self.scope, price_id)
        changes = _texts(self.load())
        takes_key = _takes_key(changes)
        del changes["transfer_lookup_key"]
        changed = change_price(
            price, changes, takes_key=takes_key, origin=self.origin, now=timezone.now()
        )
        return render_price(changed)


def _takes_key(params: Json) -> bool:
    """Return whether the price is to have a key that another price may have now."""
    return bool(params["transfer_lookup_key"] and params.get("lookup_key"))


# --- Coupons -------------------------------------------------------------------------------------


class CreateCoupon(RequestSchema):
    id = TextField(required=False, min_length=1, max_length=100)
    name = TextField(required=False, max_length=40)
    percent_off = DecimalTextField(required=False, least=Decimal("0.01"), most=Decimal(100))
    amount_off = AmountField(required=False)
    currency = CurrencyField(required=False)
    duration = EnumField(CouponDuration.values, required=False, default="once")
    duration_in_months = IntegerField(required=False, min_value=1, max_value=120)
    max_redemptions = IntegerField(required=False, min_value=1)
    redeem_by = TimestampField(required=False)
    metadata = MetadataField()


class UpdateCoupon(RequestSchema):
    name = TextField(required=False, allow_null=True, max_length=40)
    metadata = MetadataField()


def _show_coupon(coupon: Coupon) -> Json:
    return render_coupon(coupon, is_valid=is_redeemable(coupon, timezone.now()))


def _new_coupon(params: dict[str, Any]) -> Coupon:
    if ("percent_off" in params) == ("amount_off" in params):
        raise InvalidParameter("A coupon takes off percent_off or amount_off.", param="percent_off")
    if "amount_off" in params and "currency" not in params:
        raise InvalidParameter("amount_off needs a currency.", param="currency")
    is_repeating = params["duration"] == CouponDuration.REPEATING
    if is_repeating != ("duration_in_months" in params):
        raise InvalidParameter(
            "duration_in_months goes with a repeating coupon.", param="duration_in_months"
        )
    coupon_id = new_id("coupon")
    columns = {**params, "code": params.get("id", coupon_id), "id": coupon_id}
    columns["currency"] = params.get("currency", "").upper()
    columns["metadata"] = merge_metadata({}, params.get("metadata", {}))
    return Coupon(**columns)


class CouponList(BillingView):
    resource = "coupons"
    schemas = {"GET": ListSchema, "POST": CreateCoupon}
    answers = {"GET": ListOf(COUPON), "POST": COUPON}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        for cursor in ("starting_after", "ending_before"):
            if cursor in params:
                params[cursor] = get_coupon(self.scope, params[cursor]).id
        return list_page(self.rows(Coupon), params, url="/v1/coupons", show=_show_coupon)

    def post(self, _request: HttpRequest) -> Json:
        return self.create(_new_coupon(self.load()), _show_coupon)


class CouponDetail(BillingView):
    resource = "coupons"
    schemas = {"POST": UpdateCoupon}
    answers = {"GET": COUPON, "POST": COUPON, "DELETE": DELETED_COUPON}

    def get(self, _request: HttpRequest, code: str) -> Json:
        self.load()
        return _show_coupon(get_coupon(self.scope, code))

    def post(self, _request: HttpRequest, code: str) -> Json:
        coupon = get_coupon(self.scope, code)
        return self.change(coupon, _texts(self.load()), _show_coupon)

    def delete(self, _request: HttpRequest, code: str) -> Json:
        self.load()
        self.delete_row(get_coupon(self.scope, code))
        return {"id": code, "object": "coupon", "deleted": True}


# --- Meters --------------------------------------------------------------------------------------


class Formula(RequestSchema):
    formula = EnumField([how.value for how in Aggregation])


class CreateMeter(RequestSchema):
    display_name = TextField(min_length=1, max_length=250)
    event_name = TextField(min_length=1, max_length=100)
    default_aggregation = Formula()


class CreateMeterEvent(RequestSchema):
    event_name = TextField(min_length=1, max_length=100)
    payload = UsagePayloadField()
    identifier = TextField(required=False, min_length=1, max_length=100)
    timestamp = TimestampField(required=False)


class MeterList(BillingView):
    resource = "billing"
    schemas = {"GET": ListSchema, "POST": CreateMeter}
    answers = {"GET": ListOf(METER), "POST": METER}

    def get(self, _request: HttpRequest) -> Json:
        return list_page(self.rows(Meter), self.load(), url="/v1/billing/meters", show=render_meter)

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        meter = Meter(
            display_name=params["display_name"],
            event_name=params["event_name"],
            aggregation=params["default_aggregation"]["formula"],
        )
        return self.create(meter, render_meter)


class MeterDetail(BillingView):
    resource = "billing"
    answers = {"GET": METER}

    def get(self, _request: HttpRequest, meter_id: str) -> Json:
        self.load()
        return render_meter(get_row(Meter, self.scope, meter_id))


class MeterEventList(BillingView):
    resource = "billing"
    schemas = {"POST": CreateMeterEvent}
    answers = {"POST": METER_EVENT}

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        payload = params["payload"]
        event = record_usage(
            scope=self.scope,
            event_name=params["event_name"],
            customer_id=payload.get("stripe_customer_id", ""),
            value=DecimalTextField().read(payload.get("value"), "payload[value]"),
            identifier=params.get("identifier", ""),
            occurred_at=params.get("timestamp"),
            now=timezone.now(),
        )
        return {
            "object": "billing.meter_event",
            "created": int(event.created_at.timestamp()),
            "event_name": event.event_name,
            "identifier": event.identifier,
            "livemode": event.livemode,
            "payload": payload,
            "timestamp": int(event.occurred_at.timestamp()),
        }


# --- Dunning policies ----------------------------------------------------------------------------


class _PolicyFields(RequestSchema):
    retry_days = ListField(
        IntegerField(min_value=1, max_value=MAX_RETRY_DAY), required=False, max_length=MAX_RETRIES
    )
    final_action = EnumField([action.value for action in FinalAction], required=False)
    local_time = BooleanField(required=False)
    hour_of_day = IntegerField(required=False, allow_null=True, max_value=23)
    grace_days = IntegerField(required=False, max_value=MAX_RETRY_DAY)
    send_emails = BooleanField(required=False)
    is_default = BooleanField(required=False)


class CreatePolicy(_PolicyFields):
    name = TextField(min_length=1, max_length=100)


class UpdatePolicy(_PolicyFields):
    name = TextField(required=False, min_length=1, max_length=100)
    active = BooleanField(required=False)


def _check_days(params: dict[str, Any]) -> dict[str, Any]:
    days = params.get("retry_days", [])
    if days != sorted(set(days)):
        raise InvalidParameter("retry_days rise, each day once.", param="retry_days")
    return params


class PolicyList(BillingView):
    resource = "dunning_policies"
    schemas = {"GET": ListSchema, "POST": CreatePolicy}
    answers = {"GET": ListOf(DUNNING_POLICY), "POST": DUNNING_POLICY}

    def get(self, _request: HttpRequest) -> Json:
        return list_page(
            self.rows(DunningPolicy),
            self.load(),
            url="/v1/dunning_policies",
            show=render_dunning_policy,
        )

    def post(self, _request: HttpRequest) -> Json:
        return self.create(DunningPolicy(**_check_days(self.load())), render_dunning_policy)


class PolicyDetail(BillingView):
    resource = "dunning_policies"
    schemas = {"POST": UpdatePolicy}
    answers = {"GET": DUNNING_POLICY, "POST": DUNNING_POLICY}

    def get(self, _request: HttpRequest, policy_id: str) -> Json:
        self.load()
        return render_dunning_policy(get_row(DunningPolicy, self.scope, policy_id))

    def post(self, _request: HttpRequest, policy_id: str) -> Json:
        policy = get_row(DunningPolicy, self.scope, policy_id)
        return self.change(policy, _check_days(self.load()), render_dunning_policy)


# --- For expand[] --------------------------------------------------------------------------------


def load_products(ids: set[str], scope: Scope) -> dict[str, Json]:
    """Return the products with these ids, also deleted ones: what was sold keeps its name."""
    rows = get_rows(Product.objects, scope, ids)
    return {row.id: render_product(row) for row in rows}


def load_prices(ids: set[str], scope: Scope) -> dict[str, Json]:
    """Return the prices with these ids."""
    rows = get_rows(Price.objects, scope, ids)
    return {row.id: render_price(row) for row in rows}
