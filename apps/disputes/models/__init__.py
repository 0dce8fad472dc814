"""Disputes, the money they moved, and banks' reports of fraud."""

from apps.disputes.models.disputes import Dispute, DisputeFunds, FraudReport

__all__ = ["Dispute", "DisputeFunds", "FraudReport"]
