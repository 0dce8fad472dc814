"""`/v1/payments`: one checkout with payment orders of several sellers (S3)."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from apps.api.errors import ParameterMissing
from apps.api.fields import EnumField, IdField, ListField, TextField
from apps.api.lists import ListSchema, list_page
from apps.api.schemas import RequestSchema
from apps.api.views import ApiView, Json
from apps.common.errors import InvalidParameter, ResourceMissing
from apps.common.money import CURRENCIES, AmountInvalid, CurrencyInvalid, to_minor
from apps.payments.api.shapes import PAYMENT, PAYMENT_ORDER, PAYMENT_ORDERS
from apps.payments.models import Checkout, PaymentOrder
from apps.payments.objects import render_checkout, render_order
from apps.payments.services.orders import (
    CheckoutWish,
    OrderWish,
    create_checkout,
    run_checkout,
)
from apps.payments.states import OrderStatus

# More sellers than this are no basket, and would not be charged within one request.
MAX_ORDERS = 50


class DecimalField(TextField):
    """An amount of major units as text, such as "12.34"; a number of JSON is refused (C7)."""

    def read(self, value: Any, param: str) -> str:
        if not isinstance(value, str):
            raise AmountInvalid(f'{param} must be a decimal string, such as "12.34".', param=param)
        return value


class OrderCurrencyField(TextField):
    """An ISO 4217 code in either case."""

    def read(self, value: Any, param: str) -> str:
        if not isinstance(value, str) or value.upper() not in CURRENCIES:
            shown = value[:10] if isinstance(value, str) else type(value).__name__
            raise CurrencyInvalid(param=param, currency=shown)
        return value.upper()


class Buyer(RequestSchema):
    id = TextField(required=False, min_length=1, max_length=255)
    customer = IdField("cus", required=False)
    name = TextField(required=False, max_length=256)
    email = TextField(required=False, max_length=512)


class CreditCardInfo(RequestSchema):
    """A token or a stored method; a card number anywhere is refused before this is read (C6)."""

    token = TextField(required=False, min_length=1, max_length=255)
    payment_method = TextField(required=False, min_length=1, max_length=255)


class Order(RequestSchema):
    payment_order_id = TextField(min_length=1, max_length=64)
    seller_account = IdField("acct")
    amount = DecimalField()
    currency = OrderCurrencyField()


class CreatePayment(RequestSchema):
    buyer = Buyer()
    checkout_id = TextField(min_length=1, max_length=64)
    credit_card_info = CreditCardInfo()
    payment_orders = ListField(Order(), max_length=MAX_ORDERS)


class ListOrders(ListSchema):
    checkout_id = TextField(required=False, min_length=1, max_length=64)
    seller_account = IdField("acct", required=False)
    status = EnumField(OrderStatus.values, required=False)


class PaymentList(ApiView):
    resource = "payments"
    schemas = {"GET": ListOrders, "POST": CreatePayment}
    answers = {"GET": PAYMENT_ORDERS, "POST": PAYMENT}
    transactional_answer = False

    def get(self, _request: HttpRequest) -> Json:
        """Return orders; with a checkout's id also whether all of it is paid."""
        params = self.load()
        rows = PaymentOrder.objects.filter(
            merchant_id=self.scope.merchant_id, livemode=self.scope.livemode
        ).select_related("checkout")
        if "seller_account" in params:
            rows = rows.filter(seller_id=params["seller_account"])
        if "status" in params:
            rows = rows.filter(status=params["status"])
        if "checkout_id" not in params:
            return list_page(rows, params, url="/v1/payments", show=_show)
        checkout = self._find_checkout(params["checkout_id"])
        page = list_page(rows.filter(checkout=checkout), params, url="/v1/payments", show=_show)
        return {
            **page,
            "checkout_id": params["checkout_id"],
            "is_payment_done": checkout is not None and checkout.is_payment_done,
        }

    def post(self, _request: HttpRequest) -> Json:
        now = timezone.now()
        params = self.load()
        card = params["credit_card_info"]
        payment_method = card.get("payment_method") or card.get("token", "")
        if not payment_method:
            name = "credit_card_info[token]"
            raise ParameterMissing(param=name, param_name=name)
        checkout_id = self.claim.object_id if self.claim else ""
        if not checkout_id:
            checkout_id = create_checkout(
                scope=self.scope,
                wish=_wish(params, payment_method),
                origin=self.origin,
                now=now,
                remember=self.claim.remember if self.claim else None,
            ).id
        checkout = run_checkout(
            checkout_id=checkout_id, payment_method=payment_method, origin=self.origin, now=now
        )
        return render_checkout(checkout, list(checkout.orders.order_by("id")))

    def _find_checkout(self, checkout_id: str) -> Checkout | None:
        return Checkout.objects.filter(
            merchant_id=self.scope.merchant_id,
            livemode=self.scope.livemode,
            checkout_id=checkout_id,
        ).first()


class PaymentDetail(ApiView):
    resource = "payments"
    answers = {"GET": PAYMENT_ORDER}

    def get(self, _request: HttpRequest, payment_order_id: str) -> Json:
        self.load()
        order = (
            PaymentOrder.objects.filter(
                payment_order_id=payment_order_id,
                merchant_id=self.scope.merchant_id,
                livemode=self.scope.livemode,
            )
            .select_related("checkout")
            .first()
        )
        if order is None:
            raise ResourceMissing(
                resource="payment order", id=payment_order_id[:64], param="payment_order_id"
            )
        return _show(order)


def _show(order: PaymentOrder) -> Json:
    return render_order(order, order.checkout)


def _wish(params: Json, payment_method: str) -> CheckoutWish:
    buyer = params["buyer"]
    if not buyer:
        raise InvalidParameter(
            "The buyer needs an id, a customer, a name or an e-mail.", param="buyer"
        )
    if not params["payment_orders"]:
        raise InvalidParameter("There is nothing to pay.", param="payment_orders")
    return CheckoutWish(
        checkout_id=params["checkout_id"],
        payment_method=payment_method,
        orders=[_order(place, order) for place, order in enumerate(params["payment_orders"])],
        buyer_reference=buyer.get("id", ""),
        customer_id=buyer.get("customer", ""),
        buyer_name=buyer.get("name", ""),
        buyer_email=buyer.get("email", ""),
    )


def _order(place: int, order: Json) -> OrderWish:
    try:
        amount = to_minor(order["amount"], order["currency"])
    except AmountInvalid as refusal:
        refusal.param = f"payment_orders[{place}][amount]"
        raise
    return OrderWish(
        payment_order_id=order["payment_order_id"],
        seller_id=order["seller_account"],
        amount=amount,
        currency=order["currency"],
    )
