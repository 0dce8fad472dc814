"""What old rows and people's data come to."""

from apps.compliance.services.erasure import (
    erase_customer,
    find_hindrances,
    finish_erasures,
)
from apps.compliance.services.export import export_customer
from apps.compliance.services.retention import count_due, keep_retention

__all__ = [
    "count_due",
    "erase_customer",
    "export_customer",
    "find_hindrances",
    "finish_erasures",
    "keep_retention",
]
