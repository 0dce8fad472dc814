"""Adyen's disputes: from what it tells, in whatever order, to how they stand; and its report."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from apps.gateways.adyen.dispute_report import read_report
from apps.gateways.adyen.disputes import fold_dispute
from apps.gateways.adyen.facts import Unreadable
from apps.gateways.adyen.journal import Fact
from apps.gateways.base import DisputeStage, DisputeState
from simulator.adyen.dispute_report import COLUMNS

START = datetime(2026, 5, 1, 9, tzinfo=UTC)
DUE = "2026-05-19T09:00:00+02:00"


def tell(*codes: str, **details: str) -> list[Fact]:
    """Return what Adyen told of one dispute, an hour apart; `details` are of the last one."""
    last = len(codes) - 1
    return [
        Fact(
            code=code,
            success=True,
            reference="DISPUTE",
            payment_reference="PAYMENT",
            merchant_reference="att_1",
            amount=1000,
            currency="EUR",
            occurred_at=START + timedelta(hours=place),
            details={"defensePeriodEndsAt": DUE, **(details if place == last else {})},
        )
        for place, code in enumerate(codes)
    ]


CHARGED = ("NOTIFICATION_OF_CHARGEBACK", "CHARGEBACK")
DEFENDED = (*CHARGED, "INFORMATION_SUPPLIED")
BACK = (*DEFENDED, "CHARGEBACK_REVERSED")
REFUSED = (*BACK, "PREARBITRATION_OPEN", "PREARBITRATION_DECLINED")


@pytest.mark.parametrize(
    ("codes", "stage", "state", "moved"),
    [
        (("REQUEST_FOR_INFORMATION",), "inquiry", "needs_response", 0),
        (CHARGED, "chargeback", "needs_response", -1000),
        (DEFENDED, "chargeback", "under_review", -1000),
        (BACK, "chargeback", "won", 0),
        ((*DEFENDED, "SECOND_CHARGEBACK"), "chargeback", "lost", -1000),
        ((*BACK, "SECOND_CHARGEBACK"), "chargeback", "lost", -1000),
        ((*BACK, "PREARBITRATION_OPEN"), "pre_arbitration", "needs_response", 0),
        (REFUSED, "pre_arbitration", "under_review", 0),
        ((*REFUSED, "PREARBITRATION_ISSUER_WITHDRAWN"), "pre_arbitration", "won", 0),
        ((*REFUSED, "SECOND_CHARGEBACK"), "pre_arbitration", "lost", -1000),
        (
            (*BACK, "PREARBITRATION_OPEN", "PREARBITRATION_ACCEPTED", "SECOND_CHARGEBACK"),
            "pre_arbitration",
            "lost",
            -1000,
        ),
        ((*REFUSED, "SCHEME_ARBITRATION"), "arbitration", "under_review", 0),
        (
            (*REFUSED, "SCHEME_ARBITRATION", "SCHEME_ARBITRATION_WON"),
            "arbitration",
            "won",
            0,
        ),
        (
            (*REFUSED, "SCHEME_ARBITRATION", "SCHEME_ARBITRATION_LOST", "SECOND_CHARGEBACK"),
            "arbitration",
            "lost",
            -1000,
        ),
        # Of Visa's complaints of fraud we open the pre-arbitration, and the bank answers it.
        ((*DEFENDED, "PREARBITRATION_LOST"), "chargeback", "lost", -1000),
        ((*DEFENDED, "PREARBITRATION_WON", "CHARGEBACK_REVERSED"), "chargeback", "won", 0),
    ],
)
def test_ac_092_what_adyen_told_makes_one_state_in_whatever_order_it_came(
    codes: tuple[str, ...], stage: str, state: str, moved: int
) -> None:
    facts = tell(*codes)
    orders = [facts, facts[::-1], *([list(each) for each in permutations(facts)][:50])]

    found = [fold_dispute(order) for order in orders]

    assert {(each.stage, each.state) for each in found} == {
        (DisputeStage(stage), DisputeState(state))
    }
    assert {sum(move.amount for move in each.movements) for each in found} == {moved}


def test_a_reversal_that_the_bank_may_still_answer_is_not_won_yet() -> None:
    pending = tell(*BACK, disputeStatus="Pending")

    silent = tell(*BACK, "ISSUER_RESPONSE_TIMEFRAME_EXPIRED")
    waiting = fold_dispute(pending)
    won = fold_dispute([*pending, silent[-1]])

    assert (waiting.state, sum(move.amount for move in waiting.movements)) == (
        DisputeState.UNDER_REVIEW,
        0,
    )
    assert won.state == DisputeState.WON


def test_an_inquiry_names_its_scheme_and_code_in_fields_of_its_own() -> None:
    asked = tell("REQUEST_FOR_INFORMATION", rfiSchemeCode="visa", rfiReasonCode="33")

    found = fold_dispute(asked)

    assert (found.network, found.network_reason_code, found.reason) == ("visa", "33", "fraudulent")
    assert found.due_at == datetime.fromisoformat(DUE)


def report(**values: str) -> str:
    """Return a dispute report of one line in Adyen's columns."""
    line = {
        "Psp Reference": "PAYMENT",
        "Merchant Reference": "att_1",
        "Record Date": "2026-07-02 14:05:06",
        "Record Date TimeZone": "CEST",
        "Dispute Currency": "EUR",
        "Dispute Amount": "10.50",
        "Record Type": "NotificationOfChargeback",
        "Dispute PSP Reference": "DISPUTE",
        "Dispute Reason": "Goods/Services Not Received",
        "CB Scheme Code": "visa",
        "CB Reason Code": "13.1",
        "Dispute End Date": "2026-07-20 23:59:59",
        "Dispute End Date TimeZone": "CEST",
    } | values
    return "\n".join([",".join(COLUMNS), ",".join(line.get(name, "") for name in COLUMNS)])


def test_a_line_of_the_dispute_report_is_read_as_its_notification_would_be() -> None:
    (fact,) = read_report(report())

    assert fact.code == "NOTIFICATION_OF_CHARGEBACK"
    assert (fact.reference, fact.payment_reference) == ("DISPUTE", "PAYMENT")
    assert (fact.amount, fact.currency) == (1050, "EUR")
    assert fact.occurred_at == datetime(2026, 7, 2, 12, 5, 6, tzinfo=UTC)
    found = fold_dispute([fact])
    assert (found.network, found.reason) == ("visa", "product_not_received")
    assert found.due_at == datetime(2026, 7, 20, 21, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("clock", "zone", "due_at"),
    [
        # The hour that autumn has twice, and one that spring leaves out.
        ("2026-10-25 02:30:00", "CEST", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-10-25 02:30:00", "CET", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ("2026-11-01 01:30:00", "EDT", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        ("2026-11-01 01:30:00", "EST", datetime(2026, 11, 1, 6, 30, tzinfo=UTC)),
        ("2026-03-29 02:30:00", "CET", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        # An account whose zone is called alike all year.
        ("2026-07-20 23:59:59", "CET", datetime(2026, 7, 20, 21, 59, 59, tzinfo=UTC)),
    ],
)
def test_ac_087_a_deadline_on_the_day_that_clocks_change_is_a_moment_of_its_own(
    clock: str, zone: str, due_at: datetime
) -> None:
    ends = {"Dispute End Date": clock, "Dispute End Date TimeZone": zone}

    found = fold_dispute(read_report(report(**ends)))

    assert found.due_at == due_at


def test_events_of_the_dispute_report_that_change_nothing_are_left_out() -> None:
    assert read_report(report(**{"Record Type": "IssuerComments"})) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("Dispute Amount", "n/a"),
        ("Record Date", ""),
        ("Record Date", "yesterday"),
        ("Record Date TimeZone", "MARS"),
    ],
)
def test_a_dispute_report_with_a_value_that_is_none_is_not_believed(
    column: str, value: str
) -> None:
    with pytest.raises(Unreadable):
        read_report(report(**{column: value}))


def test_a_dispute_report_without_a_column_is_not_believed() -> None:
    with pytest.raises(Unreadable):
        read_report(report().replace("Dispute PSP Reference", "Reference"))
