"""The dispute workspace of the back-office."""

from apps.disputes.admin.disputes import DisputeAdmin
from apps.disputes.admin.policies import DisputePolicyAdmin

__all__ = ["DisputeAdmin", "DisputePolicyAdmin"]
