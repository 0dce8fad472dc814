"""Where people live and where parcels go, as requests name it."""

from typing import Any, Final

from apps.api.fields import TextField
from apps.api.schemas import RequestSchema

_ADDRESS: Final = ("city", "country", "line1", "line2", "postal_code", "state")
_PARCEL: Final = ("carrier", "name", "phone", "tracking_number")


class Address(RequestSchema):
    city = TextField(required=False, allow_null=True)
    country = TextField(required=False, allow_null=True, max_length=2)
    line1 = TextField(required=False, allow_null=True)
    line2 = TextField(required=False, allow_null=True)
    postal_code = TextField(required=False, allow_null=True, max_length=20)
    state = TextField(required=False, allow_null=True)


class Shipping(RequestSchema):
    """To whom things are sent."""

    address = Address()
    name = TextField()
    phone = TextField(required=False, allow_null=True, max_length=20)


class ParcelShipping(Shipping):
    """Where the goods of one payment go, and with whom they travel."""

    carrier = TextField(required=False, allow_null=True)
    tracking_number = TextField(required=False, allow_null=True)


def parcel_of(shipping: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a request's `ParcelShipping` as it is kept: every name, None for what is not told."""
    if shipping is None:
        return None
    address = shipping["address"]
    return {
        "address": {name: address.get(name) or None for name in _ADDRESS},
        **{name: shipping.get(name) or None for name in _PARCEL},
    }
