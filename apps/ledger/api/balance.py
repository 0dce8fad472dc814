"""`/v1/balance` and `/v1/balance_transactions`: the platform's own money, in Stripe's shapes."""

from django.http import HttpRequest

from apps.api.fields import EnumField, TextField
from apps.api.lists import ListSchema, list_page
from apps.api.shapes import ListOf
from apps.api.views import ApiView, Json
from apps.common.origin import Scope
from apps.ledger.api.shapes import BALANCE, BALANCE_TRANSACTION
from apps.ledger.models import EntryKey
from apps.ledger.movements import (
    MOVEMENTS,
    find_movements,
    get_movement,
    list_own_balances,
    movements_of,
)
from apps.ledger.objects import render_balance, render_movement

_TYPES = sorted({kind.type for kind in MOVEMENTS.values()})


class ListMovements(ListSchema):
    source = TextField(required=False, max_length=60)  # type: ignore[assignment]  # its name
    type = EnumField(_TYPES, required=False)


class BalanceView(ApiView):
    resource = "balance"
    answers = {"GET": BALANCE}

    def get(self, _request: HttpRequest) -> Json:
        self.load()
        return render_balance(list_own_balances(self.scope), livemode=self.scope.livemode)


class MovementList(ApiView):
    resource = "balance_transactions"
    schemas = {"GET": ListMovements}
    answers = {"GET": ListOf(BALANCE_TRANSACTION)}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = movements_of(self.scope)
        if "type" in params:
            kinds = [name for name, kind in MOVEMENTS.items() if kind.type == params["type"]]
            rows = rows.filter(kind__in=kinds)
        if "source" in params:
            rows = rows.filter(pk__in=_entries_of(params["source"]))
        for cursor in ("starting_after", "ending_before"):
            if cursor in params:
                params[cursor] = get_movement(self.scope, params[cursor]).id
        return list_page(
            rows,
            params,
            url="/v1/balance_transactions",
            show=render_movement,
            created_field="booked_at",
        )


class MovementDetail(ApiView):
    resource = "balance_transactions"
    answers = {"GET": BALANCE_TRANSACTION}

    def get(self, _request: HttpRequest, movement_id: str) -> Json:
        self.load()
        return render_movement(get_movement(self.scope, movement_id))


def _entries_of(source: str) -> list[str]:
    """Return the entries booked for a charge, refund, transfer or payout."""
    prefix, _, suffix = source.partition("_")
    prefix = "att" if prefix == "ch" else prefix
    types = {kind.source_type for kind in MOVEMENTS.values() if kind.prefix == prefix}
    keys = EntryKey.objects.filter(source_type__in=types, source_id=f"{prefix}_{suffix}")
    return list(keys.values_list("entry_id", flat=True))


def load_movements(ids: set[str], scope: Scope) -> dict[str, Json]:
    """Return the balance transactions with these ids, for `expand[]`."""
    return {id_: render_movement(entry) for id_, entry in find_movements(scope, ids).items()}
