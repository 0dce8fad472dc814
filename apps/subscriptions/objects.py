"""How billing looks in the API and in events: the shapes of Stripe's version 2026-10-28."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings

from apps.subscriptions.models import (
    BalanceTransaction,
    Coupon,
    CreditNote,
    Discount,
    DunningPolicy,
    Invoice,
    InvoiceItem,
    InvoiceLine,
    InvoicePayment,
    Meter,
    Price,
    Product,
    Subscription,
    SubscriptionItem,
    TestClock,
)
from apps.subscriptions.states import InvoiceStatus

Json = dict[str, Any]


def _unix(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _decimal(value: Decimal | None) -> str | None:
    return None if value is None else f"{value.normalize():f}"


def _integer(value: Decimal | None) -> int | None:
    """Return whole minor units, or None where a fraction of one would get lost."""
    return int(value) if value is not None and value == value.to_integral_value() else None


def render_product(product: Product) -> Json:
    """Return the product as `product`."""
    return {
        "id": product.id,
        "object": "product",
        "active": product.active,
        "created": _unix(product.created_at),
        "default_price": product.default_price_id or None,
        "description": product.description or None,
        "images": [],
        "livemode": product.livemode,
        "marketing_features": [],
        "metadata": product.metadata,
        "name": product.name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": product.statement_descriptor or None,
        "tax_code": None,
        "type": "service",
        "unit_label": product.unit_label or None,
        "updated": _unix(product.updated_at),
        "url": None,
    }


def render_price(price: Price) -> Json:
    """Return the price as `price`."""
    recurring = None
    if price.is_recurring:
        recurring = {
            "interval": price.interval_unit,
            "interval_count": price.interval_count,
            "meter": price.meter_id,
            "trial_period_days": None,
            "usage_type": str(price.usage_type),
        }
    shown = {
        "id": price.id,
        "object": "price",
        "active": price.active,
        "billing_scheme": "tiered" if price.tiers_mode else "per_unit",
        "created": _unix(price.created_at),
        "currency": price.currency.lower(),
        "custom_unit_amount": None,
        "livemode": price.livemode,
        "lookup_key": price.lookup_key or None,
        "metadata": price.metadata,
        "nickname": price.nickname or None,
        "product": price.product_id,
        "recurring": recurring,
        "tax_behavior": "exclusive",
        "tiers_mode": price.tiers_mode or None,
        "transform_quantity": None,
        "type": "recurring" if price.is_recurring else "one_time",
        "unit_amount": _integer(price.unit_amount),
        "unit_amount_decimal": _decimal(price.unit_amount),
    }
    if price.tiers_mode:
        shown["tiers"] = [_tier(tier) for tier in price.tiers]
    return shown


def _tier(tier: Json) -> Json:
    unit_amount = Decimal(tier["unit_amount"])
    return {
        "flat_amount": tier["flat_amount"] or None,
        "flat_amount_decimal": str(tier["flat_amount"]) if tier["flat_amount"] else None,
        "unit_amount": _integer(unit_amount),
        "unit_amount_decimal": _decimal(unit_amount),
        "up_to": tier["up_to"],
    }


def render_meter(meter: Meter) -> Json:
    """Return the meter as `billing.meter`."""
    return {
        "id": meter.id,
        "object": "billing.meter",
        "created": _unix(meter.created_at),
        "customer_mapping": {"event_payload_key": "stripe_customer_id", "type": "by_id"},
        "default_aggregation": {"formula": meter.aggregation},
        "display_name": meter.display_name,
        "event_name": meter.event_name,
        "event_time_window": None,
        "livemode": meter.livemode,
        "status": "active",
        "status_transitions": {"deactivated_at": None},
        "updated": _unix(meter.created_at),
        "value_settings": {"event_payload_key": "value"},
    }


def render_coupon(coupon: Coupon, *, is_valid: bool = True) -> Json:
    """Return the coupon as `coupon`, under the code that the merchant chose."""
    percent = coupon.percent_off
    return {
        "id": coupon.code,
        "object": "coupon",
        "amount_off": coupon.amount_off,
        "created": _unix(coupon.created_at),
        "currency": coupon.currency.lower() or None,
        "duration": str(coupon.duration),
        "duration_in_months": coupon.duration_in_months,
        "livemode": coupon.livemode,
        "max_redemptions": coupon.max_redemptions,
        "metadata": coupon.metadata,
        "name": coupon.name or None,
        # Stripe shows a number; a percentage with two decimals is exact as one in JSON.
        "percent_off": None if percent is None else _number(percent),
        "redeem_by": _unix(coupon.redeem_by),
        "times_redeemed": coupon.times_redeemed,
        "valid": is_valid,
    }


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def render_discount(discount: Discount) -> Json:
    """Return a redeemed coupon as `discount`."""
    return {
        "id": discount.id,
        "object": "discount",
        "customer": None,
        "end": _unix(discount.ends_at),
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "source": {"type": "coupon", "coupon": discount.coupon.code},
        "start": _unix(discount.starts_at),
        "subscription": discount.subscription_id,
        "subscription_item": None,
    }


def render_item(item: SubscriptionItem, subscription: Subscription) -> Json:
    """Return an item as `subscription_item`; the period stands on the item since Stripe's basil."""
    return {
        "id": item.id,
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": _unix(item.created_at),
        "current_period_end": _unix(subscription.current_period_end),
        "current_period_start": _unix(subscription.current_period_start),
        "discounts": [],
        "metadata": item.metadata,
        "price": render_price(item.price),
        "quantity": None if item.price.is_metered else item.quantity,
        "subscription": subscription.id,
        "tax_rates": [],
    }


def render_subscription(
    subscription: Subscription,
    items: Sequence[SubscriptionItem],
    discounts: Sequence[Discount] = (),
) -> Json:
    """Return the subscription as `subscription`, with its items."""
    pause = None
    if subscription.pause_behavior:
        pause = {
            "behavior": str(subscription.pause_behavior),
            "resumes_at": _unix(subscription.pause_resumes_at),
        }
    return {
        "id": subscription.id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": _unix(subscription.anchor),
        "billing_cycle_anchor_config": None,
        "billing_mode": {"type": "classic"},
        "billing_thresholds": None,
        "cancel_at": _unix(_cancel_at(subscription)),
        "cancel_at_period_end": subscription.cancel_at_period_end,
        "canceled_at": _unix(subscription.canceled_at),
        "cancellation_details": {
            "comment": subscription.cancellation_comment or None,
            "feedback": str(subscription.cancellation_feedback) or None,
            "reason": subscription.cancellation_reason or None,
        },
        "collection_method": str(subscription.collection_method),
        "created": _unix(subscription.created_at),
        "currency": subscription.currency.lower(),
        "customer": subscription.customer_id,
        "customer_account": None,
        "days_until_due": subscription.days_until_due,
        "default_payment_method": subscription.default_payment_method_id or None,
        "default_source": None,
        "default_tax_rates": [],
        "description": subscription.description or None,
        "discounts": [discount.id for discount in discounts],
        "dunning_policy": subscription.dunning_policy_id,
        "ended_at": _unix(subscription.ended_at),
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": {
            "object": "list",
            "data": [render_item(item, subscription) for item in items],
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={subscription.id}",
        },
        "latest_invoice": subscription.latest_invoice_id or None,
        "livemode": subscription.livemode,
        "metadata": subscription.metadata,
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "parked_reason": subscription.parked_reason or None,
        "pause_collection": pause,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "on_subscription"
            if subscription.saves_method
            else "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "proration_unit": subscription.proration_unit,
        "schedule": None,
        "start_date": _unix(subscription.started_at),
        "status": str(subscription.status),
        "tax_percent": _decimal(subscription.tax_percent),
        "test_clock": subscription.test_clock_id or None,
        "time_zone": subscription.time_zone,
        "transfer_data": None,
        "trial_end": _unix(subscription.trial_end),
        "trial_settings": {
            "end_behavior": {"missing_payment_method": str(subscription.missing_method_action)}
        },
        "trial_start": _unix(subscription.trial_start),
    }


def _cancel_at(subscription: Subscription) -> datetime | None:
    if subscription.cancel_at_period_end and not subscription.is_ended:
        return subscription.current_period_end
    return subscription.cancel_at


def render_line(line: InvoiceLine, invoice: Invoice) -> Json:
    """Return a line of an invoice as `line_item`."""
    return {
        "id": line.id,
        "object": "line_item",
        "amount": line.amount,
        "currency": invoice.currency.lower(),
        "description": line.description or None,
        "discount_amounts": (
            [{"amount": line.discount_amount, "discount": None}] if line.discount_amount else []
        ),
        "discountable": line.amount > 0,
        "discounts": [],
        "invoice": invoice.id,
        "livemode": invoice.livemode,
        "metadata": {},
        "parent": _line_parent(line, invoice),
        "period": {"end": _unix(line.period_end), "start": _unix(line.period_start)},
        "pretax_credit_amounts": [],
        "pricing": _pricing(line),
        "quantity": _integer(line.quantity),
        "quantity_decimal": _decimal(line.quantity),
        "subscription": invoice.subscription_id,
        "subtotal": line.amount,
        "taxes": _taxes(line.tax_amount, line.amount - line.discount_amount, line.tax_percent),
    }


def _line_parent(line: InvoiceLine, invoice: Invoice) -> Json:
    if line.item_id and not line.invoice_item_id:
        return {
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": line.is_proration,
                "proration_details": {"credited_items": None},
                "subscription": invoice.subscription_id,
                "subscription_item": line.item_id,
            },
        }
    return {
        "type": "invoice_item_details",
        "invoice_item_details": {
            "invoice_item": line.invoice_item_id or None,
            "proration": line.is_proration,
            "proration_details": {"credited_items": None},
            "subscription": invoice.subscription_id,
        },
        "subscription_item_details": None,
    }


def _pricing(line: InvoiceLine) -> Json | None:
    if not line.price_id:
        return None
    return {
        "type": "price_details",
        "price_details": {"price": line.price_id, "product": line.product_id},
        "unit_amount_decimal": _decimal(line.unit_amount),
    }


def _taxes(amount: int, taxable: int, percent: Decimal | None) -> list[Json]:
    if not amount:
        return []
    return [
        {
            "amount": amount,
            "tax_behavior": "exclusive",
            "tax_rate_details": None,
            "taxability_reason": "standard_rated",
            "taxable_amount": taxable,
            "percentage": _decimal(percent),
            "type": "tax_rate_details",
        }
    ]


def page_url(invoice: Invoice) -> str:
    """Return the address of the invoice's hosted page."""
    return f"{settings.PUBLIC_BASE_URL}/invoices/{invoice.access_token}"


# Stripe shows the first ten lines; the rest are at the invoice's own `lines` address.
MAX_LINES_SHOWN = 10


def render_invoice(
    invoice: Invoice, lines: Sequence[InvoiceLine], *, client_secret: str = ""
) -> Json:
    """Return the invoice as `invoice`, with its lines."""
    is_final = invoice.status != InvoiceStatus.DRAFT
    page = page_url(invoice)
    return {
        "id": invoice.id,
        "object": "invoice",
        "account_country": None,
        "account_name": None,
        "account_tax_ids": None,
        "amount_due": invoice.amount_due,
        "amount_overpaid": 0,
        "amount_paid": invoice.amount_paid,
        "amount_remaining": invoice.amount_remaining,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": invoice.attempt_count,
        "attempted": invoice.attempted,
        "auto_advance": invoice.auto_advance,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "status": None},
        "automatically_finalizes_at": None,
        "billing_reason": str(invoice.billing_reason),
        "collection_method": str(invoice.collection_method),
        "confirmation_secret": (
            {"client_secret": client_secret, "type": "payment_intent"} if client_secret else None
        ),
        "created": _unix(invoice.created_at),
        "currency": invoice.currency.lower(),
        "custom_fields": None,
        "customer": invoice.customer_id,
        "customer_address": None,
        "customer_email": invoice.customer_email or None,
        "customer_name": invoice.customer_name or None,
        "customer_phone": None,
        "customer_shipping": None,
        "customer_tax_exempt": str(invoice.customer_tax_exempt),
        "customer_tax_ids": [],
        "default_payment_method": invoice.default_payment_method_id or None,
        "default_source": None,
        "default_tax_rates": [],
        "description": invoice.description or None,
        "discounts": [],
        "due_date": _unix(invoice.due_date),
        "effective_at": _unix(invoice.finalized_at),
        "ending_balance": invoice.ending_balance,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": page if is_final else None,
        "invoice_pdf": f"{page}/pdf" if is_final else None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "last_payment_error": invoice.last_error,
        "latest_revision": None,
        "lines": {
            "object": "list",
            "data": [render_line(line, invoice) for line in lines[:MAX_LINES_SHOWN]],
            "has_more": len(lines) > MAX_LINES_SHOWN,
            "total_count": len(lines),
            "url": f"/v1/invoices/{invoice.id}/lines",
        },
        "livemode": invoice.livemode,
        "metadata": invoice.metadata,
        "next_payment_attempt": _unix(invoice.next_payment_attempt),
        "number": invoice.number,
        "on_behalf_of": None,
        "parent": _invoice_parent(invoice),
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": _unix(invoice.period_end),
        "period_start": _unix(invoice.period_start),
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": invoice.amount_credited,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": invoice.starting_balance,
        "statement_descriptor": None,
        "status": str(invoice.status),
        "status_transitions": {
            "finalized_at": _unix(invoice.finalized_at),
            "marked_uncollectible_at": _unix(invoice.uncollectible_at),
            "paid_at": _unix(invoice.paid_at),
            "voided_at": _unix(invoice.voided_at),
        },
        "subtotal": invoice.subtotal,
        "subtotal_excluding_tax": invoice.subtotal,
        "test_clock": invoice.test_clock_id or None,
        "total": invoice.total,
        "total_discount_amounts": (
            [{"amount": invoice.discount_amount, "discount": None}]
            if invoice.discount_amount
            else []
        ),
        "total_excluding_tax": invoice.total - invoice.tax_amount,
        "total_pretax_credit_amounts": [],
        "total_taxes": _taxes(invoice.tax_amount, invoice.subtotal - invoice.discount_amount, None),
        "webhooks_delivered_at": None,
    }


def _invoice_parent(invoice: Invoice) -> Json | None:
    if invoice.subscription_id is None:
        return None
    return {
        "type": "subscription_details",
        "quote_details": None,
        "subscription_details": {
            "metadata": invoice.metadata,
            "subscription": invoice.subscription_id,
        },
    }


def render_invoice_payment(payment: InvoicePayment, invoice: Invoice) -> Json:
    """Return what pays an invoice as `invoice_payment`."""
    return {
        "id": payment.id,
        "object": "invoice_payment",
        "amount_paid": payment.amount if payment.status == "paid" else None,
        "amount_requested": payment.amount,
        "created": _unix(payment.created_at),
        "currency": invoice.currency.lower(),
        "invoice": invoice.id,
        "is_default": True,
        "livemode": invoice.livemode,
        "payment": {"type": "payment_intent", "payment_intent": payment.intent_id},
        "status": str(payment.status),
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }


def render_invoice_item(item: InvoiceItem) -> Json:
    """Return a pending item as `invoiceitem`."""
    return {
        "id": item.id,
        "object": "invoiceitem",
        "amount": item.amount,
        "currency": item.currency.lower(),
        "customer": item.customer_id,
        "date": _unix(item.created_at),
        "description": item.description or None,
        "discountable": item.amount > 0,
        "discounts": [],
        "invoice": item.invoice_id,
        "livemode": item.livemode,
        "metadata": item.metadata,
        "net_amount": item.amount,
        "parent": (
            {
                "type": "subscription_details",
                "subscription_details": {
                    "subscription": item.subscription_id,
                    "subscription_item": item.item_id or None,
                },
            }
            if item.subscription_id
            else None
        ),
        "period": {"end": _unix(item.period_end), "start": _unix(item.period_start)},
        "pricing": (
            {
                "type": "price_details",
                "price_details": {"price": item.price_id, "product": item.product_id},
                "unit_amount_decimal": None,
            }
            if item.price_id
            else None
        ),
        "proration": item.is_proration,
        "quantity": item.quantity,
        "tax_rates": [],
        "test_clock": None,
    }


def render_credit_note(note: CreditNote) -> Json:
    """Return the credit note as `credit_note`."""
    invoice = note.invoice
    return {
        "id": note.id,
        "object": "credit_note",
        "amount": note.amount,
        "amount_shipping": 0,
        "created": _unix(note.created_at),
        "currency": invoice.currency.lower(),
        "customer": invoice.customer_id,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": _unix(note.created_at),
        "invoice": invoice.id,
        "lines": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/credit_notes/{note.id}/lines",
        },
        "livemode": note.livemode,
        "memo": note.memo or None,
        "metadata": note.metadata,
        "number": note.number,
        "out_of_band_amount": None,
        "pdf": None,
        "post_payment_amount": note.credit_amount,
        "pre_payment_amount": note.amount - note.credit_amount,
        "pretax_credit_amounts": [],
        "reason": note.reason or None,
        "refunds": [],
        "shipping_cost": None,
        "status": note.status,
        "subtotal": note.amount,
        "subtotal_excluding_tax": note.amount,
        "total": note.amount,
        "total_excluding_tax": note.amount,
        "total_taxes": [],
        "type": "post_payment" if note.credit_amount else "pre_payment",
        "voided_at": _unix(note.voided_at),
    }


def render_balance_transaction(transaction: BalanceTransaction) -> Json:
    """Return a change of the customer's balance as `customer_balance_transaction`."""
    return {
        "id": transaction.id,
        "object": "customer_balance_transaction",
        "amount": transaction.amount,
        "checkout_session": None,
        "created": _unix(transaction.created_at),
        "credit_note": transaction.credit_note_id or None,
        "currency": transaction.currency.lower(),
        "customer": transaction.customer_id,
        "description": transaction.description or None,
        "ending_balance": transaction.ending_balance,
        "invoice": transaction.invoice_id or None,
        "livemode": transaction.livemode,
        "metadata": transaction.metadata,
        "type": transaction.type,
    }


def render_dunning_policy(policy: DunningPolicy) -> Json:
    """Return the policy as `dunning_policy`, an object of the platform's own."""
    return {
        "id": policy.id,
        "object": "dunning_policy",
        "active": policy.active,
        "created": _unix(policy.created_at),
        "final_action": policy.final_action,
        "grace_days": policy.grace_days,
        "hour_of_day": policy.hour_of_day,
        "is_default": policy.is_default,
        "livemode": policy.livemode,
        "local_time": policy.local_time,
        "name": policy.name,
        "retry_days": policy.retry_days,
        "send_emails": policy.send_emails,
    }


def render_clock(clock: TestClock) -> Json:
    """Return the clock as `test_helpers.test_clock`."""
    details = None
    if clock.target_time is not None:
        details = {"advancing": {"target_frozen_time": _unix(clock.target_time)}}
    return {
        "id": clock.id,
        "object": "test_helpers.test_clock",
        "created": _unix(clock.created_at),
        "deletes_after": _unix(clock.created_at),
        "frozen_time": _unix(clock.frozen_time),
        "livemode": clock.livemode,
        "name": clock.name or None,
        "status": str(clock.status),
        "status_details": details or {},
    }
