"""A link to the hosted payment page, for a visitor to pay by."""

import stripe

_REQUEST_SECONDS = 20.0


def open_checkout(*, base_url: str, secret_key: str) -> str:
    """
    Return the address of a page that sells two things for EUR 49.00; it works for a day.

    :raises stripe.StripeError: the platform refused, or did not answer
    """
    client = stripe.StripeClient(
        secret_key,
        base_addresses={"api": base_url},
        http_client=stripe.RequestsClient(timeout=_REQUEST_SECONDS),
    )
    session = client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [_item("Tea", 450, quantity=2), _item("Teapot", 4000)],
            "success_url": f"{base_url}/docs",
            "cancel_url": f"{base_url}/docs",
        }
    )
    return session.url or ""


def _item(
    name: str, unit_amount: int, *, quantity: int = 1
) -> "stripe.params.checkout.SessionCreateParamsLineItem":
    return {
        "price_data": {
            "currency": "eur",
            "unit_amount": unit_amount,
            "product_data": {"name": name},
        },
        "quantity": quantity,
    }
