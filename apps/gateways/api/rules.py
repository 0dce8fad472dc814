"""`/v1/routing`: the rules by which payments find their gateway, and how others would have done."""

from django.http import HttpRequest
from django.utils import timezone

from apps.api.fields import BooleanField, IdField, IntegerField, ListField
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import ApiView, Json
from apps.gateways.api.schemas import RoutingRuleSchema, read_wish
from apps.gateways.api.shapes import ROUTING_RULE, ROUTING_SIMULATION
from apps.gateways.models import RoutingRule
from apps.gateways.objects import render_routing_rule
from apps.gateways.services import change_routing_rule, create_routing_rule, get_routing_rule
from apps.gateways.simulation import MAX_PAYMENTS, simulate_routing

_DEFAULT_PAYMENTS = 1_000
_MAX_CANDIDATES = 50


class ListRoutingRules(ListSchema):
    active = BooleanField(required=False)


class SimulateRouting(RequestSchema):
    rules = ListField(RoutingRuleSchema(), max_length=_MAX_CANDIDATES)
    replaces = IdField("rrl", required=False, default="")
    last = IntegerField(
        required=False, default=_DEFAULT_PAYMENTS, min_value=1, max_value=MAX_PAYMENTS
    )


class RoutingView(ApiView):
    resource = "routing"


class RoutingRuleList(RoutingView):
    schemas = {"GET": ListRoutingRules, "POST": RoutingRuleSchema}
    answers = {"GET": ListOf(ROUTING_RULE), "POST": ROUTING_RULE}

    def get(self, _request: HttpRequest) -> Json:
        """Return the rules, newest first; they are asked in the order of their priority."""
        params = self.load()
        rows = RoutingRule.objects.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        )
        if "active" in params:
            rows = rows.filter(is_active=params["active"])
        return list_page(rows, params, url="/v1/routing/rules", show=render_routing_rule)

    def post(self, _request: HttpRequest) -> Json:
        rule = create_routing_rule(
            scope=self.scope, wish=read_wish(self.load()), origin=self.origin, now=timezone.now()
        )
        return render_routing_rule(rule)


class RoutingRuleDetail(RoutingView):
    schemas = {"POST": RoutingRuleSchema}
    answers = {"GET": ROUTING_RULE, "POST": ROUTING_RULE}

    def get(self, _request: HttpRequest, rule_id: str) -> Json:
        self.load()
        return render_routing_rule(get_routing_rule(self.scope, rule_id))

    def post(self, _request: HttpRequest, rule_id: str) -> Json:
        """Write the rule anew, as its next version."""
        rule = change_routing_rule(
            scope=self.scope, rule_id=rule_id, wish=read_wish(self.load()), origin=self.origin
        )
        return render_routing_rule(rule)


class RoutingSimulation(RoutingView):
    schemas = {"POST": SimulateRouting}
    answers = {"POST": ROUTING_SIMULATION}

    def post(self, _request: HttpRequest) -> Json:
        """Replay the latest payments; nothing of it is kept."""
        params = self.load()
        replay = simulate_routing(
            scope=self.scope,
            wishes=[read_wish(each) for each in params["rules"]],
            replaces=params["replaces"],
            last=params["last"],
        )
        return replay.render()
