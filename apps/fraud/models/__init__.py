"""Tables of risk."""

from apps.fraud.models.decisions import Check, Decision, Label
from apps.fraud.models.reviews import Review, ReviewCase
from apps.fraud.models.risk_models import Drift, RiskModel
from apps.fraud.models.rules import Rule, RuleSet, ValueList, ValueListItem
from apps.fraud.models.tallies import Tally

__all__ = [
    "Check", "Decision", "Drift", "Label", "Review", "ReviewCase", "RiskModel", "Rule", "RuleSet",
    "Tally", "ValueList", "ValueListItem",
]  # fmt: skip
