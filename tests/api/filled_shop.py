"""A merchant with an object of most kinds, made through the API."""

from config.api_examples import EXAMPLES
from tests.api.placeholders import with_objects
from tests.conftest import ApiClient


def objects_of_a_shop(api: ApiClient) -> dict[str, str]:
    """Make an object of each kind that others hang on; return the parameters of paths."""
    customer = api.post("/v1/customers", {"email": "a@example.com"}).json()["id"]
    card = {"type": "card", "card": {"token": "tok_visa"}}
    method = api.post("/v1/payment_methods", card).json()["id"]
    api.post(f"/v1/payment_methods/{method}/attach", {"customer": customer})
    paid = api.post(
        "/v1/payment_intents",
        {
            "amount": 5000,
            "currency": "eur",
            "customer": customer,
            "payment_method": method,
            "confirm": True,
        },
    ).json()
    waiting = api.post("/v1/payment_intents", {"amount": 5000, "currency": "eur"}).json()
    refund = api.post("/v1/refunds", {"payment_intent": paid["id"], "amount": 100}).json()
    event = api.get("/v1/events").json()["data"][0]
    return {
        "customer_id": customer,
        "method_id": method,
        "intent_id": waiting["id"],
        "charge_id": paid["latest_charge"],
        "refund_id": refund["id"],
        "event_id": event["id"],
        **objects_of_sellers(api, customer=customer),
        **objects_of_billing(api, customer=customer, method=method),
        **objects_of_risk(api),
    }


def objects_of_sellers(api: ApiClient, *, customer: str) -> dict[str, str]:
    """Make a seller with a transfer and an order."""
    seller = api.post(
        "/v1/accounts",
        {"email": "s@example.com", "default_currency": "eur", "external_account": "ba_1"},
    )
    account = seller.json()["id"]
    wish = {"amount": 5000, "currency": "eur", "destination": account}
    order = {"payment_order_id": "order-1", "seller_account": account, "amount": "12.34"}
    checkout = {
        "buyer": {"customer": customer},
        "checkout_id": "checkout-1",
        "credit_card_info": {"token": "tok_visa"},
        "payment_orders": [{**order, "currency": "EUR"}],
    }
    api.post("/v1/payments", checkout)
    return {
        "account_id": account,
        "transfer_id": api.post("/v1/transfers", wish).json()["id"],
        "payment_order_id": "order-1",
    }


def objects_of_billing(api: ApiClient, *, customer: str, method: str) -> dict[str, str]:
    """Make a subscription with all that it needs."""
    product = api.post("/v1/products", {"name": "Plan"}).json()["id"]
    monthly = {"currency": "eur", "unit_amount": 900, "recurring": {"interval": "month"}}
    price = api.post("/v1/prices", {"product": product, **monthly}).json()["id"]
    wish = {"customer": customer, "items": [{"price": price}], "default_payment_method": method}
    subscription = api.post("/v1/subscriptions", wish).json()
    policy = api.post("/v1/dunning_policies", {"name": "Short", "retry_days": [1, 3]})
    clock = api.post("/v1/test_helpers/test_clocks", {"frozen_time": 1_900_000_000})
    coupon = api.post("/v1/coupons", {"percent_off": 10, "duration": "once"})
    return {
        "product_id": product,
        "price_id": price,
        "subscription_id": subscription["id"],
        "invoice_id": subscription["latest_invoice"],
        "policy_id": policy.json()["id"],
        "clock_id": clock.json()["id"],
        "code": coupon.json()["id"],
    }


def objects_of_risk(api: ApiClient) -> dict[str, str]:
    """Make a rule and a list."""
    rule = {"name": "Too much", "action": "block", "expression": "amount > 900000"}
    known = api.post("/v1/radar/value_lists", {"alias": "suspects", "name": "Suspects"})
    return {
        "rule_id": api.post("/v1/radar/rules", rule).json()["id"],
        "list_id": known.json()["id"],
    }


def named(ids: dict[str, str]) -> dict[str, str]:
    """Return the objects of the shop by the names that requests have for them."""
    return {
        "customer": ids["customer_id"],
        "default_payment_method": ids["method_id"],
        "destination": ids["account_id"],
        "invoice": ids["invoice_id"],
        "price": ids["price_id"],
        "product": ids["product_id"],
        "seller_account": ids["account_id"],
        "subscription": ids["subscription_id"],
        "value_list": ids["list_id"],
    }


def objects_of_everything(api: ApiClient) -> dict[str, str]:
    """Make an object of every kind that the API makes, the rest of them from its examples."""
    ids = objects_of_a_shop(api)
    for collection in (
        "/v1/billing/meters",
        "/v1/checkout/sessions",
        "/v1/credit_notes",
        "/v1/invoiceitems",
        "/v1/payouts",
        "/v1/radar/value_list_items",
        "/v1/reporting/report_runs",
        "/v1/routing/rules",
        "/v1/setup_intents",
        f"/v1/transfers/{ids['transfer_id']}/reversals",
        "/v1/webhook_endpoints",
    ):
        template = collection.replace(ids["transfer_id"], "{transfer_id}")
        (body, *_) = EXAMPLES[f"POST {template}"].values()
        answer = api.post(collection, with_objects(body, named(ids)))
        assert answer.status_code == 200, (collection, answer.content)
    return ids
