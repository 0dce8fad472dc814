"""What `/_sim/payments/{reference}/advance` can make happen to a payment at Stripe."""

from collections.abc import Callable, Mapping

from simulator.books import Refund
from simulator.instruments import DEBIT_FAILED, renewed
from simulator.stripe.desk import Desk
from simulator.stripe.records import Intent, StripeCharge, StripeDispute
from simulator.three_ds import ChallengeOutcome

Move = Callable[[Desk, Intent, Mapping[str, str]], None]


def _renew_card(desk: Desk, intent: Intent, options: Mapping[str, str]) -> None:
    """Let the bank replace the card, as the account updater tells."""
    charge = intent.charge
    if charge is not None and charge.method.card is not None:
        desk.methods.renew(charge.method, renewed(charge.method.card, options))


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


def _open_dispute(desk: Desk, intent: Intent, options: Mapping[str, str]) -> None:
    if intent.charge is None:
        return
    amount = options.get("amount")
    desk.disputes.open(
        intent.charge,
        reason=options.get("reason", "fraudulent"),
        is_inquiry=options.get("stage") == "inquiry",
        amount=int(amount) if amount else None,
    )


def _warn(desk: Desk, intent: Intent, _options: Mapping[str, str]) -> None:
    if intent.charge is not None:
        desk.disputes.warn(intent.charge)


def _move_dispute(move: Callable[[Desk, StripeDispute, Mapping[str, str]], None]) -> Move:
    def act(desk: Desk, intent: Intent, options: Mapping[str, str]) -> None:
        for dispute in list(desk.disputes.of(charge_id="", intent_id=intent.id)):
            if options.get("dispute") in {None, dispute.id}:
                move(desk, dispute, options)

    return act


def _win(desk: Desk, dispute: StripeDispute, options: Mapping[str, str]) -> None:
    desk.disputes.win(dispute, returns_fee=options.get("returns_fee") == "True")


MOVES: Mapping[str, Move] = {
    "renew_card": _renew_card,
    "settle": _settle,
    "succeed": _succeed,
    "fail": _fail,
    "expire": _expire,
    "approve": _answer_challenge(ChallengeOutcome.APPROVE),
    "fail_authentication": _answer_challenge(ChallengeOutcome.FAIL),
    "cancel_authentication": _answer_challenge(ChallengeOutcome.CANCEL),
    "settle_refund": _settle_refunds,
    "fail_refund": _fail_refunds,
    "warn_of_fraud": _warn,
    "dispute": _open_dispute,
    "dispute_escalate": _move_dispute(lambda desk, each, _: desk.disputes.escalate(each)),
    "dispute_win": _move_dispute(_win),
    "dispute_lose": _move_dispute(lambda desk, each, _: desk.disputes.lose(each)),
    "dispute_close": _move_dispute(lambda desk, each, _: desk.disputes.close_inquiry(each)),
    "dispute_prevent": _move_dispute(lambda desk, each, _: desk.disputes.prevent(each)),
    "dispute_report_lost": _move_dispute(lambda desk, each, _: desk.disputes.report_lost(each)),
    "dispute_appeal": _move_dispute(lambda desk, each, _: desk.disputes.appeal(each)),
}
