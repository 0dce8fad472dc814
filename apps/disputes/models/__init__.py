"""Disputes, the money they moved, banks' reports of fraud, and the work of people on disputes."""

from apps.disputes.models.cases import DisputeCase, Submission
from apps.disputes.models.disputes import Dispute, DisputeFunds, FraudReport
from apps.disputes.models.files import StoredFile
from apps.disputes.models.policies import DisputePolicy
from apps.disputes.models.standings import SchemeStanding
from apps.disputes.models.usage import UsageEvidence

__all__ = [
    "Dispute",
    "DisputeCase",
    "DisputeFunds",
    "DisputePolicy",
    "FraudReport",
    "SchemeStanding",
    "StoredFile",
    "Submission",
    "UsageEvidence",
]
