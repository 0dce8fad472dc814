"""Disputes, the money they moved, banks' reports of fraud, and the work of people on disputes."""

from apps.disputes.models.cases import DisputeCase, Submission
from apps.disputes.models.disputes import Dispute, DisputeFunds, FraudReport
from apps.disputes.models.files import StoredFile

__all__ = ["Dispute", "DisputeCase", "DisputeFunds", "FraudReport", "StoredFile", "Submission"]
