"""How what was done about people's data looks in the API."""

from typing import Any

from apps.compliance.models import DataRequest


def render_erasure(request: DataRequest) -> dict[str, Any]:
    """Return an erasure as `customer_erasure`; it is complete after its second pass."""
    return {
        "id": request.id,
        "object": "customer_erasure",
        "created": int(request.created_at.timestamp()),
        "customer": request.customer_id,
        "erased": request.counts,
        "livemode": request.livemode,
        "status": "pending" if request.finished_at is None else "complete",
    }
