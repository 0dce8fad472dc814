"""
A payment method as a request describes it, also inside of a request that charges it at once.

Nothing here takes a card number: a card comes as a one-time token of the card fields (SAQ-A).
"""

from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any, ClassVar

from apps.api.addresses import Address
from apps.api.fields import EnumField, MetadataField, TextField, TimestampField
from apps.api.schemas import RequestSchema
from apps.api.views import ApiView
from apps.common.errors import DomainError, InvalidParameter
from apps.common.metadata import merge_metadata
from apps.common.origin import Origin, Scope
from apps.vault.models import PaymentMethod
from apps.vault.services import MandateAcceptance, create_debit_method, create_method
from apps.vault.states import Acceptance


class DetailsMissing(DomainError):
    code: ClassVar[str] = "parameter_missing"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "A payment method of type {type} needs {needed}."


class BillingDetails(RequestSchema):
    address = Address(required=False, allow_null=True)
    email = TextField(required=False, allow_null=True, max_length=512)
    name = TextField(required=False, allow_null=True, max_length=256)
    phone = TextField(required=False, allow_null=True, max_length=20)


class CardToken(RequestSchema):
    token = TextField(min_length=1, max_length=255)


class SepaDebit(RequestSchema):
    iban = TextField(min_length=5, max_length=42)


class MethodData(RequestSchema):
    type = EnumField(["card", "sepa_debit"])
    card = CardToken(required=False)
    sepa_debit = SepaDebit(required=False)
    billing_details = BillingDetails(required=False)
    metadata = MetadataField()


class OnlineAcceptance(RequestSchema):
    ip_address = TextField(min_length=3, max_length=45)
    user_agent = TextField(min_length=1, max_length=500)


class OfflineAcceptance(RequestSchema):
    """On paper or on the phone: there is no more to tell."""


class CustomerAcceptance(RequestSchema):
    type = EnumField(Acceptance.values)
    accepted_at = TimestampField(required=False)
    online = OnlineAcceptance(required=False)
    offline = OfflineAcceptance(required=False)


class MandateData(RequestSchema):
    """How the payer agreed to be debited."""

    customer_acceptance = CustomerAcceptance()


class MethodInside(RequestSchema):
    """The parameters of a request that may bring its payment method along."""

    payment_method = TextField(required=False, min_length=1, max_length=255)
    payment_method_data = MethodData(required=False)
    mandate_data = MandateData(required=False)


class MethodInsideView(ApiView):
    """A view whose POSTs are `MethodInside` requests."""

    def claim_early(self, params: Mapping[str, Any]) -> None:
        """Take the key before a method that comes along is stored: a repetition stores none."""
        if "payment_method_data" in params and self.claim and not self.claim.is_held:
            self.claim.take()

    def with_method(self, params: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """Return the parameters with a payment method that came along as `payment_method`."""
        return take_method_inside(params, scope=self.scope, origin=self.origin, now=now)


def store_method_data(
    *,
    scope: Scope,
    data: Mapping[str, Any],
    mandate: Mapping[str, Any] | None = None,
    param: str = "",
    origin: Origin,
    now: datetime,
) -> PaymentMethod:
    """
    Keep the described method, once for each Idempotency-Key.

    `param` is the name under which `data` came, "" when it is the request itself.

    :raises DetailsMissing: it says too little for its type
    :raises TokenRefused: the gateway does not know the token, or takes no such account
    :raises GatewaysAway: none could be reached; nothing was stored
    """
    token, key = _token_of(data, param), f"data:{origin.idempotency_key}"
    billing_details = data.get("billing_details", {})
    metadata = merge_metadata({}, data.get("metadata"))
    if data["type"] == "card":
        return create_method(
            scope=scope, type="card", token=token, billing_details=billing_details,
            metadata=metadata, key=key, now=now,
        )  # fmt: skip
    return create_debit_method(
        scope=scope, iban=token, acceptance=_acceptance_of(mandate),
        billing_details=billing_details, metadata=metadata, key=key, origin=origin, now=now,
    )  # fmt: skip


def take_method_inside(
    params: Mapping[str, Any], *, scope: Scope, origin: Origin, now: datetime
) -> dict[str, Any]:
    """
    Return a `MethodInside` request with `payment_method` in place of `payment_method_data`.

    A bare token is charged as it is. What has more to it becomes a stored method first, which the
    same request finds when it comes again. `mandate_data` is about the account that comes along:
    one that is stored has its mandate.

    :raises InvalidParameter: there is a payment method beside it
    :raises DomainError: as `store_method_data`
    """
    taken = {name: value for name, value in params.items() if name not in _INSIDE}
    data = params.get("payment_method_data")
    if data is None:
        return taken
    param = "payment_method_data"
    if "payment_method" in params:
        raise InvalidParameter(f"payment_method and {param} exclude each other.", param=param)
    token = _token_of(data, param)
    if data["type"] == "card" and not data.get("billing_details") and not data.get("metadata"):
        return {**taken, "payment_method": token}
    method = store_method_data(
        scope=scope,
        data=data,
        mandate=params.get("mandate_data"),
        param=param,
        origin=origin,
        now=now,
    )
    return {**taken, "payment_method": method.id}


_INSIDE = frozenset({"payment_method_data", "mandate_data"})


def _token_of(data: Mapping[str, Any], param: str) -> str:
    kind, needed = data["type"], "token" if data["type"] == "card" else "iban"
    if kind not in data:
        name = f"{param}[{kind}][{needed}]" if param else f"{kind}[{needed}]"
        raise DetailsMissing(type=kind, needed=name, param=name)
    return str(data[kind][needed])


def _acceptance_of(mandate: Mapping[str, Any] | None) -> MandateAcceptance:
    """Return how the mandate was given: on paper, unless the request tells otherwise."""
    if mandate is None:
        return MandateAcceptance()
    given = mandate["customer_acceptance"]
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
