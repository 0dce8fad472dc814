"""`/v1/charges`: the attempts that reached a gateway, read-only."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from apps.api.fields import IdField
from apps.api.lists import ListSchema, list_page
from apps.api.views import ApiView, Json
from apps.common.errors import ResourceMissing
from apps.common.origin import Scope
from apps.fraud.selectors import risk_of_attempts
from apps.payments.api.shapes import CHARGE, CHARGES
from apps.payments.holds import is_disputed
from apps.payments.models import PaymentAttempt
from apps.payments.objects import render_charge
from apps.payments.selectors import as_attempt_id


class ListCharges(ListSchema):
    payment_intent = IdField("pi", required=False)
    customer = IdField("cus", required=False)


def charges_of(scope: Scope) -> QuerySet[PaymentAttempt]:
    """Return the attempts which show as charges."""
    rows = PaymentAttempt.objects.filter(
        ~Q(gateway_reference=""), merchant_id=scope.merchant_id, livemode=scope.livemode
    )
    return rows.annotate(is_disputed=is_disputed(), **risk_of_attempts()).select_related("intent")


class ChargeList(ApiView):
    resource = "charges"
    schemas = {"GET": ListCharges}
    answers = {"GET": CHARGES}

    def get(self, _request: HttpRequest) -> Json:
        params: dict[str, Any] = self.load()
        rows = charges_of(self.scope)
        if "payment_intent" in params:
            rows = rows.filter(intent_id=params["payment_intent"])
        if "customer" in params:
            rows = rows.filter(intent__customer_id=params["customer"])
        for cursor in ("starting_after", "ending_before"):
            if cursor in params:
                params[cursor] = as_attempt_id(params[cursor])
        return list_page(
            rows, params, url="/v1/charges", show=lambda row: render_charge(row, row.intent)
        )


class ChargeDetail(ApiView):
    resource = "charges"
    answers = {"GET": CHARGE}

    def get(self, _request: HttpRequest, charge_id: str) -> Json:
        self.load()
        attempt = charges_of(self.scope).filter(pk=as_attempt_id(charge_id)).first()
        if attempt is None:
            raise ResourceMissing(resource="charge", id=charge_id, param="id")
        return render_charge(attempt, attempt.intent)
