"""`/v1/radar/value_lists` and `/v1/radar/value_list_items`."""

from django.http import HttpRequest
from django.utils import timezone

from apps.api.fields import (
    EnumField,
    IdField,
    MetadataField,
    TextField,
    TimestampField,
)
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import ApiView, Json
from apps.common.errors import InvalidParameter
from apps.common.metadata import merge_metadata
from apps.fraud.api.shapes import (
    DELETED_VALUE_LIST,
    DELETED_VALUE_LIST_ITEM,
    VALUE_LIST,
    VALUE_LIST_ITEM,
)
from apps.fraud.models import ValueList, ValueListItem
from apps.fraud.objects import render_item, render_list
from apps.fraud.services.lists import (
    create_item,
    create_list,
    delete_item,
    delete_list,
    get_item,
    get_list,
    update_list,
)
from apps.fraud.states import ItemType

# As many of its values are shown with a list.
_SHOWN_ITEMS = 10


class CreateList(RequestSchema):
    alias = TextField(max_length=100, min_length=1)
    name = TextField(max_length=100, min_length=1)
    item_type = EnumField(ItemType.values, required=False, default=ItemType.STRING)
    metadata = MetadataField()


class UpdateList(RequestSchema):
    name = TextField(required=False, max_length=100, min_length=1)
    metadata = MetadataField()


class ListLists(ListSchema):
    alias = TextField(required=False, max_length=100)
    contains = TextField(required=False, max_length=800)


class CreateValueListItem(RequestSchema):
    value_list = IdField("rsl")
    value = TextField(max_length=800, min_length=1)
    reason = TextField(required=False, max_length=500)
    expires_at = TimestampField(required=False)


class ListItems(ListSchema):
    value_list = IdField("rsl")
    value = TextField(required=False, max_length=800)


def show_list(value_list: ValueList) -> Json:
    """Return the list with the newest of its values."""
    items = list(value_list.items.filter(waits=False).order_by("-pk")[: _SHOWN_ITEMS + 1])
    shown: Json = render_list(
        value_list,
        items=[render_item(item, livemode=value_list.livemode) for item in items[:_SHOWN_ITEMS]],
        has_more=len(items) > _SHOWN_ITEMS,
    )
    return shown


class RadarView(ApiView):
    resource = "radar"


class ValueLists(RadarView):
    schemas = {"GET": ListLists, "POST": CreateList}
    answers = {"GET": ListOf(VALUE_LIST), "POST": VALUE_LIST}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = ValueList.objects.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        )
        if "alias" in params:
            rows = rows.filter(alias=params["alias"])
        if "contains" in params:
            rows = rows.filter(
                items__value__contains=params["contains"], items__waits=False
            ).distinct()
        return list_page(rows, params, url="/v1/radar/value_lists", show=show_list)

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        alias = params["alias"]
        if not (alias.isascii() and alias.replace("_", "").isalnum() and alias == alias.lower()):
            raise InvalidParameter(
                "alias has lower-case letters, digits and underscores.", param="alias"
            )
        created = create_list(
            scope=self.scope,
            alias=alias,
            name=params["name"],
            item_type=params["item_type"],
            metadata=merge_metadata({}, params.get("metadata")),
            origin=self.origin,
            now=timezone.now(),
        )
        return show_list(created)


class ValueListDetail(RadarView):
    schemas = {"POST": UpdateList}
    answers = {"GET": VALUE_LIST, "POST": VALUE_LIST, "DELETE": DELETED_VALUE_LIST}

    def get(self, _request: HttpRequest, list_id: str) -> Json:
        self.load()
        return show_list(get_list(self.scope, list_id))

    def post(self, _request: HttpRequest, list_id: str) -> Json:
        return show_list(update_list(scope=self.scope, list_id=list_id, changes=self.load()))

    def delete(self, _request: HttpRequest, list_id: str) -> Json:
        self.load()
        delete_list(scope=self.scope, list_id=list_id)
        return {"id": list_id, "object": "radar.value_list", "deleted": True}


class ValueListItems(RadarView):
    schemas = {"GET": ListItems, "POST": CreateValueListItem}
    answers = {"GET": ListOf(VALUE_LIST_ITEM), "POST": VALUE_LIST_ITEM}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        value_list = get_list(self.scope, params["value_list"], param="value_list")
        rows = ValueListItem.objects.filter(value_list=value_list, waits=False)
        if "value" in params:
            rows = rows.filter(value=params["value"])
        return list_page(
            rows,
            params,
            url="/v1/radar/value_list_items",
            show=lambda item: render_item(item, livemode=self.scope.livemode),
        )

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        item = create_item(
            scope=self.scope,
            list_id=params["value_list"],
            value=params["value"],
            reason=params.get("reason", ""),
            expires_at=params.get("expires_at"),
            origin=self.origin,
            now=timezone.now(),
        )
        return render_item(item, livemode=self.scope.livemode)


class ValueListItemDetail(RadarView):
    answers = {"GET": VALUE_LIST_ITEM, "DELETE": DELETED_VALUE_LIST_ITEM}

    def get(self, _request: HttpRequest, item_id: str) -> Json:
        self.load()
        return render_item(get_item(self.scope, item_id), livemode=self.scope.livemode)

    def delete(self, _request: HttpRequest, item_id: str) -> Json:
        self.load()
        delete_item(scope=self.scope, item_id=item_id)
        return {"id": item_id, "object": "radar.value_list_item", "deleted": True}
