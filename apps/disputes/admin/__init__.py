"""The dispute workspace of the back-office, and banks' warnings."""

from apps.disputes.admin.disputes import DisputeAdmin
from apps.disputes.admin.policies import DisputePolicyAdmin
from apps.disputes.admin.warnings import FraudReportAdmin

__all__ = ["DisputeAdmin", "DisputePolicyAdmin", "FraudReportAdmin"]
