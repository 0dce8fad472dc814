"""The screens of reports."""

from apps.reporting.admin.runs import ReportRunAdmin

__all__ = ["ReportRunAdmin"]
