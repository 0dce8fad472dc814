"""Approvals, people, their sessions, files, and the audit trail in the back-office."""

from apps.backoffice.admin.approvals import ApprovalAdmin
from apps.backoffice.admin.audit import StaffActionAdmin
from apps.backoffice.admin.exports import ExportAdmin
from apps.backoffice.admin.profile import ProfileAdmin
from apps.backoffice.admin.sessions import StaffSessionAdmin
from apps.backoffice.admin.staff import UserAdmin

__all__ = [
    "ApprovalAdmin",
    "ExportAdmin",
    "ProfileAdmin",
    "StaffActionAdmin",
    "StaffSessionAdmin",
    "UserAdmin",
]
