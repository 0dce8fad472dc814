"""`/v1/payouts`."""

from django.http import HttpRequest
from django.utils import timezone

from apps.api.errors import ParameterMissing
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
from apps.common.metadata import merge_metadata
from apps.common.origin import Scope
from apps.common.rows import get_rows
from apps.payouts.api.shapes import PAYOUT
from apps.payouts.models import Payout
from apps.payouts.objects import render_payout
from apps.payouts.selectors import get_payout
from apps.payouts.services.payouts import (
    PayoutWish,
    cancel_payout,
    create_payout,
    update_payout,
)
from apps.payouts.states import PayoutStatus


class CreatePayout(RequestSchema):
    amount = AmountField()
    currency = CurrencyField()
    destination = IdField("acct", required=False)
    description = TextField(required=False, max_length=1000)
    metadata = MetadataField()
    method = EnumField(["standard"], required=False)
    source_type = EnumField(["card", "bank_account"], required=False)
    statement_descriptor = TextField(required=False, max_length=22)


class UpdatePayout(RequestSchema):
    metadata = MetadataField()


class ListPayouts(ListSchema):
    destination = IdField("acct", required=False)
    status = EnumField(PayoutStatus.values, required=False)


class PayoutView(ApiView):
    resource = "payouts"

    def named_account(self) -> str:
        """Return the seller whom Stripe's SDKs name in a header."""
        return str(self.request.META.get("HTTP_STRIPE_ACCOUNT", ""))


class PayoutList(PayoutView):
    schemas = {"GET": ListPayouts, "POST": CreatePayout}
    answers = {"GET": ListOf(PAYOUT), "POST": PAYOUT}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = Payout.objects.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        )
        seller_id = params.get("destination") or self.named_account()
        if seller_id:
            rows = rows.filter(seller_id=seller_id)
        if "status" in params:
            rows = rows.filter(status=params["status"])
        return list_page(rows, params, url="/v1/payouts", show=render_payout)

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        seller_id = params.get("destination") or self.named_account()
        if not seller_id:
            raise ParameterMissing(param="destination", param_name="destination")
        payout = create_payout(
            scope=self.scope,
            seller_id=seller_id,
            wish=PayoutWish(
                amount=params["amount"],
                currency=params["currency"].upper(),
                description=params.get("description", ""),
                statement_descriptor=params.get("statement_descriptor", ""),
                metadata=merge_metadata({}, params.get("metadata")),
            ),
            origin=self.origin,
            now=timezone.now(),
        )
        return render_payout(payout)


class PayoutDetail(PayoutView):
    schemas = {"POST": UpdatePayout}
    answers = {"GET": PAYOUT, "POST": PAYOUT}

    def get(self, _request: HttpRequest, payout_id: str) -> Json:
        self.load()
        return render_payout(get_payout(self.scope, payout_id))

    def post(self, _request: HttpRequest, payout_id: str) -> Json:
        params = self.load()
        current = get_payout(self.scope, payout_id)
        if "metadata" not in params:
            return render_payout(current)
        payout = update_payout(
            scope=self.scope,
            payout_id=payout_id,
            metadata=params["metadata"],
            origin=self.origin,
            now=timezone.now(),
        )
        return render_payout(payout)


class PayoutCancel(PayoutView):
    answers = {"POST": PAYOUT}

    def post(self, _request: HttpRequest, payout_id: str) -> Json:
        self.load()
        payout = cancel_payout(
            scope=self.scope, payout_id=payout_id, origin=self.origin, now=timezone.now()
        )
        return render_payout(payout)


def load_payouts(ids: set[str], scope: Scope) -> dict[str, Json]:
    """Return the payouts with these ids, for `expand[]`."""
    rows = get_rows(Payout.objects, scope, ids)
    return {row.id: render_payout(row) for row in rows}
