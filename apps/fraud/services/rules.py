"""Write rules, try them in the shadow, publish them with a second person, and take them back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.db.models import Max

from apps.backoffice.models import Approval
from apps.backoffice.services import request_approval
from apps.common.ids import new_id
from apps.common.origin import Origin, Scope
from apps.common.rows import get_row
from apps.fraud.errors import RuleNotPublishable
from apps.fraud.models import Rule, ValueList
from apps.fraud.rules import compile_expression
from apps.fraud.rulesets import forget_rules
from apps.fraud.states import RuleStatus

# The kind under which a rule waits for a second person, in config/approvals.py.
APPROVAL_KIND: Final = "risk_rule"

S = RuleStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleWish:
    """What a rule is to be; `position` orders rules of the same action."""

    name: str
    action: str
    expression: str
    position: int = 0


def create_rule(*, scope: Scope, wish: RuleWish, origin: Origin, now: datetime) -> Rule:
    """
    Write the first version of a rule, as a draft.

    :raises RuleInvalid: the expression cannot be a rule
    """
    _check(scope, wish.expression)
    rule_id = new_id("rule")
    return Rule.objects.create(
        id=rule_id,
        family=rule_id,
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        name=wish.name,
        action=wish.action,
        expression=wish.expression,
        position=wish.position,
        created_by=origin.actor,
        created_at=now,
    )


def revise_rule(
    *, scope: Scope, rule_id: str, wish: RuleWish, origin: Origin, now: datetime
) -> Rule:
    """
    Write the next version of a rule, as a draft; the version in force stays in force.

    :raises ResourceMissing: no such rule
    :raises RuleInvalid: the expression cannot be a rule
    """
    family = get_rule(scope, rule_id).family
    _check(scope, wish.expression)
    with transaction.atomic():
        # The lock on the first version makes two authors take turns.
        Rule.objects.lock(family)
        newest = Rule.objects.filter(family=family).aggregate(Max("version"))["version__max"]
        return Rule.objects.create(
            family=family,
            version=newest + 1,
            merchant_id=scope.merchant_id,
            livemode=scope.livemode,
            name=wish.name,
            action=wish.action,
            expression=wish.expression,
            position=wish.position,
            created_by=origin.actor,
            created_at=now,
        )


def shadow_rule(*, scope: Scope, rule_id: str) -> Rule:
    """
    Let a draft run without effect: its hits are recorded with each decision.

    :raises ResourceMissing: no such rule
    :raises IllegalTransition: it is no draft
    """
    get_rule(scope, rule_id)
    with transaction.atomic():
        rule = Rule.objects.lock(rule_id)
        rule.shadow()
        rule.save(update_fields=["status"])
        count_up(scope)
    return rule


def request_publication(
    *, scope: Scope, rule_id: str, reason: str = "", origin: Origin, now: datetime
) -> Approval:
    """
    Ask a second person to let the rule act.

    :raises ResourceMissing: no such rule
    :raises RuleNotPublishable: it is live or retired
    :raises ApprovalWaiting: somebody asked before
    """
    rule = get_rule(scope, rule_id)
    if rule.status not in {S.DRAFT, S.SHADOW}:
        raise RuleNotPublishable(rule=rule.id, status=rule.status)
    return request_approval(
        scope=scope,
        kind=APPROVAL_KIND,
        subject_id=rule.id,
        payload={"name": rule.name, "action": rule.action, "expression": rule.expression},
        reason=reason,
        origin=origin,
        now=now,
    )


def publish_rule(*, rule_id: str, by: str, now: datetime) -> Rule:
    """
    Let a rule act from now on, in the place of its earlier version.

    Only the approval of a second person calls this; PostgreSQL refuses the author as publisher.

    :raises RuleNotPublishable: it went live or was retired meanwhile
    """
    with transaction.atomic():
        rule = _lock_family(rule_id)
        if rule.status not in {S.DRAFT, S.SHADOW}:
            raise RuleNotPublishable(rule=rule.id, status=rule.status)
        _retire_live(rule.family)
        rule.publish(by=by, now=now)
        rule.save(update_fields=["status", "published_by", "published_at"])
        count_up(rule.scope)
    return rule


def restore_rule(*, scope: Scope, rule_id: str) -> Rule:
    """
    Roll back: put a version in force again that was live before, at once.

    A second person agreed to it back then, so none is needed when something goes wrong.

    :raises ResourceMissing: no such rule
    :raises RuleNotPublishable: it was never live, or is
    """
    get_rule(scope, rule_id)
    with transaction.atomic():
        rule = _lock_family(rule_id)
        if rule.status != S.RETIRED or rule.published_at is None:
            raise RuleNotPublishable(rule=rule.id, status=rule.status)
        _retire_live(rule.family)
        rule.restore()
        rule.save(update_fields=["status"])
        count_up(scope)
    return rule


def retire_rule(*, scope: Scope, rule_id: str) -> Rule:
    """
    Switch a rule off at once; retiring it again changes nothing.

    :raises ResourceMissing: no such rule
    """
    get_rule(scope, rule_id)
    with transaction.atomic():
        rule = _lock_family(rule_id)
        if rule.status == S.RETIRED:
            return rule
        rule.retire()
        rule.save(update_fields=["status"])
        count_up(scope)
    return rule


def get_rule(scope: Scope, rule_id: str) -> Rule:
    """
    Return the version of a rule.

    :raises ResourceMissing: not of this account and mode
    """
    return get_row(Rule.objects, scope, rule_id, resource="radar.rule", param="id")


def count_up(scope: Scope) -> None:
    """Tell all processes, in the caller's transaction, that rules or lists have changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO fraud_ruleset (merchant_id, livemode, version) VALUES (%s, %s, 1)"
            " ON CONFLICT (merchant_id, livemode)"
            " DO UPDATE SET version = fraud_ruleset.version + 1",
            [scope.merchant_id, scope.livemode],
        )
    # Whoever changed the rules sees the change at once; others within two seconds.
    transaction.on_commit(forget_rules)


def _check(scope: Scope, expression: str) -> None:
    aliases = ValueList.objects.filter(merchant_id=scope.merchant_id, livemode=scope.livemode)
    compile_expression(expression, lists=set(aliases.values_list("alias", flat=True)))


def _lock_family(rule_id: str) -> Rule:
    """Lock the first version, then this one, so that two changes of a rule take turns."""
    family = Rule.objects.values_list("family", flat=True).get(pk=rule_id)
    Rule.objects.lock(family)
    return Rule.objects.lock(rule_id)


def _retire_live(family: str) -> None:
    for live in Rule.objects.select_for_update().filter(family=family, status=S.LIVE):
        live.retire()
        live.save(update_fields=["status"])
