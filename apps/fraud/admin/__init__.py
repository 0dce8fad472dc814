"""Risk in the back-office: the review queue, and the rules and lists behind it."""

from apps.fraud.admin.lists import ValueListAdmin, ValueListItemAdmin
from apps.fraud.admin.reviews import ReviewAdmin
from apps.fraud.admin.rules import RuleAdmin

__all__ = ["ReviewAdmin", "RuleAdmin", "ValueListAdmin", "ValueListItemAdmin"]
