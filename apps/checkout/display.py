"""How the page speaks to its payer: language, amounts, and why a card was refused."""

from datetime import datetime
from typing import Any, Literal

from babel.dates import format_date, format_time
from babel.numbers import format_currency
from babel.units import format_unit
from django.http import HttpRequest
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.common.money import to_major

# The languages the page is written in.
LANGUAGES = ("en", "de", "es", "ar")

# What a payer can do about a decline. Codes are Stripe's; what is not listed gets no reason, for a
# reason would tell a thief what to do better.
_REASONS: dict[str, Promise] = {
    "insufficient_funds": _("There is not enough money on the card."),
    "not_enough_balance": _("There is not enough money on the card."),
    "expired_card": _("The card has expired."),
    "incorrect_cvc": _("The security code is wrong."),
    "processing_error": _("The bank could not work on the payment. Try again in a moment."),
    "acquirer_error": _("The bank could not work on the payment. Try again in a moment."),
}
_NOT_VERIFIED = _("Your bank could not confirm that it is you. You were not charged.")
_DECLINED = _("Your bank declined the card. You were not charged.")


def choose_language(wanted: str, request: HttpRequest) -> str:
    """Return the session's language, or else the one of the payer's browser."""
    for each in (wanted, translation.get_language_from_request(request)):
        language = each.partition("-")[0].lower()
        if language in LANGUAGES:
            return language
    return LANGUAGES[0]


def show_amount(amount: int, currency: str, language: str) -> str:
    """Return the amount of minor units as people of that language write it."""
    return format_currency(to_major(amount, currency), currency, locale=language)


def show_moment(moment: datetime, language: str) -> str:
    """Return the time as people of that language write it; in UTC, and saying so."""
    day = format_date(moment, "medium", locale=language)
    return f"{day}, {format_time(moment, 'short', locale=language)} UTC"


def show_day(moment: datetime, language: str) -> str:
    """Return the day, in UTC, as people of that language write it."""
    return format_date(moment, "long", locale=language)


def show_interval(unit: str, count: int, language: str) -> str:
    """Return the length of a billing period as people of that language write it."""
    # Of the long forms of Arabic Babel has only some; its short ones are words written out.
    length: Literal["short", "long"] = "short" if language == "ar" else "long"
    return format_unit(count, f"duration-{unit}", length=length, locale=language)


def explain_decline(error: dict[str, Any]) -> str:
    """Return in words why the last try failed, and that nothing was charged."""
    if error.get("error_class") == "authentication_required":
        return str(_NOT_VERIFIED)
    reason = _REASONS.get(error.get("decline_code") or "")
    return f"{_DECLINED} {reason}" if reason else str(_DECLINED)
