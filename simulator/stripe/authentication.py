"""Decides whether the payer must prove to be the cardholder, as the bank and the request ask."""

from dataclasses import dataclass

from simulator.instruments import Authentication, Card
from simulator.stripe.records import Authenticated, PaymentMethod

CHALLENGED = Authenticated("challenge", "authenticated")
_UNNOTICED = Authenticated("frictionless", "authenticated")
# The bank takes no part; the scheme vouches instead.
_ACKNOWLEDGED = Authenticated("frictionless", "attempt_acknowledged")

REQUESTS = ("automatic", "any", "challenge")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Either `needs_payer`, or how the payment may go on."""

    needs_payer: bool = False
    authenticated: Authenticated | None = None


_NEEDS_PAYER = Verdict(needs_payer=True)


def judge(method: PaymentMethod, *, is_off_session: bool, request: str) -> Verdict:
    """Return what the bank wants. `request` is what the merchant asked for."""
    card = method.card
    if card is None:
        return Verdict()
    if is_off_session:
        return _judge_off_session(method, card)
    if card.authentication in {Authentication.UNLESS_SET_UP, Authentication.ALWAYS}:
        return _NEEDS_PAYER
    if card.authentication == Authentication.FRICTIONLESS:
        return _NEEDS_PAYER if request == "challenge" else Verdict(authenticated=_UNNOTICED)
    return Verdict() if request == "automatic" else Verdict(authenticated=_ACKNOWLEDGED)


def _judge_off_session(method: PaymentMethod, card: Card) -> Verdict:
    if card.authentication == Authentication.ALWAYS:
        return _NEEDS_PAYER
    if card.authentication == Authentication.UNLESS_SET_UP and not method.is_set_up:
        return _NEEDS_PAYER
    return Verdict()
