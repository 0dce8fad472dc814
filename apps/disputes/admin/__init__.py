"""The dispute workspace of the back-office."""

from apps.disputes.admin.disputes import DisputeAdmin

__all__ = ["DisputeAdmin"]
