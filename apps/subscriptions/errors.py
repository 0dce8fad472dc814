"""What billing refuses, each named after the fact."""

from typing import ClassVar

from apps.common.errors import DomainError


class IntervalsDiffer(DomainError):
    """One subscription has one cycle, so its prices share their interval."""

    code: ClassVar[str] = "price_intervals_differ"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "All prices of a subscription have one interval; {intervals} differ."


class CurrenciesDiffer(DomainError):
    code: ClassVar[str] = "currency_mismatch"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "All of it must be in {expected}; {given} was given."


class PriceNotRecurring(DomainError):
    code: ClassVar[str] = "price_not_recurring"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{price} is paid once and cannot be subscribed to."


class PriceInactive(DomainError):
    code: ClassVar[str] = "price_inactive"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{price} is not for sale any more."


class DuplicatePrice(DomainError):
    code: ClassVar[str] = "duplicate_price"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{price} is on the subscription already: change its quantity."


class NoItems(DomainError):
    code: ClassVar[str] = "subscription_needs_items"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "A subscription keeps at least one item."


class TooManyItems(DomainError):
    code: ClassVar[str] = "too_many_items"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "A subscription has at most {maximum} items."


class TrialUsed(DomainError):
    """A product is tried once per customer (AC-37)."""

    code: ClassVar[str] = "trial_already_used"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{customer} has had a trial of {product} before."


class TrialInPast(DomainError):
    code: ClassVar[str] = "trial_end_invalid"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "A trial ends in the future, and within {years} years."


class SubscriptionOver(DomainError):
    code: ClassVar[str] = "subscription_over"
    template: ClassVar[str] = "{subscription} is {status}: create a new one."


class SubscriptionNotPaused(DomainError):
    code: ClassVar[str] = "subscription_not_paused"
    template: ClassVar[str] = "{subscription} is {status}: there is nothing to resume."


class SubscriptionsActive(DomainError):
    """A customer who is still billed is not deleted."""

    code: ClassVar[str] = "customer_has_subscriptions"
    template: ClassVar[str] = "{customer} has {count} subscriptions that are not over."


class CouponSpent(DomainError):
    code: ClassVar[str] = "coupon_expired"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "The coupon {coupon} cannot be redeemed any more."


class InvoiceNotEditable(DomainError):
    code: ClassVar[str] = "invoice_not_editable"
    template: ClassVar[str] = "{invoice} is {status}: only a draft can change."


class InvoiceNotPayable(DomainError):
    code: ClassVar[str] = "invoice_not_payable"
    template: ClassVar[str] = "{invoice} is {status}: there is nothing to pay."


class InvoicePaymentInProgress(DomainError):
    """A payment of it has no outcome yet; anything else could charge twice (AC-33)."""

    code: ClassVar[str] = "invoice_payment_in_progress"
    template: ClassVar[str] = "{invoice} is being paid by {payment_intent}. Wait for it."


class NoPaymentMethod(DomainError):
    code: ClassVar[str] = "payment_method_missing"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{customer} has no default payment method."


class NothingToInvoice(DomainError):
    code: ClassVar[str] = "invoice_no_customer_line_items"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{customer} has nothing that could be invoiced."


class CreditExceedsInvoice(DomainError):
    code: ClassVar[str] = "credit_exceeds_invoice"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "{requested} is more than the {creditable} that can be credited."


class CreditNoteVoid(DomainError):
    code: ClassVar[str] = "credit_note_void"
    template: ClassVar[str] = "{credit_note} is void already, or cannot be any more."


class ClockRunning(DomainError):
    code: ClassVar[str] = "test_clock_advancing"
    template: ClassVar[str] = "{clock} is being advanced."


class ClockInvalid(DomainError):
    code: ClassVar[str] = "test_clock_invalid"
    status: ClassVar[int] = 400


class ClockLive(DomainError):
    code: ClassVar[str] = "test_clock_live"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "Test clocks exist in test mode only."


class MeterEventDuplicate(DomainError):
    """The identifier names other usage than this."""

    code: ClassVar[str] = "meter_event_duplicate"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "The identifier {identifier} was used for another meter event."


class CardLinkInvalid(DomainError):
    code: ClassVar[str] = "card_link_invalid"
    status: ClassVar[int] = 410
    template: ClassVar[str] = "This link has expired. The next mail has a new one."
