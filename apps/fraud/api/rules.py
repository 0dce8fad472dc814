"""`/v1/radar/rules`: rules, their versions, and what they would have done."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from apps.api.fields import EnumField, IntegerField, TextField
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import ApiView, Json
from apps.fraud.api.shapes import BACKTEST, RISK_RULE
from apps.fraud.backtest import MAX_DAYS, backtest_expression
from apps.fraud.models import Rule
from apps.fraud.objects import render_rule
from apps.fraud.rules import MAX_LENGTH
from apps.fraud.services.rules import (
    RuleWish,
    create_rule,
    get_rule,
    request_publication,
    restore_rule,
    retire_rule,
    revise_rule,
    shadow_rule,
)
from apps.fraud.states import Action, RuleStatus

_DEFAULT_DAYS = 90


class WriteRule(RequestSchema):
    name = TextField(max_length=200, min_length=1)
    action = EnumField(Action.values)
    expression = TextField(max_length=MAX_LENGTH, min_length=1)
    position = IntegerField(required=False, default=0, max_value=1000)


class ListRules(ListSchema):
    status = EnumField(RuleStatus.values, required=False)


class PublishRule(RequestSchema):
    reason = TextField(required=False, max_length=500)


class BacktestRule(RequestSchema):
    action = EnumField(Action.values)
    expression = TextField(max_length=MAX_LENGTH, min_length=1)
    days = IntegerField(required=False, default=_DEFAULT_DAYS, min_value=1, max_value=MAX_DAYS)


def _wish(params: dict[str, Any]) -> RuleWish:
    return RuleWish(**params)


class RuleView(ApiView):
    resource = "radar"


class RuleList(RuleView):
    schemas = {"GET": ListRules, "POST": WriteRule}
    answers = {"GET": ListOf(RISK_RULE), "POST": RISK_RULE}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = Rule.objects.filter(merchant_id=self.scope.merchant_id, livemode=self.scope.livemode)
        if "status" in params:
            rows = rows.filter(status=params["status"])
        return list_page(rows, params, url="/v1/radar/rules", show=render_rule)

    def post(self, _request: HttpRequest) -> Json:
        rule = create_rule(
            scope=self.scope, wish=_wish(self.load()), origin=self.origin, now=timezone.now()
        )
        return render_rule(rule)


class RuleDetail(RuleView):
    schemas = {"POST": WriteRule}
    answers = {"GET": RISK_RULE, "POST": RISK_RULE}

    def get(self, _request: HttpRequest, rule_id: str) -> Json:
        self.load()
        return render_rule(get_rule(self.scope, rule_id))

    def post(self, _request: HttpRequest, rule_id: str) -> Json:
        """Write the next version; the one in force stays in force."""
        rule = revise_rule(
            scope=self.scope,
            rule_id=rule_id,
            wish=_wish(self.load()),
            origin=self.origin,
            now=timezone.now(),
        )
        return render_rule(rule)


class RuleShadow(RuleView):
    answers = {"POST": RISK_RULE}

    def post(self, _request: HttpRequest, rule_id: str) -> Json:
        self.load()
        return render_rule(shadow_rule(scope=self.scope, rule_id=rule_id))


class RulePublish(RuleView):
    schemas = {"POST": PublishRule}
    answers = {"POST": RISK_RULE}

    def post(self, _request: HttpRequest, rule_id: str) -> Json:
        """Ask a second person; the rule stays what it is until they agree."""
        approval = request_publication(
            scope=self.scope,
            rule_id=rule_id,
            reason=self.load().get("reason", ""),
            origin=self.origin,
            now=timezone.now(),
        )
        return {**render_rule(get_rule(self.scope, rule_id)), "approval": approval.id}


class RuleRetire(RuleView):
    answers = {"POST": RISK_RULE}

    def post(self, _request: HttpRequest, rule_id: str) -> Json:
        self.load()
        return render_rule(retire_rule(scope=self.scope, rule_id=rule_id))


class RuleRestore(RuleView):
    answers = {"POST": RISK_RULE}

    def post(self, _request: HttpRequest, rule_id: str) -> Json:
        self.load()
        return render_rule(restore_rule(scope=self.scope, rule_id=rule_id))


class RuleBacktest(RuleView):
    schemas = {"POST": BacktestRule}
    answers = {"POST": BACKTEST}

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        return backtest_expression(
            scope=self.scope,
            action=params["action"],
            expression=params["expression"],
            days=params["days"],
            now=timezone.now(),
        ).render()
