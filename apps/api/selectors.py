"""Reads of merchants."""

from typing import Any

from django.db.models import QuerySet

from apps.api.models import Merchant

# More merchants than a form can offer; far beyond what one installation has.
MAX_CHOICES = 1_000


def merchant_ids() -> QuerySet[Merchant, Any]:
    """Return all merchants as a subquery: naming them makes indexes usable that begin so."""
    return Merchant.objects.values("pk")


def list_merchant_choices() -> list[tuple[str, str]]:
    """Return ids and names, by name, for a form that asks whose business it is about."""
    return list(Merchant.objects.order_by("name").values_list("id", "name")[:MAX_CHOICES])
