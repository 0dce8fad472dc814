"""Store, attach, change and detach payment methods, and keep them chargeable."""

from apps.vault.services.mandates import MandateAcceptance
from apps.vault.services.methods import (
    attach_method,
    create_debit_method,
    create_method,
    describe_method,
    detach_method,
    draft_method,
    keep_token,
    save_method,
    update_method,
)

__all__ = [
    "MandateAcceptance",
    "attach_method",
    "create_debit_method",
    "create_method",
    "describe_method",
    "detach_method",
    "draft_method",
    "keep_token",
    "save_method",
    "update_method",
]
