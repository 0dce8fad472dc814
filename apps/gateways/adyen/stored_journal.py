"""The journal in PostgreSQL, where all processes read it."""

import json
from collections.abc import Collection, Sequence

from django.db.models import Q

from apps.gateways.adyen.journal import Fact
from apps.gateways.models import AdyenFact


class StoredJournal:
    """What Adyen told about one account."""

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway

    def note(self, facts: Sequence[Fact]) -> None:
        """Keep the facts that are new, in one statement."""
        rows = [
            AdyenFact(
                gateway=self._gateway,
                code=fact.code,
                success=fact.success,
                reference=fact.reference,
                payment_reference=fact.payment_reference,
                merchant_reference=fact.merchant_reference,
                amount=fact.amount,
                currency=fact.currency,
                occurred_at=fact.occurred_at,
                reason=fact.reason,
                details=json.dumps(dict(fact.details)),
            )
            for fact in facts
        ]
        AdyenFact.objects.bulk_create(rows, ignore_conflicts=True)

    def find(self, references: Collection[str]) -> list[Fact]:
        """Return the facts that name one of these, oldest first."""
        names = list(references)
        rows = AdyenFact.objects.filter(
            Q(reference__in=names)
            | Q(payment_reference__in=names)
            | Q(merchant_reference__in=names),
            gateway=self._gateway,
        ).order_by("id")
        return [_fact_of(row) for row in rows]


def _fact_of(row: AdyenFact) -> Fact:
    return Fact(
        code=row.code,
        success=row.success,
        reference=row.reference,
        payment_reference=row.payment_reference,
        merchant_reference=row.merchant_reference,
        amount=row.amount,
        currency=row.currency,
        occurred_at=row.occurred_at,
        reason=row.reason,
        details=json.loads(row.details),
    )
