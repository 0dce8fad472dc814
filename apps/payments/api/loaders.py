"""Objects by id for `expand[]`; wired in config/resources.py."""

from typing import Any

from apps.api.lists import DEFAULT_LIMIT, list_envelope
from apps.common.origin import Scope
from apps.common.rows import get_rows
from apps.payments.api.charges import charges_of
from apps.payments.models import PaymentAttempt, PaymentIntent, Refund
from apps.payments.objects import render_attempt, render_charge, render_intent, render_refund
from apps.payments.selectors import as_attempt_id

Objects = dict[str, dict[str, Any]]


def load_intents(ids: set[str], scope: Scope) -> Objects:
    """Return the payment intents with these ids."""
    rows = get_rows(PaymentIntent.objects, scope, ids)
    return {row.id: render_intent(row) for row in rows}


def load_charges(ids: set[str], scope: Scope) -> Objects:
    """Return the charges with these ids."""
    rows = charges_of(scope).filter(pk__in=[as_attempt_id(id_) for id_ in ids])
    return {row.charge_id: render_charge(row, row.intent) for row in rows}


def load_attempts(ids: set[str], scope: Scope) -> Objects:
    """Return the attempts with these ids."""
    rows = get_rows(PaymentAttempt.objects, scope, ids)
    return {row.id: render_attempt(row) for row in rows}


def load_refunds(ids: set[str], scope: Scope) -> Objects:
    """Return the refunds with these ids."""
    rows = get_rows(Refund.objects, scope, ids)
    return {row.id: render_refund(row) for row in rows}


def load_refunds_of_charges(ids: set[str], scope: Scope) -> Objects:
    """Return the latest refunds of each of these charges, as a list."""
    rows = Refund.objects.filter(
        attempt_id__in=[as_attempt_id(id_) for id_ in ids],
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
    ).order_by("-pk")
    found: dict[str, list[dict[str, Any]]] = {id_: [] for id_ in ids}
    for row in rows:
        shown = render_refund(row)
        found[shown["charge"]].append(shown)
    return {
        id_: list_envelope(
            refunds[:DEFAULT_LIMIT],
            url=f"/v1/charges/{id_}/refunds",
            has_more=len(refunds) > DEFAULT_LIMIT,
        )
        for id_, refunds in found.items()
    }
