"""
Why parameters that Stripe documents are refused: by reason, names of parameters.

A name stands for the parameter of every method and inside of every map, `map.name` for that inside
of one map, `method.name` for that of one method. A parameter that would be taken and not obeyed is
worse than one that is refused: whoever sends it finds out.
"""

from collections.abc import Mapping
from typing import Final

REASONS: Final[Mapping[str, str]] = {
    "Cards and SEPA debits are what there is; the method itself says which it is.": """
        acss_debit affirm afterpay_clearpay alipay alma amazon_pay au_becs_debit bacs_debit
        bancontact billie bizum blik boleto cashapp crypto custom customer_balance eps fpx giropay
        grabpay ideal interac_present kakao_pay klarna konbini kr_card link mb_way mobilepay
        multibanco naver_pay nz_bank_account oxxo p24 pay_by_bank payco paynow paypal paypay payto
        pix promptpay revolut_pay samsung_pay satispay scalapay sequra sofort sunbit swish twint upi
        us_bank_account wechat_pay zip card_present allowed_payment_method_types
        excluded_payment_method_types payment_method_configuration
        checkout.sessions.create.payment_method_data
        checkout.sessions.create.payment_method_options setup_intents.confirm.payment_method_options
        setup_intents.create.payment_method_options setup_intents.update.payment_method_options
        wallet_options payment_method_options.sepa_debit payment_settings.payment_method_options
    """,
    "Taxes are percentages that the merchant names (`tax_percent`); nothing is computed from places"
    " or tax numbers.": """
        account_tax_ids automatic_tax default_tax_rates tax tax_behavior tax_code tax_details
        tax_id_data tax_rates tax_id automatic_tax.liability
    """,
    "Sellers are paid by `transfer_data` of the payment, and bear refunds by one rule (ADR 0016);"
    " there are no accounts that act for others.": """
        application_fee_amount application_fee_percent attach_to_self connect flow_directions issuer
        on_behalf_of
        payment_intents.capture.transfer_data payment_intents.increment_authorization.transfer_data
        invoices.create.transfer_data invoices.update.transfer_data
        subscriptions.create.transfer_data subscriptions.update.transfer_data
        refund_application_fee reverse_transfer charges.list.transfer_group
        payment_intent_data.transfer_data.amount subscription_data.transfer_data
    """,
    "A payer is a customer; accounts that are customers, cash balances and sources are other"
    " products.": """
        business_name individual_name customer_account cash_balance default_source source
        instructions_email
        refunds.create.origin refunds.create.customer refunds.create.currency
        payment_methods.create.customer payment_methods.create.payment_method
    """,
    "It is settled when the bank is asked, and cannot change with the capture.": """
        payment_intents.capture.statement_descriptor
        payment_intents.capture.statement_descriptor_suffix
        payment_intents.increment_authorization.statement_descriptor
        payment_intents.increment_authorization.description
        payment_intents.increment_authorization.metadata
        final_capture
    """,
    "A card's number goes to the card fields alone; here comes their token.": """
        card.cvc card.exp_month card.exp_year card.number
    """,
    "How a card is put to its bank the gateway knows; capture and later use are said of the payment"
    " itself.": """
        card.networks payment_method_options.card.capture_method
        payment_method_options.card.setup_future_usage cvc_token installments mandate_options moto
        network request_extended_authorization request_incremental_authorization
        request_multicapture request_overcapture require_cvc_recollection setup_credential_usage
        statement_descriptor_suffix_kana statement_descriptor_suffix_kanji stored_credential_usage
        three_d_secure
    """,
    "What cards of businesses and other products want to know is passed to no gateway.": """
        amount_details amount_to_confirm hooks payment_details single_use
    """,
    "The answer is the same without it: a payer who has to act is told by `status`, risk is told by"
    " `metadata`, a mandate comes with its account.": """
        error_on_requires_action radar_options mandate confirmation_token
    """,
    "A balance has a currency here: `customers.balance_transactions.create` changes it; a method is"
    " attached with `payment_methods.attach`.": """
        customers.create.balance customers.update.balance customers.create.payment_method validate
    """,
    "The hosted page asks for a card and an address for the receipt, in the currency of what is"
    " sold, and for nothing else.": """
        after_expiration allow_redisplay branding_settings collected_information
        consent_collection checkout.sessions.create.custom_fields custom_text customer_update
        checkout.sessions.create.currency checkout.sessions.create.discounts integration_identifier
        managed_payments name_collection optional_items origin_context payment_method_collection
        permissions redirect_on_completion return_url saved_payment_method_options
        shipping_address_collection shipping_options submit_type
        checkout.sessions.update.line_items checkout.sessions.update.payment_intent_data
        checkout.sessions.list.payment_link checkout.sessions.list.customer_details
        adjustable_quantity invoice_creation.invoice_data line_items.metadata
        tax_id_collection.required
    """,
    "What is sold once may be described where it is sold; anything else is a price of the"
    " catalogue.": """
        add_invoice_items.price_data items.price_data line_items.price_data.product
        line_items.price_data.product_data.images line_items.price_data.product_data.metadata
        line_items.price_data.product_data.unit_label line_items.price_data.recurring
        line_items.price_data.unit_amount_decimal subscription_details.items.price_data
        subscription_items.create.price_data subscription_items.update.price_data
    """,
    "A trial belongs to a subscription, and begins with it.": """
        recurring.trial_period_days subscription_data.trial_settings
    """,
    "A subscription begins when it is made; its invoices follow its one period.": """
        backdate_start_date billing_cycle_anchor_config billing_mode billing_schedules
        billing_thresholds current_trial pending_invoice_item_interval trial_from_plan plan schedule
        schedule_details preview_mode clear_usage subscriptions.create.currency
        subscriptions.create.invoice_settings subscriptions.update.invoice_settings
        subscriptions.update.off_session subscription_items.update.off_session
        subscription_items.create.payment_behavior subscription_items.delete.payment_behavior
        subscription_items.update.payment_behavior subscriptions.resume.payment_behavior
        subscriptions.resume.proration_behavior subscriptions.resume.proration_date
        subscription_data.billing_cycle_anchor subscription_data.invoice_settings
        subscription_data.proration_behavior trial_settings.end_behavior.billing_cycle_anchor
    """,
    "A preview shows the next invoice as other items, another cycle or a coupon would make it.": """
        cancel_now pause resume_at start_date subscription_details.cancel_at
        subscription_details.cancel_at_period_end subscription_details.metadata
        subscription_details.trial_end
    """,
    "A coupon takes off a whole subscription, in its one currency.": """
        applies_to currency_options discountable invoice_items.create.discounts
        invoice_items.update.discounts invoices.create.discounts invoices.create_preview.discounts
        invoices.update.discounts subscription_items.create.discounts
        subscription_items.update.discounts add_invoice_items.discounts items.discounts
        subscription_details.items.discounts discounts.discount promotion_code
    """,
    "An invoice is made by one rule, numbered by the platform and shown in one form.": """
        automatically_finalizes_at invoices.create.custom_fields invoices.update.custom_fields
        invoices.update.collection_method days_until_due invoices.update.due_date effective_at
        footer forgive from_invoice invoice_prefix next_invoice_sequence number payment_settings
        rendering shipping_cost shipping_details invoices.create.statement_descriptor
        invoices.update.statement_descriptor invoice_settings.custom_fields rendering_options
        invoices.create_preview.currency
        invoices.create_preview.customer_details invoices.create_preview.invoice_items
    """,
    "An item of an invoice is an amount, or a price and how many of it.": """
        invoicing_rules period invoice_items.create.price_data invoice_items.update.price_data
        pricing quantity quantity_decimal unit_amount_decimal
    """,
    "A credit note takes its amount off the invoice, or gives it back where it was paid from.": """
        credit_amount email_type lines out_of_band_amount refund_amount refunds
    """,
    "The catalogue keeps what invoices need.": """
        products.create.id images marketing_features package_dimensions shippable
        products.create.type products.create.url products.update.url custom_unit_amount
        transform_quantity
        product_data.id product_data.statement_descriptor
        customer_mapping event_time_window
        value_settings
    """,
    "The price that comes with a product is a plain one; `prices.create` makes all kinds.": """
        default_price_data.currency_options default_price_data.custom_unit_amount
        default_price_data.metadata default_price_data.unit_amount_decimal
    """,
    "The fixed part of a tier is whole minor units.": """
        flat_amount_decimal
    """,
    "A report has its columns, and its days are UTC's.": """
        columns connected_account parameters.payout reporting_category timezone
    """,
    "What the schemes' compliance teams decide is answered at the gateway.": """
        appeal mastercard_compliance visa_compliance
    """,
    "A list is filtered by what an index holds.": """
        balance_transactions.list.currency balance_transactions.list.payout
        subscriptions.list.collection_method current_period_end current_period_start
        invoices.list.due_date delivery_success ids customers.balance_transactions.list.invoice
        invoice_payments.list.payment invoice_payments.list.status prices.list.recurring
        products.list.type products.list.url billing.meters.list.status customers.list.test_clock
        customers.search.page events.list.types payouts.list.arrival_date
    """,
    "It is said when the thing is made, or by another method.": """
        radar.value_lists.update.alias transfers.update.description file_link_data
        intended_submission_method payout_method
        test_helpers.test_clocks.create.customer transfer_data.description transfer_data.metadata
        payment_data feedback_option
    """,
}
