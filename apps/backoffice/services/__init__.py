"""What is written in the back-office."""

from apps.backoffice.services.approvals import (
    approve,
    expire_approvals,
    reject,
    request_approval,
)
from apps.backoffice.services.people import create_staff, setup_roles

__all__ = [
    "approve",
    "create_staff",
    "expire_approvals",
    "reject",
    "request_approval",
    "setup_roles",
]
