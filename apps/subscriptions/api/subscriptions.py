"""`/v1/subscriptions`."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from apps.api.fields import (
    BooleanField,
    EnumField,
    IdField,
    IntegerField,
    ListField,
    MetadataField,
    TextField,
)
from apps.api.lists import DEFAULT_LIMIT, ListSchema, list_envelope, list_page
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import Json
from apps.common.errors import InvalidParameter
from apps.common.metadata import merge_metadata, with_metadata
from apps.common.origin import Scope
from apps.common.rows import get_rows
from apps.subscriptions.api.catalog import BillingView
from apps.subscriptions.api.fields import DecimalTextField, MomentField
from apps.subscriptions.api.shapes import SUBSCRIPTION
from apps.subscriptions.models import Discount, Subscription
from apps.subscriptions.objects import render_discount, render_subscription
from apps.subscriptions.policies.proration import ProrationUnit
from apps.subscriptions.selectors import (
    Contract,
    get_row,
    load_contract,
    load_contracts,
    times_of,
)
from apps.subscriptions.services.changes import ContractChange, ItemChange, ProrationBehavior
from apps.subscriptions.services.extras import Extra
from apps.subscriptions.services.subscriptions import (
    MAX_TRIAL,
    NewSubscription,
    PaymentBehavior,
    SubscriptionChange,
    cancel_subscription,
    charge_queued,
    create_subscription,
    resume_subscription,
    start_subscription,
    update_subscription,
)
from apps.subscriptions.states import (
    CollectionMethod,
    Feedback,
    MissingMethodAction,
    PauseBehavior,
    SubscriptionStatus,
)

MAX_QUANTITY = 999_999
PRORATION_BEHAVIORS = [behavior.value for behavior in ProrationBehavior]
MAX_DAYS_UNTIL_DUE = 365


class NewItem(RequestSchema):
    price = IdField("price")
    quantity = IntegerField(required=False, max_value=MAX_QUANTITY)
    metadata = MetadataField()


class ChangedItem(RequestSchema):
    id = IdField("si", required=False)
    price = IdField("price", required=False)
    quantity = IntegerField(required=False, max_value=MAX_QUANTITY)
    deleted = BooleanField(required=False, default=False)
    metadata = MetadataField()


class DiscountData(RequestSchema):
    coupon = TextField(min_length=1, max_length=100)


class EndBehavior(RequestSchema):
    missing_payment_method = EnumField(MissingMethodAction.values)


class TrialSettings(RequestSchema):
    end_behavior = EndBehavior()


class PauseCollection(RequestSchema):
    behavior = EnumField([behavior.value for behavior in PauseBehavior if behavior])
    resumes_at = MomentField(required=False)


class PaymentSettings(RequestSchema):
    """How its invoices are paid; of which kind is the payer's choice among those that there are."""

    save_default_payment_method = EnumField(["off", "on_subscription"], required=False)
    payment_method_types = ListField(EnumField(["card", "sepa_debit"]), required=False)


class CancellationDetails(RequestSchema):
    """Why the customer leaves."""

    comment = TextField(required=False, allow_null=True, max_length=5000)
    feedback = EnumField(Feedback.values, required=False, allow_null=True)


class ExtraItem(RequestSchema):
    price = IdField("price")
    quantity = IntegerField(required=False, default=1, min_value=1, max_value=MAX_QUANTITY)
    metadata = MetadataField()


class _Shared(RequestSchema):
    default_payment_method = IdField("pm", required=False, allow_null=True)
    description = TextField(required=False, allow_null=True, max_length=500)
    metadata = MetadataField()
    collection_method = EnumField(CollectionMethod.values, required=False)
    days_until_due = IntegerField(required=False, max_value=MAX_DAYS_UNTIL_DUE)
    cancel_at_period_end = BooleanField(required=False)
    cancel_at = MomentField(required=False, allow_null=True)
    proration_behavior = EnumField(PRORATION_BEHAVIORS, required=False)
    payment_settings = PaymentSettings(required=False)
    trial_end = MomentField("now", required=False)
    trial_settings = TrialSettings(required=False)
    discounts = ListField(DiscountData(), required=False, max_length=20)
    tax_percent = DecimalTextField(required=False)
    dunning_policy = IdField("dun", required=False, allow_null=True)
    add_invoice_items = ListField(ExtraItem(), required=False, max_length=20)


class CreateSubscription(_Shared):
    customer = IdField("cus")
    items = ListField(NewItem(), max_length=20)
    billing_cycle_anchor = MomentField(required=False)
    trial_period_days = IntegerField(required=False, max_value=MAX_TRIAL.days)
    proration_unit = EnumField([unit.value for unit in ProrationUnit], required=False)
    payment_behavior = EnumField([behavior.value for behavior in PaymentBehavior], required=False)
    # Whether the payer is away while the first invoice is charged.
    off_session = BooleanField(required=False, default=False)


class UpdateSubscription(_Shared):
    items = ListField(ChangedItem(), required=False, max_length=20)
    billing_cycle_anchor = EnumField(["now", "unchanged"], required=False)
    proration_date = MomentField(required=False)
    cancellation_details = CancellationDetails(required=False)
    pause_collection = PauseCollection(required=False, allow_null=True)
    # A change stands whether or not its payment succeeds.
    payment_behavior = EnumField(["allow_incomplete"], required=False)


class CancelSubscription(RequestSchema):
    cancellation_details = CancellationDetails(required=False)
    prorate = BooleanField(required=False, default=False)
    invoice_now = BooleanField(required=False, default=False)


class ResumeSubscription(RequestSchema):
    billing_cycle_anchor = EnumField(["now", "unchanged"], required=False, default="now")


class ListSubscriptions(ListSchema):
    customer = IdField("cus", required=False)
    price = IdField("price", required=False)
    status = EnumField([*SubscriptionStatus.values, "all", "ended"], required=False)
    test_clock = IdField("clock", required=False)


_PLAIN = ("description", "collection_method", "days_until_due", "cancel_at_period_end", "cancel_at")


def _fields(params: dict[str, Any]) -> dict[str, Any]:
    """Return the plain columns that a request sets."""
    fields = {name: params[name] for name in _PLAIN if name in params}
    if fields.get("description", "") is None:
        fields["description"] = ""
    if "default_payment_method" in params:
        fields["default_payment_method_id"] = params["default_payment_method"] or ""
    saving = params.get("payment_settings", {}).get("save_default_payment_method")
    if saving is not None:
        fields["saves_method"] = saving == "on_subscription"
    if "trial_settings" in params:
        behavior = params["trial_settings"]["end_behavior"]
        fields["missing_method_action"] = behavior["missing_payment_method"]
    fields |= _why_left(params)
    for name in ("tax_percent", "proration_unit", "metadata"):
        if name in params:
            fields[name] = params[name]
    return fields


def _why_left(params: dict[str, Any]) -> dict[str, str]:
    details = params.get("cancellation_details", {})
    return {f"cancellation_{name}": text or "" for name, text in details.items()}


def _extras(params: dict[str, Any]) -> tuple[Extra, ...]:
    return tuple(
        Extra(
            price_id=each["price"],
            quantity=each["quantity"],
            metadata=merge_metadata({}, each.get("metadata")),
        )
        for each in params.get("add_invoice_items", [])
    )


def as_changes(items: list[dict[str, Any]]) -> tuple[ItemChange, ...]:
    """Return a request's items as services take them."""
    return tuple(
        ItemChange(
            item_id=item.get("id", ""),
            price_id=item.get("price", ""),
            quantity=item.get("quantity"),
            fields={name: item[name] for name in ("metadata",) if name in item},
            is_deleted=item.get("deleted", False),
        )
        for item in items
    )


def as_contract_change(params: dict[str, Any]) -> ContractChange:
    """Return what a request changes about items and cycle."""
    behavior = params.get("proration_behavior", ProrationBehavior.CREATE_PRORATIONS)
    return ContractChange(
        items=as_changes(params.get("items", [])),
        proration=ProrationBehavior(behavior),
        at=params.get("proration_date"),
        restart_cycle=params.get("billing_cycle_anchor") == "now",
    )


def show(subscription: Subscription) -> Json:
    """Return the subscription as the API shows it."""
    return _render(load_contract(subscription))


def _render(contract: Contract) -> Json:
    """Return the contract's subscription with what is taken off now."""
    subscription = contract.subscription
    now = times_of(subscription.test_clock_id, timezone.now()).now
    valid = [discount for discount in contract.discounts if discount.is_valid_at(now)]
    return render_subscription(subscription, contract.items, valid)


class SubscriptionList(BillingView):
    resource = "subscriptions"
    schemas = {"GET": ListSubscriptions, "POST": CreateSubscription}
    answers = {"GET": ListOf(SUBSCRIPTION), "POST": SUBSCRIPTION}
    transactional_answer = False

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = self.rows(Subscription)
        if "customer" in params:
            rows = rows.filter(customer_id=params["customer"])
        if "price" in params:
            rows = rows.filter(items__price_id=params["price"])
        if "test_clock" in params:
            rows = rows.filter(test_clock_id=params["test_clock"])
        page = list_page(
            _of_status(rows, params.get("status", "")),
            params,
            url="/v1/subscriptions",
            show=lambda row: {"row": row},
        )
        found = load_contracts([entry["row"] for entry in page["data"]])
        page["data"] = [_render(each) for each in found]
        return page

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        now = timezone.now()
        payment = PaymentBehavior(params.get("payment_behavior", "allow_incomplete"))
        known = self.claim.object_id if self.claim else ""
        if known:
            # An earlier run of this request died after it had made the subscription.
            made = start_subscription(
                subscription_id=known,
                payment=payment,
                off_session=params["off_session"],
                origin=self.origin,
                now=now,
            )
        else:
            made = create_subscription(
                scope=self.scope,
                new=_new(params, payment),
                origin=self.origin,
                now=now,
                remember=self.claim.remember if self.claim else None,
            )
        return show(made)


def _of_status(rows: Any, status: str) -> Any:
    ended = [SubscriptionStatus.CANCELED, SubscriptionStatus.INCOMPLETE_EXPIRED]
    if not status:
        return rows.exclude(status=SubscriptionStatus.CANCELED)
    if status == "all":
        return rows
    return rows.filter(status__in=ended if status == "ended" else [status])


def _new(params: dict[str, Any], payment: PaymentBehavior) -> NewSubscription:
    trial_end = params.get("trial_end")
    if trial_end is not None and "trial_period_days" in params:
        raise InvalidParameter(
            "trial_end and trial_period_days exclude each other.", param="trial_end"
        )
    return NewSubscription(
        customer_id=params["customer"],
        items=as_changes(params["items"]),
        extras=_extras(params),
        fields=with_metadata(_fields(params), {}),
        coupons=tuple(discount["coupon"] for discount in params.get("discounts", [])),
        dunning_policy_id=params.get("dunning_policy") or "",
        anchor=params.get("billing_cycle_anchor"),
        trial_days=params.get("trial_period_days"),
        trial_end=None if trial_end == "now" else trial_end,
        proration=ProrationBehavior(params.get("proration_behavior", "create_prorations")),
        payment=payment,
        off_session=params["off_session"],
    )


class SubscriptionView(BillingView):
    """What the views of one subscription share."""

    def go_on(self, subscription_id: str) -> Subscription:
        """Charge what an earlier run of this request left when it died after its change."""
        return charge_queued(
            scope=self.scope,
            subscription_id=subscription_id,
            origin=self.origin,
            now=timezone.now(),
        )


class SubscriptionDetail(SubscriptionView):
    resource = "subscriptions"
    schemas = {"POST": UpdateSubscription, "DELETE": CancelSubscription}
    answers = {"GET": SUBSCRIPTION, "POST": SUBSCRIPTION, "DELETE": SUBSCRIPTION}
    transactional_answer = False

    def get(self, _request: HttpRequest, subscription_id: str) -> Json:
        self.load()
        return show(get_row(Subscription, self.scope, subscription_id))

    def post(self, _request: HttpRequest, subscription_id: str) -> Json:
        change = _change(self.load())
        if self.claim and self.claim.object_id:
            return show(self.go_on(subscription_id))
        updated = update_subscription(
            scope=self.scope,
            subscription_id=subscription_id,
            change=change,
            origin=self.origin,
            now=timezone.now(),
            remember=self.claim.remember if self.claim else None,
        )
        return show(updated)

    def delete(self, _request: HttpRequest, subscription_id: str) -> Json:
        params = self.load()
        canceled = cancel_subscription(
            scope=self.scope,
            subscription_id=subscription_id,
            prorate_rest=params["prorate"],
            invoice_now=params["invoice_now"],
            fields=_why_left(params),
            origin=self.origin,
            now=timezone.now(),
        )
        return show(canceled)


def _change(params: dict[str, Any]) -> SubscriptionChange:
    fields = _fields(params)
    if "pause_collection" in params:
        pause = params["pause_collection"] or {}
        fields["pause_behavior"] = pause.get("behavior", "")
        fields["pause_resumes_at"] = pause.get("resumes_at")
    if "dunning_policy" in params:
        fields["dunning_policy_id"] = params["dunning_policy"]
    trial_end = params.get("trial_end")
    coupons = None
    if "discounts" in params:
        coupons = tuple(discount["coupon"] for discount in params["discounts"])
    return SubscriptionChange(
        contract=as_contract_change(params),
        extras=_extras(params),
        fields=fields,
        trial_end=None if trial_end == "now" else trial_end,
        ends_trial=trial_end == "now",
        coupons=coupons,
    )


class SubscriptionResume(SubscriptionView):
    resource = "subscriptions"
    schemas = {"POST": ResumeSubscription}
    answers = {"POST": SUBSCRIPTION}
    transactional_answer = False

    def post(self, _request: HttpRequest, subscription_id: str) -> Json:
        params = self.load()
        if self.claim and self.claim.object_id:
            return show(self.go_on(subscription_id))
        resumed = resume_subscription(
            scope=self.scope,
            subscription_id=subscription_id,
            keeps_anchor=params["billing_cycle_anchor"] == "unchanged",
            origin=self.origin,
            now=timezone.now(),
            remember=self.claim.remember if self.claim else None,
        )
        return show(resumed)


def load_subscriptions(ids: set[str], scope: Scope) -> dict[str, Json]:
    """Return the subscriptions with these ids, for `expand[]`."""
    rows = get_rows(Subscription.objects, scope, ids)
    return {each.subscription.id: _render(each) for each in load_contracts(list(rows))}


def load_discounts(ids: set[str], scope: Scope) -> dict[str, Json]:
    """Return the discounts with these ids, for `expand[]`."""
    rows = Discount.objects.filter(
        pk__in=ids,
        subscription__merchant_id=scope.merchant_id,
        subscription__livemode=scope.livemode,
    ).select_related("coupon")
    return {row.id: render_discount(row) for row in rows}


def load_subscriptions_of(customer_ids: set[str], scope: Scope) -> dict[str, Json]:
    """Return the running subscriptions of each of these customers as a list, for `expand[]`."""
    rows = Subscription.objects.filter(
        customer_id__in=customer_ids, merchant_id=scope.merchant_id, livemode=scope.livemode
    )
    found: dict[str, list[Json]] = {id_: [] for id_ in customer_ids}
    for each in load_contracts(list(_of_status(rows, "").order_by("-pk"))):
        found[each.subscription.customer_id].append(_render(each))
    return {
        id_: list_envelope(
            subscriptions[:DEFAULT_LIMIT],
            url=f"/v1/subscriptions?customer={id_}",
            has_more=len(subscriptions) > DEFAULT_LIMIT,
        )
        for id_, subscriptions in found.items()
    }
