"""
From the facts of one dispute to how it stands. Pure.

Adyen has no call that tells how a dispute stands. It tells every event once in a notification, and
once more in the dispute report of the day. Nothing here depends on the order in which they came.

Of later rounds there are two kinds. A bank that was told off comes back with a pre-arbitration
(`PREARBITRATION_OPEN`), which is answered, given in to or withdrawn, and may go on to the scheme's
arbitration. For Visa's complaints of fraud it is we who open one after our defence, and the bank
that answers (`PREARBITRATION_WON`, `PREARBITRATION_LOST`): that is how such a chargeback ends.
Money moves with `CHARGEBACK`, `CHARGEBACK_REVERSED` and `SECOND_CHARGEBACK` only.

Source: Adyen's pages "Dispute webhooks", "Dispute flow" and "Disputes API", its OpenAPI description
of webhooks, and the journal types of the settlement details report
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from apps.gateways.adyen.facts import ANSWER, Object, Unreadable
from apps.gateways.adyen.fold import BRANDS
from apps.gateways.adyen.journal import Fact
from apps.gateways.base import (
    DisputeMovement,
    DisputeResult,
    DisputeStage,
    DisputeState,
    FraudWarning,
)
from apps.gateways.dispute_reasons import reason_of

# Our own answers count from the moment Adyen took them, one per stage.
DEFENDED, ACCEPTED = f"{ANSWER}defend:", f"{ANSWER}accept:"

_ASKED = "REQUEST_FOR_INFORMATION"
_ANNOUNCED, _CHARGED = "NOTIFICATION_OF_CHARGEBACK", "CHARGEBACK"
_REVERSED, _CHARGED_AGAIN = "CHARGEBACK_REVERSED", "SECOND_CHARGEBACK"
_SUPPLIED, _ENDED = "INFORMATION_SUPPLIED", "DISPUTE_DEFENSE_PERIOD_ENDED"
_SILENT = "ISSUER_RESPONSE_TIMEFRAME_EXPIRED"
_OURS_WON, _OURS_LOST = "PREARBITRATION_WON", "PREARBITRATION_LOST"
_REOPENED, _WITHDRAWN = "PREARBITRATION_OPEN", "PREARBITRATION_ISSUER_WITHDRAWN"
_REFUSED, _GIVEN_IN = "PREARBITRATION_DECLINED", "PREARBITRATION_ACCEPTED"
_AT_SCHEME = "SCHEME_ARBITRATION"
_SCHEME_WON, _SCHEME_LOST = "SCHEME_ARBITRATION_WON", "SCHEME_ARBITRATION_LOST"

# What tells of a stage, that which begins it first; the furthest stage comes first.
_TELLING = {
    DisputeStage.ARBITRATION: (_AT_SCHEME, _SCHEME_WON, _SCHEME_LOST),
    DisputeStage.PRE_ARBITRATION: (_REOPENED, _REFUSED, _GIVEN_IN, _WITHDRAWN),
    DisputeStage.CHARGEBACK: (
        _CHARGED, _ANNOUNCED, _REVERSED, _CHARGED_AGAIN, _SILENT, _OURS_WON, _OURS_LOST,
    ),
    DisputeStage.INQUIRY: (_ASKED,),
}  # fmt: skip
FRAUD_CODES = frozenset({"NOTIFICATION_OF_FRAUD"})
DISPUTE_CODES = frozenset(code for codes in _TELLING.values() for code in codes) | {
    _ENDED,
    _SUPPLIED,
}

STATUS, DUE_AT = "disputeStatus", "defensePeriodEndsAt"
SCHEME, CODE = "chargebackSchemeCode", "chargebackReasonCode"
RFI_SCHEME, RFI_CODE = "rfiSchemeCode", "rfiReasonCode"
# Visa settled it by a rule of ours before it counted. Adyen's public pages do not say how it tells
# so; this is the simulator's word.
BY_RULE = "rapidDisputeResolution"


def fold_dispute(facts: Sequence[Fact]) -> DisputeResult:
    """Return how the dispute stands; `facts` are all of its facts, at least one notification."""
    told = {fact.code: fact for fact in facts}
    stage = _stage_of(told)
    start = _start_of(told, stage)
    state = _state_of(told, stage, start)
    details = {name: text for fact in facts for name, text in fact.details.items() if text}
    scheme = details.get(SCHEME) or details.get(RFI_SCHEME, "")
    network = BRANDS.get(scheme, scheme)
    code = details.get(CODE) or details.get(RFI_CODE, "")
    return DisputeResult(
        state=state,
        stage=stage,
        reference=start.reference,
        amount=start.amount,
        currency=start.currency,
        reason=reason_of(network, code),
        opened_at=min(fact.occurred_at for fact in facts),
        payment_reference=start.payment_reference,
        charge_reference=start.payment_reference,
        network=network,
        network_reason_code=code,
        due_at=_due_at(start) if state == DisputeState.NEEDS_RESPONSE else None,
        submissions=int(_is_defended(told, stage, start)),
        is_charge_refundable=stage == DisputeStage.INQUIRY or state == DisputeState.WON,
        movements=tuple(_movements_of(told)),
    )


def fold_fraud_warning(fact: Fact) -> FraudWarning:
    """Return what the bank reports."""
    return FraudWarning(
        reference=fact.reference,
        kind=fact.reason or "unauthorised",
        is_actionable=True,
        payment_reference=fact.payment_reference,
        charge_reference=fact.payment_reference,
    )


def answered(code: str, dispute: DisputeResult, *, now: datetime) -> Fact:
    """Return that Adyen took our answer to this stage."""
    return Fact(
        code=f"{code}{dispute.stage}",
        success=True,
        reference=dispute.reference,
        payment_reference=dispute.payment_reference,
        merchant_reference="",
        amount=dispute.amount,
        currency=dispute.currency,
        occurred_at=now,
    )


def read_defence(answer: Object) -> tuple[str, str]:
    """
    Return the first defence on offer, and the document it wants.

    :raises Unreadable: there is none
    """
    try:
        reason = answer["defenseReasons"][0]
        document = reason["defenseDocumentTypes"][0]
        return str(reason["defenseReasonCode"]), str(document["defenseDocumentTypeCode"])
    except (KeyError, IndexError, TypeError) as defect:
        raise Unreadable("no defence is on offer") from defect


def _stage_of(told: dict[str, Fact]) -> DisputeStage:
    for stage, codes in _TELLING.items():
        if told.keys() & set(codes):
            return stage
    return DisputeStage.INQUIRY


def _start_of(told: dict[str, Fact], stage: DisputeStage) -> Fact:
    """Return the fact that began the stage, or the first known one of it."""
    named = [told[code] for code in _TELLING[stage] if code in told]
    return named[0] if named else min(told.values(), key=lambda fact: fact.occurred_at)


def _state_of(told: dict[str, Fact], stage: DisputeStage, start: Fact) -> DisputeState:
    if _is_won(told, stage):
        return DisputeState.WON
    is_defended = _is_defended(told, stage, start)
    is_ended = _is_since(told, _ENDED, start) and not is_defended
    if stage == DisputeStage.INQUIRY and is_ended:
        return DisputeState.CLOSED
    if _is_lost(told, stage) or is_ended:
        return DisputeState.LOST
    if stage == DisputeStage.CHARGEBACK and start.details.get(BY_RULE) == "true":
        return DisputeState.PREVENTED
    return DisputeState.UNDER_REVIEW if is_defended else DisputeState.NEEDS_RESPONSE


def _is_won(told: dict[str, Fact], stage: DisputeStage) -> bool:
    if stage == DisputeStage.ARBITRATION:
        return _SCHEME_WON in told
    if stage == DisputeStage.PRE_ARBITRATION:
        return bool({_WITHDRAWN, _OURS_WON} & told.keys()) and _CHARGED_AGAIN not in told
    back = told.get(_REVERSED)
    is_back = back is not None and back.details.get(STATUS) != "Pending"
    is_over = is_back or bool({_SILENT, _OURS_WON} & told.keys())
    return is_over and _CHARGED_AGAIN not in told


def _is_lost(told: dict[str, Fact], stage: DisputeStage) -> bool:
    """Return whether the payer keeps the money: a second chargeback is always the last word."""
    final = {_CHARGED_AGAIN, _OURS_LOST, _GIVEN_IN, _SCHEME_LOST, f"{ACCEPTED}{stage}"}
    if stage == DisputeStage.ARBITRATION:
        # What was lost before is why the scheme decides.
        final = {_CHARGED_AGAIN, _SCHEME_LOST}
    return bool(final & told.keys())


def _is_defended(told: dict[str, Fact], stage: DisputeStage, start: Fact) -> bool:
    """Return whether nothing is left to answer; in an arbitration only the scheme has a word."""
    if stage == DisputeStage.ARBITRATION:
        return True
    if stage == DisputeStage.PRE_ARBITRATION:
        return bool({f"{DEFENDED}{stage}", _REFUSED} & told.keys())
    return f"{DEFENDED}{stage}" in told or _is_since(told, _SUPPLIED, start)


def _is_since(told: dict[str, Fact], code: str, start: Fact) -> bool:
    """Return whether it happened in this stage: Adyen names an event alike in every stage."""
    fact = told.get(code)
    return fact is not None and fact.occurred_at >= start.occurred_at


def _movements_of(told: dict[str, Fact]) -> Iterator[DisputeMovement]:
    """
    Yield the money that moved. Adyen tells its fees in the settlement report only.

    A second chargeback takes the money only when the first had been given back.
    """
    signs = {_CHARGED: -1, _REVERSED: 1}
    if _REVERSED in told:
        signs[_CHARGED_AGAIN] = -1
    for code, sign in signs.items():
        fact = told.get(code)
        if fact is not None:
            yield DisputeMovement(
                reference=f"{fact.reference}:{code.lower()}",
                amount=sign * fact.amount,
                fee=0,
                currency=fact.currency,
            )


def _due_at(start: Fact) -> datetime | None:
    text = start.details.get(DUE_AT, "")
    try:
        due_at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return due_at if due_at.tzinfo is not None else None
