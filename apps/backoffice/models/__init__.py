"""People, what two of them decide together, and what each of them did."""

from apps.backoffice.models.actions import AuditCheck, AuditLink, DialogClaim, StaffAction
from apps.backoffice.models.allowances import Allowance
from apps.backoffice.models.approvals import Approval
from apps.backoffice.models.exports import Export
from apps.backoffice.models.people import Profile, User, UserManager
from apps.backoffice.models.recovery import RecoveryDevice
from apps.backoffice.models.rights import Right
from apps.backoffice.models.sessions import StaffSession
from apps.backoffice.models.views import SavedView

__all__ = [
    "Allowance",
    "Approval",
    "AuditCheck",
    "AuditLink",
    "DialogClaim",
    "Export",
    "Profile",
    "RecoveryDevice",
    "Right",
    "SavedView",
    "StaffAction",
    "StaffSession",
    "User",
    "UserManager",
]
