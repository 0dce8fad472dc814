"""What a request says of a routing rule."""

from typing import Any, Final

from apps.api.fields import (
    AmountField,
    BooleanField,
    CurrencyField,
    EnumField,
    IdField,
    IntegerField,
    ListField,
    TextField,
)
from apps.api.schemas import RequestSchema
from apps.gateways.routing import Conditions
from apps.gateways.services import MAX_WEIGHT, RoutingWish

MAX_PRIORITY: Final = 10_000
METHOD_TYPES: Final = ("card", "sepa_debit")

_LISTS: Final = ("countries", "brands", "method_types", "sellers")


class ConditionsSchema(RequestSchema):
    currencies = ListField(CurrencyField(), required=False)
    countries = ListField(TextField(min_length=2, max_length=2), required=False)
    brands = ListField(TextField(min_length=1, max_length=20), required=False)
    method_types = ListField(EnumField(METHOD_TYPES), required=False)
    sellers = ListField(IdField("acct"), required=False)
    amount_from = AmountField(required=False, allow_null=True)
    amount_to = AmountField(required=False, allow_null=True)


class WeightSchema(RequestSchema):
    gateway = TextField(min_length=1, max_length=40)
    weight = IntegerField(max_value=MAX_WEIGHT)


class RoutingRuleSchema(RequestSchema):
    name = TextField(min_length=1, max_length=100)
    active = BooleanField(required=False, default=False)
    priority = IntegerField(required=False, default=100, max_value=MAX_PRIORITY)
    conditions = ConditionsSchema(required=False)
    weights = ListField(WeightSchema(), max_length=20)


def read_wish(params: dict[str, Any]) -> RoutingWish:
    """Return the rule that the parameters describe."""
    given = params.get("conditions", {})
    currencies = tuple(each.upper() for each in given.get("currencies", []))
    lists = {name: tuple(given.get(name, [])) for name in _LISTS}
    return RoutingWish(
        name=params["name"],
        is_active=params["active"],
        priority=params["priority"],
        conditions=Conditions(
            currencies=currencies,
            amount_from=given.get("amount_from"),
            amount_to=given.get("amount_to"),
            **lists,
        ),
        weights={each["gateway"]: each["weight"] for each in params["weights"]},
    )
