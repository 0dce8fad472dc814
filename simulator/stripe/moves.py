"""What `/_sim/payments/{reference}/advance` can make happen to a payment at Stripe."""

from collections.abc import Callable, Mapping

from simulator.books import Refund
from simulator.instruments import DEBIT_FAILED
from simulator.stripe.desk import Desk
from simulator.stripe.records import Intent, StripeCharge
from simulator.three_ds import ChallengeOutcome

Move = Callable[[Desk, Intent, Mapping[str, str]], None]


def _settle(desk: Desk, intent: Intent, _options: Mapping[str, str]) -> None:
    decline = getattr(intent.charge.instrument, "decline", None) if intent.charge else None
    desk.charging.settle_debit(intent, decline=decline)


def _succeed(desk: Desk, intent: Intent, _options: Mapping[str, str]) -> None:
    desk.charging.settle_debit(intent, decline=None)


def _fail(desk: Desk, intent: Intent, _options: Mapping[str, str]) -> None:
    desk.charging.settle_debit(intent, decline=DEBIT_FAILED)


def _expire(desk: Desk, intent: Intent, _options: Mapping[str, str]) -> None:
    desk.charging.expire_authorization(intent)


def _answer_challenge(outcome: ChallengeOutcome) -> Move:
    def move(desk: Desk, intent: Intent, _options: Mapping[str, str]) -> None:
        desk.charging.finish_challenge(intent, outcome)

    return move


def _fail_refunds(desk: Desk, intent: Intent, options: Mapping[str, str]) -> None:
    for refund in _refunds_of(desk, intent.charge, options.get("refund", "")):
        desk.refunds.fail(refund)


def _settle_refunds(desk: Desk, intent: Intent, options: Mapping[str, str]) -> None:
    for refund in _refunds_of(desk, intent.charge, options.get("refund", "")):
        desk.refunds.arrive(refund)


def _refunds_of(desk: Desk, charge: StripeCharge | None, wanted: str) -> list[Refund]:
    refunds = desk.account.world.books.refunds_of(charge) if charge else []
    return [each for each in refunds if not wanted or wanted in {each.id, each.reference}]


MOVES: Mapping[str, Move] = {
    "settle": _settle,
    "succeed": _succeed,
    "fail": _fail,
    "expire": _expire,
    "approve": _answer_challenge(ChallengeOutcome.APPROVE),
    "fail_authentication": _answer_challenge(ChallengeOutcome.FAIL),
    "cancel_authentication": _answer_challenge(ChallengeOutcome.CANCEL),
    "settle_refund": _settle_refunds,
    "fail_refund": _fail_refunds,
}
