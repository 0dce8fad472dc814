"""Reads of merchants."""

from typing import Any

from django.db.models import QuerySet

from apps.api.models import Merchant


def merchant_ids() -> QuerySet[Merchant, Any]:
    """Return all merchants as a subquery: naming them makes indexes usable that begin so."""
    return Merchant.objects.values("pk")
