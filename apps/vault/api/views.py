"""`/v1/payment_methods`, and a customer's own."""

from ipaddress import ip_address
from typing import Any, ClassVar

from django.http import HttpRequest
from django.utils import timezone

from apps.api.fields import (
    EnumField,
    IdField,
    IntegerField,
    MetadataField,
    TextField,
    TimestampField,
)
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.views import ApiView, Json
from apps.common.errors import DomainError, InvalidParameter
from apps.common.ids import new_id
from apps.common.metadata import merge_metadata
from apps.common.origin import Scope
from apps.common.rows import get_rows
from apps.customers.selectors import get_customer
from apps.vault.api.shapes import MANDATE, PAYMENT_METHOD, PAYMENT_METHODS
from apps.vault.models import PaymentMethod
from apps.vault.objects import render_mandate, render_method
from apps.vault.selectors import get_method
from apps.vault.services import (
    MandateAcceptance,
    attach_method,
    create_debit_method,
    create_method,
    detach_method,
    keep_token,
    update_method,
)
from apps.vault.services.mandates import get_mandate
from apps.vault.states import Acceptance


class DetailsMissing(DomainError):
    code: ClassVar[str] = "parameter_missing"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "A payment method of type {type} needs {needed}."


class BillingAddress(RequestSchema):
    city = TextField(required=False, allow_null=True)
    country = TextField(required=False, allow_null=True, max_length=2)
    line1 = TextField(required=False, allow_null=True)
    line2 = TextField(required=False, allow_null=True)
    postal_code = TextField(required=False, allow_null=True, max_length=20)
    state = TextField(required=False, allow_null=True)


class BillingDetails(RequestSchema):
    address = BillingAddress(required=False, allow_null=True)
    email = TextField(required=False, allow_null=True, max_length=512)
    name = TextField(required=False, allow_null=True, max_length=256)
    phone = TextField(required=False, allow_null=True, max_length=20)


class CardToken(RequestSchema):
    token = TextField(min_length=1, max_length=255)


class SepaDebit(RequestSchema):
    iban = TextField(min_length=5, max_length=42)


class OnlineAcceptance(RequestSchema):
    ip_address = TextField(min_length=3, max_length=45)
    user_agent = TextField(min_length=1, max_length=500)


class CustomerAcceptance(RequestSchema):
    type = EnumField(Acceptance.values)
    accepted_at = TimestampField(required=False)
    online = OnlineAcceptance(required=False)


class MandateData(RequestSchema):
    customer_acceptance = CustomerAcceptance()


class CreateMethod(RequestSchema):
    type = EnumField(["card", "sepa_debit"])
    card = CardToken(required=False)
    sepa_debit = SepaDebit(required=False)
    mandate_data = MandateData(required=False)
    billing_details = BillingDetails(required=False)
    metadata = MetadataField()


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
    expandable = frozenset({"customer"})
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
        return render_method(self._create(params))

    def _create(self, params: dict[str, Any]) -> PaymentMethod:
        shared: dict[str, Any] = {
            "scope": self.scope,
            "billing_details": params.get("billing_details", {}),
            "metadata": merge_metadata({}, params.get("metadata")),
            "key": new_id("pm"),
            "now": timezone.now(),
        }
        token = _token_of(params)
        if params["type"] == "card":
            return create_method(type="card", token=token, **shared)
        acceptance = _acceptance_of(params)
        return create_debit_method(iban=token, acceptance=acceptance, origin=self.origin, **shared)


def _token_of(params: dict[str, Any]) -> str:
    kind, needed = params["type"], "token" if params["type"] == "card" else "iban"
    if kind not in params:
        raise DetailsMissing(type=kind, needed=f"{kind}[{needed}]", param=f"{kind}[{needed}]")
    return str(params[kind][needed])


def _acceptance_of(params: dict[str, Any]) -> MandateAcceptance:
    """Return how the mandate was given: on paper, unless the request tells otherwise."""
    if "mandate_data" not in params:
        return MandateAcceptance()
    given = params["mandate_data"]["customer_acceptance"]
    online = given.get("online", {})
    if given["type"] == Acceptance.ONLINE and not online:
        param = "mandate_data[customer_acceptance][online]"
        raise DetailsMissing(type="sepa_debit", needed=param, param=param)
    return MandateAcceptance(
        type=Acceptance(given["type"]),
        accepted_at=given.get("accepted_at"),
        ip=_address(online["ip_address"]) if online else None,
        user_agent=online.get("user_agent", ""),
    )


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        param = "mandate_data[customer_acceptance][online][ip_address]"
        raise InvalidParameter(f"{param} must be an IP address.", param=param) from None


class MandateDetail(ApiView):
    resource = "mandates"
    answers = {"GET": MANDATE}
    expandable = frozenset({"payment_method"})

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
