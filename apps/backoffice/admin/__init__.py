"""Approvals, staff and the audit trail in the back-office."""

from apps.backoffice.admin.approvals import ApprovalAdmin
from apps.backoffice.admin.audit import StaffActionAdmin
from apps.backoffice.admin.staff import UserAdmin

__all__ = ["ApprovalAdmin", "StaffActionAdmin", "UserAdmin"]
