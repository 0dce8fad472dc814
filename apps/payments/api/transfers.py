"""`/v1/transfers` and their reversals; they live beside the charges they are paid from."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.api.fields import (
    AmountField,
    CurrencyField,
    EnumField,
    IdField,
    MetadataField,
    TextField,
)
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.shapes import ListOf
from apps.api.views import ApiView, Json
from apps.common.errors import ResourceMissing
from apps.common.metadata import merge_metadata
from apps.common.origin import Scope
from apps.payments.api.shapes import TRANSFER, TRANSFER_REVERSAL
from apps.payments.services.transfers import transfer_from_charge
from apps.payouts.models import Transfer, TransferReversal
from apps.payouts.objects import render_reversal, render_transfer
from apps.payouts.selectors import get_transfer
from apps.payouts.services.shares import show_transfer
from apps.payouts.services.transfers import create_transfer, reverse_transfer, update_transfer


class CreateTransfer(RequestSchema):
    amount = AmountField()
    currency = CurrencyField()
    destination = IdField("acct")
    source_transaction = IdField("ch", required=False)
    source_type = EnumField(["card", "bank_account"], required=False)
    transfer_group = TextField(required=False, max_length=255)
    description = TextField(required=False, max_length=1000)
    metadata = MetadataField()


class UpdateTransfer(RequestSchema):
    metadata = MetadataField()


class ListTransfers(ListSchema):
    destination = IdField("acct", required=False)
    transfer_group = TextField(required=False, max_length=255)


class CreateReversal(RequestSchema):
    amount = AmountField(required=False)
    description = TextField(required=False, max_length=1000)
    metadata = MetadataField()


class TransferList(ApiView):
    resource = "transfers"
    schemas = {"GET": ListTransfers, "POST": CreateTransfer}
    answers = {"GET": ListOf(TRANSFER), "POST": TRANSFER}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = _transfers(self.scope).prefetch_related("reversals")
        if "destination" in params:
            rows = rows.filter(seller_id=params["destination"])
        if "transfer_group" in params:
            rows = rows.filter(transfer_group=params["transfer_group"])
        return list_page(rows, params, url="/v1/transfers", show=_show)

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        wish: dict[str, Any] = {
            "scope": self.scope,
            "seller_id": params["destination"],
            "amount": params["amount"],
            "currency": params["currency"].upper(),
            "transfer_group": params.get("transfer_group", ""),
            "description": params.get("description", ""),
            "metadata": merge_metadata({}, params.get("metadata")),
            "origin": self.origin,
            "now": timezone.now(),
        }
        if "source_transaction" in params:
            transfer = transfer_from_charge(charge_id=params["source_transaction"], **wish)
        else:
            transfer = create_transfer(**wish)
        return show_transfer(transfer)


class TransferDetail(ApiView):
    resource = "transfers"
    schemas = {"POST": UpdateTransfer}
    answers = {"GET": TRANSFER, "POST": TRANSFER}

    def get(self, _request: HttpRequest, transfer_id: str) -> Json:
        self.load()
        return show_transfer(get_transfer(self.scope, transfer_id))

    def post(self, _request: HttpRequest, transfer_id: str) -> Json:
        params = self.load()
        current = get_transfer(self.scope, transfer_id)
        if "metadata" not in params:
            return show_transfer(current)
        transfer = update_transfer(
            scope=self.scope,
            transfer_id=transfer_id,
            metadata=params["metadata"],
            origin=self.origin,
            now=timezone.now(),
        )
        return show_transfer(transfer)


class ReversalList(ApiView):
    resource = "transfers"
    schemas = {"GET": ListSchema, "POST": CreateReversal}
    answers = {"GET": ListOf(TRANSFER_REVERSAL), "POST": TRANSFER_REVERSAL}

    def get(self, _request: HttpRequest, transfer_id: str) -> Json:
        params = self.load()
        transfer = get_transfer(self.scope, transfer_id)
        return list_page(
            TransferReversal.objects.filter(transfer=transfer),
            params,
            url=f"/v1/transfers/{transfer_id}/reversals",
            show=lambda row: render_reversal(row, transfer),
        )

    def post(self, _request: HttpRequest, transfer_id: str) -> Json:
        params = self.load()
        reversal = reverse_transfer(
            scope=self.scope,
            transfer_id=transfer_id,
            amount=params.get("amount"),
            description=params.get("description", ""),
            metadata=merge_metadata({}, params.get("metadata")),
            origin=self.origin,
            now=timezone.now(),
        )
        return render_reversal(reversal, reversal.transfer)


class ReversalDetail(ApiView):
    resource = "transfers"
    answers = {"GET": TRANSFER_REVERSAL}

    def get(self, _request: HttpRequest, transfer_id: str, reversal_id: str) -> Json:
        self.load()
        transfer = get_transfer(self.scope, transfer_id)
        reversal = transfer.reversals.filter(pk=reversal_id).first()
        if reversal is None:
            raise ResourceMissing(resource="transfer reversal", id=reversal_id, param="id")
        return render_reversal(reversal, transfer)


def _transfers(scope: Scope) -> QuerySet[Transfer]:
    return Transfer.objects.filter(merchant_id=scope.merchant_id, livemode=scope.livemode)


def _show(transfer: Transfer) -> Json:
    reversals = sorted(transfer.reversals.all(), key=lambda row: row.id, reverse=True)
    return render_transfer(transfer, reversals)


def load_transfers(ids: set[str], scope: Scope) -> dict[str, Json]:
    """Return the transfers with these ids, for `expand[]`."""
    rows = _transfers(scope).filter(pk__in=ids).prefetch_related("reversals")
    return {row.id: _show(row) for row in rows}
