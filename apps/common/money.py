"""Currencies and amounts: integers in minor units, never a float."""

from decimal import Decimal, InvalidOperation
from typing import ClassVar

from apps.common.errors import DomainError

# ISO 4217 exponents other than two. Source: ISO 4217 list one.
_EXPONENTS = {
    **dict.fromkeys(
        (
            "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA",
            "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    # Kept with two decimals in Stripe's API, as ISK is (AC-42), though ISO 4217 says none.
    "UGX": 2,
}  # fmt: skip

CURRENCIES = frozenset(
    {
        "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT",
        "BGN", "BHD", "BIF", "BMD", "BND", "BOB", "BRL", "BSD", "BWP", "BYN", "BZD", "CAD", "CDF",
        "CHF", "CLP", "CNY", "COP", "CRC", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ETB",
        "EUR", "FJD", "FKP", "GBP", "GEL", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG",
        "HUF", "IDR", "ILS", "INR", "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KRW",
        "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "MAD", "MDL", "MGA", "MKD", "MMK",
        "MNT", "MOP", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR",
        "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB",
        "RWF", "SAR", "SBD", "SCR", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "STD", "SZL", "THB",
        "TJS", "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VND",
        "VUV", "WST", "XAF", "XCD", "XOF", "XPF", "YER", "ZAR", "ZMW",
    }
)  # fmt: skip

# The smallest charge per currency in minor units. Source: docs.stripe.com/currencies, "Minimum and
# maximum charge amounts". Currencies without a published minimum take one minor unit.
_MINIMUM_AMOUNTS = {
    "USD": 50, "AED": 200, "AUD": 50, "BGN": 100, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500,
    "DKK": 250, "EUR": 50, "GBP": 30, "HKD": 400, "HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000,
    "MYR": 200, "NOK": 300, "NZD": 50, "PLN": 200, "RON": 200, "SEK": 300, "SGD": 50, "THB": 1000,
}  # fmt: skip
MAXIMUM_AMOUNT = 99_999_999

# Longer texts are no amounts, and not worth parsing.
_MAX_DIGITS = 20

# Amounts of these must be whole multiples, although their exponent says otherwise (AC-41, AC-42).
_GRANULARITY = {"ISK": 100, "UGX": 100, "BHD": 10, "JOD": 10, "KWD": 10, "OMR": 10, "TND": 10}


class AmountInvalid(DomainError):
    """The amount is no positive integer of minor units, or not an amount of its currency."""

    code: ClassVar[str] = "amount_invalid"
    status: ClassVar[int] = 400


class AmountTooSmall(AmountInvalid):
    code: ClassVar[str] = "amount_too_small"
    template: ClassVar[str] = "The smallest amount in {currency} is {minimum}; {amount} was given."


class AmountTooLarge(AmountInvalid):
    code: ClassVar[str] = "amount_too_large"
    template: ClassVar[str] = "The largest amount is {maximum}; {amount} was given."


class AmountGranularity(AmountInvalid):
    code: ClassVar[str] = "amount_granularity"
    template: ClassVar[str] = "Amounts in {currency} are multiples of {step}; {amount} was given."


class CurrencyInvalid(DomainError):
    code: ClassVar[str] = "currency_invalid"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "Not a currency that can be charged: {currency}."


def exponent(currency: str) -> int:
    """Return how many decimals one major unit of `currency` has: 0, 2 or 3."""
    return _EXPONENTS.get(currency.upper(), 2)


def to_major(amount: int, currency: str) -> Decimal:
    """Return `amount` minor units as a decimal of major units: 1050 EUR is Decimal('10.50')."""
    return Decimal(amount).scaleb(-exponent(currency))


def to_minor(text: str, currency: str) -> int:
    """
    Return the minor units that a decimal string of major units names: "12.34" EUR is 1234.

    :raises AmountInvalid: not a plain decimal, or with more decimals than the currency has
    """
    plain = text.isascii() and text.replace(".", "", 1).isdigit() and text[0] != "."
    try:
        amount = (
            Decimal(text).scaleb(exponent(currency)) if plain and len(text) <= _MAX_DIGITS else None
        )
    except InvalidOperation:
        amount = None
    if amount is None or amount != amount.to_integral_value():
        raise AmountInvalid(f"Not an amount of {currency}: {text[:40]!r}.", param="amount")
    return int(amount)


def smallest_charge(currency: str) -> int:
    """Return the least that can be charged in `currency`, in minor units."""
    return _MINIMUM_AMOUNTS.get(currency.upper(), 1)


def charge_step(currency: str) -> int:
    """Return of what amounts in `currency` are whole multiples, in minor units (AC-41, AC-42)."""
    return _GRANULARITY.get(currency.upper(), 1)


def check_charge_amount(amount: int, currency: str) -> None:
    """
    Refuse what no gateway would charge.

    `amount` is in minor units; `currency` is an ISO 4217 code in either case.

    :raises CurrencyInvalid: unknown currency
    :raises AmountTooSmall: below the currency's minimum
    :raises AmountTooLarge: above eight digits
    :raises AmountGranularity: not a multiple of the currency's step
    """
    currency = currency.upper()
    if currency not in CURRENCIES:
        raise CurrencyInvalid(param="currency", currency=currency[:10])
    minimum = smallest_charge(currency)
    if amount < minimum:
        raise AmountTooSmall(param="amount", amount=amount, currency=currency, minimum=minimum)
    if amount > MAXIMUM_AMOUNT:
        raise AmountTooLarge(param="amount", amount=amount, maximum=MAXIMUM_AMOUNT)
    step = charge_step(currency)
    if amount % step:
        raise AmountGranularity(param="amount", amount=amount, currency=currency, step=step)
