"""`/v1/checkout/sessions` and its actions."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from apps.api.addresses import ParcelShipping, parcel_of
from apps.api.fields import (
    AmountField,
    CurrencyField,
    EnumField,
    IdField,
    IntegerField,
    ListField,
    MetadataField,
    OffField,
    TextField,
    TimestampField,
)
from apps.api.lists import ListSchema, list_envelope, list_page
from apps.api.schemas import RequestSchema
from apps.api.views import ApiView, Json
from apps.checkout.api.shapes import CHECKOUT_SESSION, CHECKOUT_SESSIONS, LINE_ITEMS
from apps.checkout.display import LANGUAGES
from apps.checkout.errors import LineItemsInvalid
from apps.checkout.models import Session
from apps.checkout.objects import render_line_item, render_session
from apps.checkout.selectors import get_session
from apps.checkout.services.sessions import (
    Basket,
    LineItem,
    create_session,
    create_setup_session,
    create_subscription_session,
    expire_session,
    update_session,
)
from apps.checkout.states import SessionMode, SessionStatus
from apps.common.errors import InvalidParameter
from apps.common.metadata import merge_metadata, with_metadata
from apps.common.origin import Scope
from apps.common.rows import get_rows
from apps.subscriptions.services.subscriptions import MAX_TRIAL

_MAX_QUANTITY = 1000
_MAX_LINES = 100


class SessionProductData(RequestSchema):
    name = TextField(min_length=1, max_length=250)
    description = TextField(required=False, max_length=500)


class PriceData(RequestSchema):
    currency = CurrencyField()
    unit_amount = AmountField()
    product_data = SessionProductData()


class LineItemData(RequestSchema):
    price = IdField("price", required=False)
    price_data = PriceData(required=False)
    quantity = IntegerField(required=False, default=1, min_value=1, max_value=_MAX_QUANTITY)


class SessionTransferData(RequestSchema):
    destination = IdField("acct")


class IntentData(RequestSchema):
    """What the payment intent is made with."""

    capture_method = EnumField(["automatic", "manual"], required=False)
    description = TextField(required=False, max_length=1000)
    metadata = MetadataField()
    receipt_email = TextField(required=False, max_length=512)
    setup_future_usage = EnumField(["on_session", "off_session"], required=False)
    shipping = ParcelShipping(required=False)
    statement_descriptor = TextField(required=False, max_length=22)
    statement_descriptor_suffix = TextField(required=False, max_length=22)
    application_fee_amount = AmountField(required=False, min_value=0)
    transfer_data = SessionTransferData(required=False)
    transfer_group = TextField(required=False, max_length=255)


class SetupData(RequestSchema):
    """What the setup intent is made with."""

    description = TextField(required=False, max_length=1000)
    metadata = MetadataField()


class SubscriptionData(RequestSchema):
    """What the subscription is made with."""

    description = TextField(required=False, max_length=500)
    metadata = MetadataField()
    trial_end = TimestampField(required=False)
    trial_period_days = IntegerField(required=False, min_value=1, max_value=MAX_TRIAL.days)


class SwitchedOff(RequestSchema):
    """What the page does not offer."""

    enabled = OffField()


class CreateSession(RequestSchema):
    mode = EnumField(SessionMode.values)
    line_items = ListField(LineItemData(), max_length=_MAX_LINES, required=False)
    customer = IdField("cus", required=False)
    customer_email = TextField(required=False, max_length=512)
    client_reference_id = TextField(required=False, max_length=200)
    success_url = TextField(required=False, max_length=2048)
    cancel_url = TextField(required=False, max_length=2048)
    expires_at = TimestampField(required=False)
    locale = EnumField(["auto", *LANGUAGES], required=False)
    metadata = MetadataField()
    payment_intent_data = IntentData(required=False)
    setup_intent_data = SetupData(required=False)
    subscription_data = SubscriptionData(required=False)
    payment_method_types = ListField(EnumField(["card"]), required=False)
    ui_mode = EnumField(["hosted"], required=False)
    # Of these only what the page does anyway.
    adaptive_pricing = SwitchedOff(required=False)
    allow_promotion_codes = OffField(required=False)
    automatic_tax = SwitchedOff(required=False)
    billing_address_collection = EnumField(["auto"], required=False)
    customer_creation = EnumField(["if_required"], required=False)
    invoice_creation = SwitchedOff(required=False)
    phone_number_collection = SwitchedOff(required=False)
    tax_id_collection = SwitchedOff(required=False)


class UpdateSession(RequestSchema):
    metadata = MetadataField()


class ListSessions(ListSchema):
    customer = IdField("cus", required=False)
    payment_intent = IdField("pi", required=False)
    subscription = IdField("sub", required=False)
    status = EnumField(SessionStatus.values, required=False)


class SessionView(ApiView):
    resource = "checkout_sessions"


class SessionList(SessionView):
    schemas = {"GET": ListSessions, "POST": CreateSession}
    answers = {"GET": CHECKOUT_SESSIONS, "POST": CHECKOUT_SESSION}

    def get(self, _request: HttpRequest) -> Json:
        params = self.load()
        rows = Session.objects.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        )
        for name, column in _FILTERS.items():
            if name in params:
                rows = rows.filter(**{column: params[name]})
        return list_page(rows, params, url="/v1/checkout/sessions", show=render_session)

    def post(self, _request: HttpRequest) -> Json:
        params = self.load()
        session = _CREATE[params["mode"]](
            scope=self.scope, basket=_basket(params), origin=self.origin, now=timezone.now()
        )
        return render_session(session)


_CREATE = {
    SessionMode.PAYMENT: create_session,
    SessionMode.SETUP: create_setup_session,
    SessionMode.SUBSCRIPTION: create_subscription_session,
}
_FILTERS = {
    "customer": "customer_id",
    "payment_intent": "payment_intent_id",
    "status": "status",
    "subscription": "subscription_id",
}


class SessionDetail(SessionView):
    schemas = {"POST": UpdateSession}
    answers = {"GET": CHECKOUT_SESSION, "POST": CHECKOUT_SESSION}

    def get(self, _request: HttpRequest, session_id: str) -> Json:
        self.load()
        return render_session(get_session(self.scope, session_id))

    def post(self, _request: HttpRequest, session_id: str) -> Json:
        params = self.load()
        if "metadata" not in params:
            return render_session(get_session(self.scope, session_id))
        session = update_session(
            scope=self.scope,
            session_id=session_id,
            metadata=params["metadata"],
            origin=self.origin,
            now=timezone.now(),
        )
        return render_session(session)


class SessionLineItems(SessionView):
    """What the session sells, on one page."""

    schemas = {"GET": ListSchema}
    answers = {"GET": LINE_ITEMS}

    def get(self, _request: HttpRequest, session_id: str) -> Json:
        self.load()
        return _show_items(get_session(self.scope, session_id))


class SessionExpire(SessionView):
    answers = {"POST": CHECKOUT_SESSION}
    # What a payer has begun is ended at the gateway first.
    transactional_answer = False

    def post(self, _request: HttpRequest, session_id: str) -> Json:
        self.load()
        session = expire_session(
            scope=self.scope, session_id=session_id, origin=self.origin, now=timezone.now()
        )
        return render_session(session)


def _basket(params: dict[str, Any]) -> Basket:
    fields = {
        "customer_id": params.get("customer", ""),
        "customer_email": params.get("customer_email", ""),
        "client_reference_id": params.get("client_reference_id", ""),
        "success_url": _address(params, "success_url"),
        "cancel_url": _address(params, "cancel_url"),
        "locale": params.get("locale", "").replace("auto", ""),
        "metadata": merge_metadata({}, params.get("metadata")),
    }
    subscription = params.get("subscription_data", {})
    if {"trial_end", "trial_period_days"} <= subscription.keys():
        param = "subscription_data[trial_end]"
        raise InvalidParameter(f"{param} and trial_period_days exclude each other.", param=param)
    return Basket(
        items=[_line(each, place) for place, each in enumerate(params.get("line_items", []))],
        fields=fields,
        intent=_intent_columns(params.get("payment_intent_data", {})),
        setup=with_metadata(params.get("setup_intent_data", {}), {}),
        subscription=with_metadata(_subscription_columns(subscription), {}),
        trial_days=subscription.get("trial_period_days"),
        trial_end=subscription.get("trial_end"),
        expires_at=params.get("expires_at"),
    )


def _line(given: dict[str, Any], place: int) -> LineItem:
    if ("price" in given) == ("price_data" in given):
        param = f"line_items[{place}]"
        raise LineItemsInvalid(f"{param} needs either price or price_data.", param=param)
    if "price" in given:
        return LineItem(price_id=given["price"], quantity=given["quantity"])
    data = given["price_data"]
    return LineItem(
        quantity=given["quantity"],
        name=data["product_data"]["name"],
        unit_amount=data["unit_amount"],
        currency=data["currency"].upper(),
    )


def _subscription_columns(data: dict[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in ("description", "metadata") if name in data}


def _intent_columns(data: dict[str, Any]) -> dict[str, Any]:
    columns = with_metadata(data, {})
    if "shipping" in columns:
        columns["shipping"] = parcel_of(columns["shipping"])
    if "transfer_data" in columns:
        columns["transfer_destination"] = columns.pop("transfer_data")["destination"]
    return columns


def _address(params: dict[str, Any], name: str) -> str:
    url = str(params.get(name, ""))
    if url and not url.startswith(("https://", "http://")):
        raise InvalidParameter(f"{name} must be an http(s) address.", param=name)
    return url


def _show_items(session: Session) -> Json:
    return list_envelope(
        [render_line_item(session, item) for item in session.line_items],
        url=f"/v1/checkout/sessions/{session.id}/line_items",
    )


def load_sessions(ids: set[str], scope: Scope) -> dict[str, Json]:
    """Return the sessions with these ids, for `expand[]`."""
    return {id_: render_session(session) for id_, session in _sessions(ids, scope).items()}


def load_line_items(ids: set[str], scope: Scope) -> dict[str, Json]:
    """Return what each of these sessions sells, for `expand[]`."""
    return {id_: _show_items(session) for id_, session in _sessions(ids, scope).items()}


def _sessions(ids: set[str], scope: Scope) -> dict[str, Session]:
    rows = get_rows(Session.objects, scope, ids)
    return {row.id: row for row in rows}
