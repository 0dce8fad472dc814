"""`/v1/payment_methods`, and a customer's own."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from apps.api.fields import (
    EnumField,
    IdField,
    IntegerField,
    MetadataField,
)
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.views import ApiView, Json
from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.common.rows import get_rows
from apps.customers.selectors import get_customer
from apps.vault.api.shapes import MANDATE, PAYMENT_METHOD, PAYMENT_METHODS
from apps.vault.method_data import BillingDetails, MandateData, MethodData, store_method_data
from apps.vault.models import PaymentMethod
from apps.vault.objects import render_mandate, render_method
from apps.vault.selectors import get_method
from apps.vault.services import attach_method, detach_method, keep_token, update_method
from apps.vault.services.mandates import get_mandate


class CreateMethod(MethodData):
    mandate_data = MandateData(required=False)


class CardExpiry(RequestSchema):
    exp_month = IntegerField(required=False, min_value=1, max_value=12)
    exp_year = IntegerField(required=False, min_value=2000, max_value=2100)


class UpdateMethod(RequestSchema):
    card = CardExpiry(required=False)
    billing_details = BillingDetails(required=False)
    metadata = MetadataField()


class AttachMethod(RequestSchema):
    customer = IdField("cus")


class ListMethods(ListSchema):
    customer = IdField("cus", required=False)
    type = EnumField(["card", "sepa_debit"], required=False)


class MethodView(ApiView):
    resource = "payment_methods"
    # The gateway is asked before anything is written, with no transaction open meanwhile.
    transactional_answer = False


class MethodList(MethodView):
    schemas = {"GET": ListMethods, "POST": CreateMethod}
    answers = {"GET": PAYMENT_METHODS, "POST": PAYMENT_METHOD}
    publishable_methods = frozenset({"POST"})

    def get(self, _request: HttpRequest) -> Json:
        return _list(self.scope, self.load(), url="/v1/payment_methods")

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        method = store_method_data(
            scope=self.scope,
            data=params,
            mandate=params.get("mandate_data"),
            origin=self.origin,
            now=timezone.now(),
        )
        return render_method(method)


class MandateDetail(ApiView):
    resource = "mandates"
    answers = {"GET": MANDATE}

    def get(self, _request: HttpRequest, mandate_id: str) -> Json:
        self.load()
        return render_mandate(get_mandate(self.scope, mandate_id))


class MethodDetail(MethodView):
    schemas = {"POST": UpdateMethod}
    answers = {"GET": PAYMENT_METHOD, "POST": PAYMENT_METHOD}
    transactional_answer = True

    def get(self, _request: HttpRequest, method_id: str) -> Json:
        self.load()
        return render_method(get_method(self.scope, method_id))

    def post(self, _request: HttpRequest, method_id: str) -> Json:
        params = self.load()
        changes: dict[str, Any] = dict(params.pop("card", {})) | params
        if not changes:
            return render_method(get_method(self.scope, method_id))
        method = update_method(
            scope=self.scope,
            method_id=method_id,
            changes=changes,
            origin=self.origin,
            now=timezone.now(),
        )
        return render_method(method)


class MethodAttach(MethodView):
    schemas = {"POST": AttachMethod}
    answers = {"POST": PAYMENT_METHOD}

    def post(self, _request: HttpRequest, method_id: str) -> Json:
        params = self.load()
        now = timezone.now()
        method = attach_method(
            scope=self.scope,
            # `pm_card_visa` and its like are ready-made: each use is a method of its own.
            method_id=keep_token(scope=self.scope, wanted=method_id, key=new_id("pm"), now=now),
            customer_id=params["customer"],
            origin=self.origin,
            now=now,
        )
        return render_method(method)


class MethodDetach(MethodView):
    answers = {"POST": PAYMENT_METHOD}

    def post(self, _request: HttpRequest, method_id: str) -> Json:
        self.load()
        method = detach_method(
            scope=self.scope, method_id=method_id, origin=self.origin, now=timezone.now()
        )
        return render_method(method)


class CustomerMethods(MethodView):
    schemas = {"GET": ListMethods}
    answers = {"GET": PAYMENT_METHODS}

    def get(self, _request: HttpRequest, customer_id: str) -> Json:
        get_customer(self.scope, customer_id)
        params = {**self.load(), "customer": customer_id}
        return _list(self.scope, params, url=f"/v1/customers/{customer_id}/payment_methods")


class CustomerMethodDetail(MethodView):
    answers = {"GET": PAYMENT_METHOD}

    def get(self, _request: HttpRequest, customer_id: str, method_id: str) -> Json:
        self.load()
        get_customer(self.scope, customer_id)
        return render_method(get_method(self.scope, method_id))


def _list(scope: Scope, params: dict[str, Any], *, url: str) -> Json:
    rows = PaymentMethod.objects.filter(
        merchant_id=scope.merchant_id, livemode=scope.livemode, detached_at__isnull=True
    )
    if "customer" in params:
        rows = rows.filter(customer_id=params["customer"])
    if "type" in params:
        rows = rows.filter(type=params["type"])
    return list_page(rows, params, url=url, show=render_method)


def load_methods(ids: set[str], scope: Scope) -> dict[str, dict[str, Any]]:
    """Return the payment methods with these ids, for `expand[]`."""
    rows = get_rows(PaymentMethod.objects, scope, ids)
    return {row.id: render_method(row) for row in rows}
