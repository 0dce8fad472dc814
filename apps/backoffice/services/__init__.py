"""What is written in the back-office."""

from apps.backoffice.services.approvals import (
    approve,
    expire_approvals,
    reject,
    request_approval,
)

__all__ = [
    "approve",
    "expire_approvals",
    "reject",
    "request_approval",
]
