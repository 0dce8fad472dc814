"""Gateways in the back-office."""

from apps.gateways.admin.routing import RoutingRuleAdmin

__all__ = ["RoutingRuleAdmin"]
