"""`/v1/subscription_items`: one item of a subscription at a time."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from apps.api.fields import (
    EnumField,
    IdField,
    IntegerField,
    MetadataField,
    TimestampField,
)
from apps.api.lists import ListSchema
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import Json
from apps.common.errors import InvalidParameter, ResourceMissing
from apps.subscriptions.api.shapes import DELETED_SUBSCRIPTION_ITEM, SUBSCRIPTION_ITEM
from apps.subscriptions.api.subscriptions import (
    MAX_QUANTITY,
    PRORATION_BEHAVIORS,
    SubscriptionView,
    as_contract_change,
    show,
)
from apps.subscriptions.models import Subscription, SubscriptionItem
from apps.subscriptions.objects import render_item
from apps.subscriptions.selectors import get_row
from apps.subscriptions.services.subscriptions import SubscriptionChange, update_subscription


class ListItems(ListSchema):
    subscription = IdField("sub")


class _Proration(RequestSchema):
    proration_behavior = EnumField(PRORATION_BEHAVIORS, required=False)
    proration_date = TimestampField(required=False)


class CreateSubscriptionItem(_Proration):
    subscription = IdField("sub")
    price = IdField("price")
    quantity = IntegerField(required=False, max_value=MAX_QUANTITY)
    metadata = MetadataField()


class UpdateSubscriptionItem(_Proration):
    price = IdField("price", required=False)
    quantity = IntegerField(required=False, max_value=MAX_QUANTITY)
    metadata = MetadataField()


class _ItemView(SubscriptionView):
    resource = "subscriptions"
    transactional_answer = False

    def find(self, item_id: str) -> SubscriptionItem:
        """Return the item, if it is of the caller's account and mode."""
        item = (
            SubscriptionItem.objects.select_related("subscription", "price__product")
            .filter(
                pk=item_id,
                subscription__merchant_id=self.scope.merchant_id,
                subscription__livemode=self.scope.livemode,
            )
            .first()
        )
        if item is None:
            raise ResourceMissing(resource="subscription_item", id=item_id[:60], param="item")
        return item

    def change_item(
        self, subscription_id: str, params: dict[str, Any], item: dict[str, Any]
    ) -> None:
        """Change one item of the subscription, as an update of all of it would."""
        if self.claim and self.claim.object_id:
            self.go_on(subscription_id)
            return
        contract = as_contract_change({**params, "items": [item]})
        update_subscription(
            scope=self.scope,
            subscription_id=subscription_id,
            change=SubscriptionChange(contract=contract),
            origin=self.origin,
            now=timezone.now(),
            remember=self.claim.remember if self.claim else None,
        )


def _shown(item: SubscriptionItem) -> Json:
    return render_item(item, item.subscription)


class ItemList(_ItemView):
    schemas = {"GET": ListItems, "POST": CreateSubscriptionItem}
    answers = {"GET": ListOf(SUBSCRIPTION_ITEM), "POST": SUBSCRIPTION_ITEM}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        row = get_row(Subscription, self.scope, params["subscription"], param="subscription")
        if "starting_after" in params or "ending_before" in params:
            raise InvalidParameter("All items are on one page.", param="starting_after")
        return dict(show(row)["items"])

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        subscription_id = params["subscription"]
        named = ("price", "quantity", "metadata")
        self.change_item(
            subscription_id, params, {name: params[name] for name in named if name in params}
        )
        made = SubscriptionItem.objects.select_related("subscription", "price__product")
        return _shown(made.get(subscription_id=subscription_id, price_id=params["price"]))


class ItemDetail(_ItemView):
    schemas = {"POST": UpdateSubscriptionItem, "DELETE": _Proration}
    answers = {
        "GET": SUBSCRIPTION_ITEM,
        "POST": SUBSCRIPTION_ITEM,
        "DELETE": DELETED_SUBSCRIPTION_ITEM,
    }

    def get(self, _request: HttpRequest, item_id: str) -> Json:
        self.load()
        return _shown(self.find(item_id))

    def post(self, _request: HttpRequest, item_id: str) -> Json:
        params = self.load()
        item = self.find(item_id)
        named = ("price", "quantity", "metadata")
        wanted = {name: params[name] for name in named if name in params}
        self.change_item(item.subscription_id, params, {"id": item_id, **wanted})
        return _shown(self.find(item_id))

    def delete(self, _request: HttpRequest, item_id: str) -> Json:
        params = self.load()
        subscription_id = self.find(item_id).subscription_id
        self.change_item(subscription_id, params, {"id": item_id, "deleted": True})
        return {"id": item_id, "object": "subscription_item", "deleted": True}
