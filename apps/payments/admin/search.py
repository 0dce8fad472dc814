"""What staff are told on the phone or find on a statement, and the payments that it leads to."""

import re
from itertools import permutations
from typing import Any, Final

from django.db.models import Q

from apps.api.selectors import merchant_ids
from apps.common.errors import DomainError
from apps.common.money import CURRENCIES, exponent, to_minor
from apps.common.sql import planned_for_values
from apps.customers.models import Customer
from apps.payments.models import (
    LAST4,
    ORDER_ID,
    PaymentAttempt,
    PaymentIntent,
    PaymentOrder,
    Refund,
)

# Payments of one customer, or of one reference, that a search finds at most.
FOUND_MAX: Final = 200
_LAST4: Final = re.compile(r"\d{4}")
_AMOUNT: Final = re.compile(r"\d{1,12}(?:[.,]\d{1,3})?")
# A currency of each number of decimals, and those with as many: 10.50 names other minor units.
_DECIMALS: Final = {
    like: [code for code in sorted(CURRENCIES) if exponent(code) == exponent(like)]
    for like in ("JPY", "EUR", "KWD")
}


def payments_named(term: str) -> Q:
    """
    Return the condition for the payments which `term` leads to, each kind of term by an index.

    That is an id of the payment or of anything that belongs to it, a gateway's reference, an
    order's number, the payer's address, or the card's last four digits with the amount: `4242
    10.50`, in either order, with or without the currency.
    """
    if "@" in term:
        return _of_payer(term)
    if pairs := _cards_and_amounts(term.split()):
        return _paid_by_card(pairs, currency=_currency(term))
    prefix, _, rest = term.partition("_")
    if prefix == "cus":
        return Q(customer_id=term)
    ours = {
        "att": PaymentAttempt.objects.filter(pk=term),
        "ch": PaymentAttempt.objects.filter(pk=f"att_{rest}"),
        "re": Refund.objects.filter(pk=term),
    }
    # Gateways use some of our prefixes, so their references are looked for as well.
    found = _in(
        *([ours[prefix]] if prefix in ours else []),
        PaymentAttempt.objects.filter(gateway_reference=term),
        Refund.objects.filter(gateway_reference=term),
        Refund.objects.filter(bank_reference=term).exclude(bank_reference=""),
        PaymentOrder.objects.filter(payment_order_id=term),
        PaymentOrder.objects.filter(
            checkout__merchant_id__in=merchant_ids(),
            checkout__livemode__in=[True, False],
            checkout__checkout_id=term,
        ),
        PaymentIntent.objects.alias(order_number=ORDER_ID).filter(order_number=term),
    )
    return Q(pk=term) | found if prefix == "pi" else found


def _in(*sources: Any) -> Q:
    """Return the condition for the payments of these rows, read in one statement."""
    first, *others = (
        rows.values_list("pk" if rows.model is PaymentIntent else "intent_id", flat=True)
        for rows in sources
    )
    # A plan for all values would not know that the index of an expression answers.
    with planned_for_values():
        return Q(pk__in=list(first.union(*others)[:FOUND_MAX]))


def _of_payer(email: str) -> Q:
    # The index begins with merchant and mode: naming all of them makes it usable.
    customers = Customer.objects.filter(
        merchant_id__in=merchant_ids(), livemode__in=[True, False], email=email
    )
    known = list(customers.values_list("id", flat=True)[:FOUND_MAX])
    # Either or the other in one condition would read all payments, newest first.
    return _in(
        PaymentIntent.objects.filter(receipt_email=email),
        PaymentIntent.objects.filter(customer_id__in=known),
    )


def _cards_and_amounts(words: list[str]) -> list[tuple[str, str]]:
    """Return the readings of the words as last four digits and amount: "4242 1050" has two."""
    numbers = [word for word in words if not word.isalpha()]
    if len(numbers) != 2 or len(words) - len(numbers) > 1:  # noqa: PLR2004 - a card, an amount
        return []
    return [
        (last4, amount)
        for last4, amount in permutations(numbers)
        if _LAST4.fullmatch(last4) and _AMOUNT.fullmatch(amount)
    ]


def _currency(term: str) -> str:
    return next((word.upper() for word in term.split() if word.isalpha()), "")


def _paid_by_card(pairs: list[tuple[str, str]], *, currency: str) -> Q:
    condition = Q()
    for last4, amount in pairs:
        for like in [currency] if currency else _DECIMALS:
            try:
                minor = to_minor(amount.replace(",", "."), like)
            except DomainError:
                # 10.50 is no amount of yen.
                continue
            written_alike = [currency] if currency else _DECIMALS[like]
            condition |= Q(last4=last4, amount=minor, currency__in=written_alike)
    if not condition:
        return Q(pk__in=[])
    found = PaymentAttempt.objects.alias(last4=LAST4).filter(condition)
    with planned_for_values():
        return Q(pk__in=set(found.values_list("intent_id", flat=True)[:FOUND_MAX]))
