"""
MAP 7: examples of requests, by method and path; the API's document shows them.

An id stands for an object of the reader's own. A test lets each example be accepted.
"""

from collections.abc import Mapping
from typing import Any, Final

_CUSTOMER: Final = "cus_01kb8m5n7q0000000000000001"
_PAYMENT_METHOD: Final = "pm_01kb8m5n7q0000000000000002"
_PAYMENT_INTENT: Final = "pi_01kb8m5n7q0000000000000003"
_SELLER: Final = "acct_01kb8m5n7q0000000000000004"
_PRODUCT: Final = "prod_01kb8m5n7q0000000000000005"
_PRICE: Final = "price_01kb8m5n7q0000000000000006"
_INVOICE: Final = "in_01kb8m5n7q0000000000000007"
_SUBSCRIPTION: Final = "sub_01kb8m5n7q0000000000000008"
_VALUE_LIST: Final = "rsl_01kb8m5n7q0000000000000009"
_PAYMENT: Final = {"amount": 1050, "currency": "eur", "payment_method": "pm_card_visa"}

# Operation -> name of the example -> body.
EXAMPLES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "POST /v1/accounts": {
        "seller": {"email": "seller@example.com", "country": "DE", "default_currency": "eur"},
    },
    "POST /v1/billing/meters": {
        "calls": {
            "display_name": "API calls",
            "event_name": "api_call",
            "default_aggregation": {"formula": "sum"},
        },
    },
    "POST /v1/checkout/sessions": {
        "one_item": {
            "mode": "payment",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "eur",
                        "unit_amount": 1050,
                        "product_data": {"name": "Book"},
                    },
                }
            ],
            "success_url": "https://shop.example/thanks",
        },
    },
    "POST /v1/coupons": {
        "once": {"percent_off": "10", "duration": "once"},
    },
    "POST /v1/customers": {
        "person": {
            "email": "ada@example.com",
            "name": "Ada Lovelace",
            "metadata": {"shop": "7"},
        },
    },
    "POST /v1/customers/{customer_id}": {
        "new_address": {"email": "ada@example.org"},
    },
    "POST /v1/customers/{customer_id}/balance_transactions": {
        "goodwill": {"amount": -500, "currency": "eur", "description": "Sorry for the wait"},
    },
    "POST /v1/dunning_policies": {
        "patient": {"name": "Patient", "retry_days": [1, 3, 5, 7], "final_action": "cancel"},
    },
    "POST /v1/invoiceitems": {
        "extra": {"customer": _CUSTOMER, "amount": 500, "currency": "eur", "description": "Extra"},
    },
    "POST /v1/invoices": {
        "by_mail": {
            "customer": _CUSTOMER,
            "collection_method": "send_invoice",
            "days_until_due": 14,
        },
    },
    "POST /v1/invoices/create_preview": {
        "next": {"customer": _CUSTOMER, "subscription": _SUBSCRIPTION},
    },
    "POST /v1/payment_intents": {
        "paid_at_once": {**_PAYMENT, "confirm": True, "metadata": {"order": "7"}},
        "held_until_captured": {**_PAYMENT, "capture_method": "manual", "confirm": True},
        "with_goods_to_send": {
            **_PAYMENT,
            "confirm": True,
            "shipping": {
                "name": "Ada Lovelace",
                "address": {
                    "line1": "Main Street 1",
                    "postal_code": "10115",
                    "city": "Berlin",
                    "country": "DE",
                },
            },
        },
        "confirmed_later": {"amount": 1050, "currency": "eur"},
    },
    "POST /v1/payment_intents/{intent_id}": {
        "other_amount": {"amount": 1250, "description": "Order 7"},
    },
    "POST /v1/payment_intents/{intent_id}/cancel": {
        "by_the_payer": {"cancellation_reason": "requested_by_customer"},
    },
    "POST /v1/payment_intents/{intent_id}/capture": {
        "part": {"amount_to_capture": 550},
    },
    "POST /v1/payment_intents/{intent_id}/confirm": {
        "card": {"payment_method": "pm_card_visa", "return_url": "https://shop.example/return"},
    },
    "POST /v1/payment_intents/{intent_id}/increment_authorization": {
        "more": {"amount": 1500},
    },
    "POST /v1/payment_methods": {
        "card": {"type": "card", "card": {"token": "tok_visa"}},
        "debit": {
            "type": "sepa_debit",
            "sepa_debit": {"iban": "DE89370400440532013000"},
            "billing_details": {"name": "Ada Lovelace", "email": "ada@example.com"},
        },
    },
    "POST /v1/payment_methods/{method_id}/attach": {
        "to_a_customer": {"customer": _CUSTOMER},
    },
    "POST /v1/payments": {
        "two_sellers": {
            "buyer": {"email": "ada@example.com"},
            "checkout_id": "basket-7",
            "credit_card_info": {"token": "tok_visa"},
            "payment_orders": [
                {
                    "payment_order_id": "basket-7-1",
                    "seller_account": _SELLER,
                    "amount": "12.34",
                    "currency": "EUR",
                }
            ],
        },
    },
    "POST /v1/payouts": {
        "part": {"amount": 100, "currency": "eur", "destination": _SELLER},
    },
    "POST /v1/prices": {
        "monthly": {
            "product": _PRODUCT,
            "currency": "eur",
            "unit_amount": 900,
            "recurring": {"interval": "month"},
        },
    },
    "POST /v1/products": {
        "plan": {"name": "Plan"},
    },
    "POST /v1/radar/rules": {
        "too_much": {"name": "Too much", "action": "review", "expression": "amount > 900000"},
    },
    "POST /v1/radar/rules/{rule_id}": {
        "stricter": {"name": "Too much", "action": "block", "expression": "amount > 900000"},
    },
    "POST /v1/radar/value_list_items": {
        "one": {"value_list": _VALUE_LIST, "value": "eve@example.com"},
    },
    "POST /v1/radar/value_lists": {
        "suspects": {"alias": "suspects", "name": "Suspects", "item_type": "email"},
    },
    "POST /v1/refunds": {
        "part": {"payment_intent": _PAYMENT_INTENT, "amount": 100},
    },
    "POST /v1/reporting/report_runs": {
        "march": {
            "report_type": "payments.by_day.1",
            "parameters": {"interval_start": 1_772_323_200, "interval_end": 1_775_001_600},
        },
    },
    "POST /v1/reviews/{review_id}/approve": {
        "known_payer": {"note": "A customer of many years"},
    },
    "POST /v1/routing/rules": {
        "all": {"name": "All", "weights": [{"gateway": "stripe_main", "weight": 100}]},
    },
    "POST /v1/routing/rules/{rule_id}": {
        "renamed": {"name": "All cards", "weights": [{"gateway": "stripe_main", "weight": 100}]},
    },
    "POST /v1/setup_intents": {
        "for_later": {"customer": _CUSTOMER, "usage": "off_session"},
    },
    "POST /v1/setup_intents/{setup_id}/confirm": {
        "card": {"payment_method": "pm_card_visa"},
    },
    "POST /v1/subscriptions": {
        "monthly": {
            "customer": _CUSTOMER,
            "items": [{"price": _PRICE}],
            "default_payment_method": _PAYMENT_METHOD,
        },
    },
    "POST /v1/test_helpers/test_clocks": {
        "future": {"frozen_time": 1_900_000_000, "name": "A year of renewals"},
    },
    "POST /v1/test_helpers/test_clocks/{clock_id}/advance": {
        "a_day": {"frozen_time": 1_900_086_400},
    },
    "POST /v1/transfers": {
        "share": {"amount": 500, "currency": "eur", "destination": _SELLER},
    },
    "POST /v1/transfers/{transfer_id}/reversals": {
        "part": {"amount": 100},
    },
    "POST /v1/webhook_endpoints": {
        "everything": {"url": "https://shop.example/hooks", "enabled_events": ["*"]},
    },
    "POST /v1/credit_notes": {
        "part": {"invoice": _INVOICE, "amount": 100, "reason": "order_change"},
    },
    "POST /v1/webhook_endpoints/{endpoint_id}/resend": {
        "a_day": {"since": 1_772_323_200, "until": 1_772_409_600},
    },
}
