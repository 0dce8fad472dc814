"""
The rules, lists and model in force, kept in each process's memory.

A process looks at one small row every two seconds and loads again only when its version moved, so
that rules cost a payment no statement.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import connection

from apps.common.origin import Scope
from apps.fraud.default_model import read_default_artifact
from apps.fraud.errors import RuleInvalid
from apps.fraud.models import RiskModel, Rule, ValueList, ValueListItem
from apps.fraud.policies import PRESETS, as_listed
from apps.fraud.rules import ORDER, CompiledRule, compile_expression
from apps.fraud.scoring.trees import TreeModel
from apps.fraud.states import Action, RuleStatus

logger = logging.getLogger(__name__)

# For how long a process may go on with rules that were changed meanwhile.
LOOK_EVERY_SECONDS: Final = 2.0

# More values than this are not loaded; `create_item` refuses them before.
MAX_ITEMS: Final = 50_000


@dataclass(frozen=True, slots=True)
class LoadedList:
    """A list's values, in lower case unless case matters, with the time each expires."""

    item_type: str
    values: Mapping[str, datetime | None]

    def holds(self, value: str, *, now: datetime) -> bool:
        """Return whether the value is on the list and has not expired."""
        key = as_listed(value, self.item_type)
        if not key or key not in self.values:
            return False
        expires_at = self.values[key]
        return expires_at is None or now < expires_at


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """Everything that an assessment of one merchant and mode goes by."""

    version: int
    rules: tuple[CompiledRule, ...] = ()
    lists: Mapping[str, LoadedList] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """
    The model in use; only a champion's score acts.

    `challenger` is the shadow model beside a champion: its score is recorded and nothing else.
    """

    model: TreeModel
    is_champion: bool
    challenger: TreeModel | None = None


class _Memory:
    """What this process knows; replaced as a whole, so that threads never see half of a change."""

    def __init__(self) -> None:
        self.rules: dict[Scope, LoadedRules] = {}
        self.looked_at: dict[Scope, float] = {}
        self.model: LoadedModel | None = None
        # What is loaded: the rows of champion and shadow model, (None, None) for the shipped one.
        self.model_ids: tuple[str | None, str | None] | None = None


_memory = _Memory()


def forget_rules() -> None:
    """Load everything anew at the next assessment; tests begin with this."""
    _memory.__init__()  # type: ignore[misc]  # the same object, as others hold it


_LOOK: Final = """
SELECT
    (SELECT version FROM fraud_ruleset WHERE merchant_id = %s AND livemode = %s),
    (SELECT id FROM fraud_riskmodel WHERE status = 'champion'),
    (SELECT id FROM fraud_riskmodel WHERE status = 'shadow')
"""


def rules_in_force(scope: Scope) -> tuple[LoadedRules, LoadedModel | None]:
    """Return what this merchant's payments are judged by, at most two seconds old."""
    at = time.monotonic()
    known = _memory.rules.get(scope)
    if known is not None and at - _memory.looked_at[scope] < LOOK_EVERY_SECONDS:
        return known, _memory.model
    _memory.looked_at[scope] = at
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, [scope.merchant_id, scope.livemode])
        version, *model_ids = cursor.fetchone()
    if known is None or known.version != (version or 0):
        known = _memory.rules[scope] = _load_rules(scope, version or 0)
    champion_id, shadow_id = model_ids
    if (champion_id, shadow_id) != _memory.model_ids:
        _memory.model = _load_models(champion_id, shadow_id)
        _memory.model_ids = (champion_id, shadow_id)
    return known, _memory.model


def _load_models(champion_id: str | None, shadow_id: str | None) -> LoadedModel | None:
    """Return the champion with its challenger, or else what is only recorded."""
    shadow = _read_model(shadow_id) if shadow_id else None
    if champion_id:
        champion = _read_model(champion_id)
        return LoadedModel(champion, is_champion=True, challenger=shadow) if champion else None
    if shadow_id:
        return LoadedModel(shadow, is_champion=False) if shadow else None
    shipped = _open_model("that is shipped", read_default_artifact)
    return LoadedModel(shipped, is_champion=False) if shipped else None


def _read_model(model_id: str) -> TreeModel | None:
    row = RiskModel.objects.get(pk=model_id)
    return _open_model(row.version, row.read_artifact)


def _open_model(name: str, read: Callable[[], Mapping[str, Any]]) -> TreeModel | None:
    """Return the model; one that cannot be read is missed by every decision and fails none."""
    try:
        return TreeModel(read())
    except (OSError, ValueError) as error:
        logger.error("model %s cannot be used: %s", name, error)  # noqa: TRY400 - no trace
        return None


def _load_rules(scope: Scope, version: int) -> LoadedRules:
    lists = _load_lists(scope)
    rows = Rule.objects.filter(
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        status__in=[RuleStatus.LIVE, RuleStatus.SHADOW],
    )
    compiled = [*_presets(is_live=scope.livemode)]
    for row in sorted(rows, key=lambda row: (row.position, row.id)):
        try:
            program = compile_expression(row.expression, lists=lists)
        except RuleInvalid as error:
            # It was sound when it was saved, so an attribute or a list is gone since.
            logger.error("rule %s is skipped: %s", row.id, error)  # noqa: TRY400 - no trace
            continue
        compiled.append(
            CompiledRule(
                id=row.family,
                version=row.version,
                action=Action(row.action),
                is_live=row.status == RuleStatus.LIVE,
                program=program,
            )
        )
    compiled.sort(key=lambda rule: ORDER[rule.action])
    return LoadedRules(version=version, rules=tuple(compiled), lists=lists)


def _presets(*, is_live: bool) -> list[CompiledRule]:
    return [
        CompiledRule(
            id=name,
            version=1,
            action=action,
            is_live=is_live,
            program=compile_expression(expression, lists=()),
        )
        for name, (action, expression) in PRESETS.items()
    ]


def _load_lists(scope: Scope) -> dict[str, LoadedList]:
    heads = list(ValueList.objects.filter(merchant_id=scope.merchant_id, livemode=scope.livemode))
    values: dict[str, dict[str, datetime | None]] = {head.id: {} for head in heads}
    items = ValueListItem.objects.filter(
        value_list__merchant_id=scope.merchant_id,
        value_list__livemode=scope.livemode,
        waits=False,
    ).values_list("value_list_id", "value", "expires_at")
    types = {head.id: head.item_type for head in heads}
    for list_id, value, expires_at in items[:MAX_ITEMS].iterator(chunk_size=5_000):
        values[list_id][as_listed(value, types[list_id])] = expires_at
    return {head.alias: LoadedList(head.item_type, values[head.id]) for head in heads}
