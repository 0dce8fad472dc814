"""Filters of the review queue; no index answers them, so a page reads a stretch of rows."""

from typing import Any, Final

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest

from apps.backoffice.kit.display import words
from apps.backoffice.kit.filters import RowFilter
from apps.fraud.models import Decision, Rule
from apps.fraud.policies import ELEVATED_SCORE, HIGHEST_SCORE
from apps.fraud.rule_hits import label_of
from apps.fraud.states import Action, Level

# Versions of rules that ask for reviews: far more than anybody chooses from.
_RULES_MAX: Final = 100
_SCORES: Final = {
    Level.HIGHEST: Q(score__gte=HIGHEST_SCORE),
    Level.ELEVATED: Q(score__gte=ELEVATED_SCORE, score__lt=HIGHEST_SCORE),
    Level.NORMAL: Q(score__lt=ELEVATED_SCORE),
    Level.NOT_ASSESSED: Q(score=None),
}


class ScoreFilter(RowFilter):
    """How suspicious the model found the payment."""

    title = "score"
    parameter_name = "level"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        bounds = {Level.HIGHEST: f"≥ {HIGHEST_SCORE}", Level.ELEVATED: f"≥ {ELEVATED_SCORE}"}
        return [
            (str(level), f"{words(level)} {bounds.get(level, '')}".strip()) for level in _SCORES
        ]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the reviews of the level that was chosen; something else chooses nothing."""
        chosen = next((each for each in _SCORES if each == self.value()), None)
        return queryset if chosen is None else queryset.filter(_SCORES[chosen])


class RuleFilter(RowFilter):
    """Which rule asked for the review; all versions of a rule count as one."""

    title = "rule"
    parameter_name = "rule"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the rules that may have asked."""
        asking = Rule.objects.filter(action=Action.REVIEW, published_at__isnull=False)
        # The newest version gives the name.
        names: dict[str, str] = {}
        for rule in asking.only("family", "name").order_by("-pk")[:_RULES_MAX]:
            names.setdefault(rule.family, rule.name)
        return list(names.items())

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the reviews that the rule asked for; something else chooses nothing."""
        chosen = self.value()
        if chosen not in dict(self.lookup_choices):
            return queryset
        versions = Rule.objects.filter(family=chosen).only("family", "version")
        met = Q(pk__in=[])
        for rule in versions:
            met |= Q(matched_rules__contains=[label_of(rule)])
        decisions = Decision.objects.filter(met, pk=OuterRef("decision_id"))
        return queryset.filter(Exists(decisions))
