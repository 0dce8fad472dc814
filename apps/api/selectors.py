"""Reads of merchants."""

from apps.api.models import Merchant


def list_merchant_ids() -> list[str]:
    """Return the ids of all merchants: naming them makes indexes usable that begin with them."""
    return list(Merchant.objects.values_list("id", flat=True))
