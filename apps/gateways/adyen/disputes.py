"""
From the facts of one dispute to how it stands, and from Adyen's report to facts. Pure.

Adyen has no call that tells how a dispute stands. It tells every event once in a notification, and
once more in the dispute report of the day, so a lost notification is found there, also of fraud.
Nothing here depends on the order in which the facts came.

Source: Adyen's pages "Dispute webhooks", "Disputes API" and "Dispute report"
"""

import csv
from collections.abc import Iterator, Sequence
from datetime import datetime
from io import StringIO

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
_SECOND_WON, _SECOND_LOST = "PREARBITRATION_WON", "PREARBITRATION_LOST"
FRAUD_CODES = frozenset({"NOTIFICATION_OF_FRAUD"})
DISPUTE_CODES = frozenset(
    {
        _ANNOUNCED, _ASKED, _CHARGED, _CHARGED_AGAIN, _ENDED, _REVERSED, _SECOND_LOST, _SECOND_WON,
        _SILENT, _SUPPLIED,
    }
)  # fmt: skip

STATUS, DUE_AT = "disputeStatus", "defensePeriodEndsAt"
SCHEME, CODE = "chargebackSchemeCode", "chargebackReasonCode"
# Visa settled it by a rule of ours before it counted.
BY_RULE = "rapidDisputeResolution"

# After a defence these say that the bank's second chargeback is final.
_FINAL = frozenset({"Lost", "Accepted", "Expired"})


def fold_dispute(facts: Sequence[Fact]) -> DisputeResult:
    """Return how the dispute stands; `facts` are all of its facts, at least one notification."""
    told = {fact.code: fact for fact in facts}
    stage = _stage_of(told)
    start = _start_of(told, stage)
    state = _state_of(told, stage, start)
    details = {name: text for fact in facts for name, text in fact.details.items() if text}
    network = BRANDS.get(details.get(SCHEME, ""), details.get(SCHEME, ""))
    code = details.get(CODE, "")
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


def read_report(text: str) -> list[Fact]:
    """
    Return the events in a dispute report, as the notifications would have told them.

    :raises Unreadable: a column is missing, or a value is none
    """
    try:
        return [_read_line(line) for line in csv.DictReader(StringIO(text))]
    except (KeyError, ValueError, csv.Error) as defect:
        raise Unreadable("the dispute report is unreadable") from defect


def _read_line(line: dict[str, str]) -> Fact:
    return Fact(
        code=line["Record Type"],
        success=True,
        reference=line["Dispute PSP Reference"],
        payment_reference=line["Psp Reference"],
        merchant_reference=line["Merchant Reference"],
        amount=int(line["Dispute Amount"]),
        currency=line["Dispute Currency"],
        occurred_at=datetime.fromisoformat(line["Record Date"]),
        reason=line["Dispute Reason"],
        details={
            STATUS: line["Dispute Status"],
            DUE_AT: line["Dispute Deadline"],
            SCHEME: line["Payment Method"],
            CODE: line["CB Reason Code"],
            BY_RULE: line["Rapid Dispute Resolution"],
        },
    )


def _stage_of(told: dict[str, Fact]) -> DisputeStage:
    again = told.get(_CHARGED_AGAIN)
    is_second = again is not None and again.details.get(STATUS) not in _FINAL
    if is_second or {_SECOND_WON, _SECOND_LOST} & told.keys():
        return DisputeStage.PRE_ARBITRATION
    if {_ANNOUNCED, _CHARGED, _REVERSED, _CHARGED_AGAIN} & told.keys():
        return DisputeStage.CHARGEBACK
    return DisputeStage.INQUIRY


def _start_of(told: dict[str, Fact], stage: DisputeStage) -> Fact:
    """Return the fact that began the stage, or the first known one of it."""
    begin = {
        DisputeStage.PRE_ARBITRATION: (_CHARGED_AGAIN, _SECOND_WON, _SECOND_LOST),
        DisputeStage.CHARGEBACK: (_CHARGED, _ANNOUNCED, _REVERSED, _CHARGED_AGAIN),
    }.get(stage, (_ASKED,))
    named = [told[code] for code in begin if code in told]
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
    if stage == DisputeStage.PRE_ARBITRATION:
        return _SECOND_WON in told
    back = told.get(_REVERSED)
    is_back = back is not None and back.details.get(STATUS) != "Pending"
    return _CHARGED_AGAIN not in told and (is_back or _SILENT in told)


def _is_lost(told: dict[str, Fact], stage: DisputeStage) -> bool:
    final = _SECOND_LOST if stage == DisputeStage.PRE_ARBITRATION else _CHARGED_AGAIN
    return final in told or f"{ACCEPTED}{stage}" in told


def _is_defended(told: dict[str, Fact], stage: DisputeStage, start: Fact) -> bool:
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
    signs = {_CHARGED: -1, _REVERSED: 1, _SECOND_WON: 1}
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
