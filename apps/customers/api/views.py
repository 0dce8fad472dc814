"""`/v1/customers`."""

import re
from typing import Any
from zoneinfo import available_timezones

from django.http import HttpRequest
from django.utils import timezone

from apps.api.addresses import Address, Shipping
from apps.api.fields import (
    EnumField,
    IdField,
    IntegerField,
    ListField,
    MetadataField,
    TextField,
)
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.views import ApiView, Json
from apps.common.errors import InvalidParameter, ResourceMissing
from apps.common.metadata import with_metadata
from apps.common.origin import Scope
from apps.common.rows import get_rows
from apps.customers.api.shapes import (
    CUSTOMER,
    CUSTOMER_SEARCH,
    CUSTOMERS,
    DELETED_CUSTOMER,
    KNOWN_CUSTOMER,
)
from apps.customers.models import Customer
from apps.customers.objects import render_customer
from apps.customers.selectors import get_customer, was_deleted
from apps.customers.services import create_customer, delete_customer, update_customer
from apps.customers.states import TaxExempt


class TimeZoneField(TextField):
    """The name of a time zone, such as Europe/Berlin."""

    def read(self, value: Any, param: str) -> str:
        """Return the name."""
        name = super().read(value, param)
        if name not in available_timezones():
            raise InvalidParameter(f"{param} must be a zone of the IANA database.", param=param)
        return name


class InvoiceSettings(RequestSchema):
    default_payment_method = IdField("pm", required=False, allow_null=True)


class WriteCustomer(RequestSchema):
    address = Address(required=False, allow_null=True)
    description = TextField(required=False, allow_null=True, max_length=350)
    email = TextField(required=False, allow_null=True, max_length=512)
    invoice_settings = InvoiceSettings(required=False)
    metadata = MetadataField()
    name = TextField(required=False, allow_null=True, max_length=256)
    phone = TextField(required=False, allow_null=True, max_length=20)
    preferred_locales = ListField(TextField(max_length=20), required=False)
    shipping = Shipping(required=False, allow_null=True)
    tax_exempt = EnumField(TaxExempt.values, required=False)
    time_zone = TimeZoneField(required=False)


class CreateCustomer(WriteCustomer):
    test_clock = IdField("clock", required=False)


class ListCustomers(ListSchema):
    email = TextField(required=False, max_length=512)


class SearchCustomers(RequestSchema):
    query = TextField(max_length=600)
    limit = IntegerField(required=False, default=10, min_value=1, max_value=100)


_EMAIL_QUERY = re.compile(r"email\s*:\s*[\"']([^\"']+)[\"']\Z")
_MAY_BE_NULL = frozenset({"address", "metadata", "shipping"})


def _columns(params: dict[str, Any]) -> dict[str, Any]:
    columns = {
        name: "" if value is None and name not in _MAY_BE_NULL else value
        for name, value in params.items()
        if name != "invoice_settings"
    }
    if "test_clock" in columns:
        columns["test_clock_id"] = columns.pop("test_clock")
    settings = params.get("invoice_settings", {})
    if "default_payment_method" in settings:
        columns["default_payment_method_id"] = settings["default_payment_method"] or ""
    return columns


class CustomerList(ApiView):
    resource = "customers"
    schemas = {"GET": ListCustomers, "POST": CreateCustomer}
    answers = {"GET": CUSTOMERS, "POST": CUSTOMER}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = Customer.objects.filter(
            merchant_id=self.scope.merchant_id,
            livemode=self.scope.livemode,
            deleted_at__isnull=True,
        )
        if "email" in params:
            rows = rows.filter(email=params["email"])
        return list_page(rows, params, url="/v1/customers", show=render_customer)

    def post(self, _request: HttpRequest) -> Json:
        customer = create_customer(
            scope=self.scope,
            fields=with_metadata(_columns(self.load()), {}),
            origin=self.origin,
            now=timezone.now(),
        )
        return render_customer(customer)


class CustomerSearch(ApiView):
    """Stripe's search, as far as it is worth having here: by the exact e-mail address."""

    resource = "customers"
    schemas = {"GET": SearchCustomers}
    answers = {"GET": CUSTOMER_SEARCH}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        found = _EMAIL_QUERY.match(params["query"].strip())
        if found is None:
            raise InvalidParameter("query must be like email:'a@example.com'.", param="query")
        rows = Customer.objects.filter(
            merchant_id=self.scope.merchant_id,
            livemode=self.scope.livemode,
            deleted_at__isnull=True,
            email=found[1],
        ).order_by("-pk")[: params["limit"]]
        return {
            "object": "search_result",
            "url": "/v1/customers/search",
            "has_more": False,
            "next_page": None,
            "data": [render_customer(row) for row in rows],
        }


class CustomerDetail(ApiView):
    resource = "customers"
    schemas = {"POST": WriteCustomer}
    answers = {"GET": KNOWN_CUSTOMER, "POST": CUSTOMER, "DELETE": DELETED_CUSTOMER}

    def get(self, _request: HttpRequest, customer_id: str) -> Json:
        """Retrieve a customer; of a deleted one there is left that it was deleted."""
        self.load()
        try:
            return render_customer(get_customer(self.scope, customer_id))
        except ResourceMissing:
            if not was_deleted(self.scope, customer_id):
                raise
            return _deleted(customer_id)

    def post(self, _request: HttpRequest, customer_id: str) -> Json:
        customer = update_customer(
            scope=self.scope,
            customer_id=customer_id,
            changes=_columns(self.load()),
            origin=self.origin,
            now=timezone.now(),
        )
        return render_customer(customer)

    def delete(self, _request: HttpRequest, customer_id: str) -> Json:
        self.load()
        delete_customer(
            scope=self.scope, customer_id=customer_id, origin=self.origin, now=timezone.now()
        )
        return _deleted(customer_id)


def _deleted(customer_id: str) -> Json:
    return {"id": customer_id, "object": "customer", "deleted": True}


def load_customers(ids: set[str], scope: Scope) -> dict[str, dict[str, Any]]:
    """Return the customers with these ids, for `expand[]`."""
    rows = get_rows(Customer.objects, scope, ids)
    return {row.id: render_customer(row) for row in rows}
