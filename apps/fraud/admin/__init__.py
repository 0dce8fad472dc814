"""Risk in the back-office: the review queue, and the rules behind it."""

from apps.fraud.admin.reviews import ReviewAdmin
from apps.fraud.admin.rules import RuleAdmin

__all__ = ["ReviewAdmin", "RuleAdmin"]
