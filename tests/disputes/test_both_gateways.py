"""
AC-83 to AC-92 with each gateway's adapter against the simulator, however its webhooks come.

Whatever the way, the end is the same: the state, the ledger to the unit, and the events.
"""

from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from django.utils import timezone
from pypdf import PdfReader

from apps.disputes.compelling import CE3, ENHANCED, required_actions
from apps.disputes.errors import DisputeClosed, EvidenceAlreadySubmitted
from apps.disputes.models import Dispute, FraudReport, SchemeStanding, Submission
from apps.disputes.selectors import suggest_compelling
from apps.disputes.services.endings import accept_dispute
from apps.disputes.services.evidence import save_evidence, submit_evidence
from apps.disputes.services.standings import count_standings
from apps.disputes.services.sweeps import check_dispute, sweep_disputes
from apps.disputes.tallies import Grouping, count_outcomes_by
from apps.gateways.transport import HttpAnswer, HttpTransport
from apps.outbox.models import Event
from apps.payments.errors import ChargeDisputed
from apps.payments.models import PaymentAttempt, Refund
from apps.payments.services.refunds import request_refund, run_refund
from tests.disputes.stories import PERSON, balances, history, move_back, moved
from tests.disputes.worlds import World, answer
from tests.factories.payments import SCOPE, attempt_of

pytestmark = pytest.mark.django_db

# The events; without reminders, since these come by the clock.
OPENED = ["created", "funds_withdrawn"]
ANSWERED = [*OPENED, "evidence_submitted", "updated"]


def told_of(dispute: Dispute) -> list[str]:
    """Return what happened to the dispute, but for the reminders."""
    return [each for each in history(dispute) if each != "deadline_near"]


def refund(world: World, amount: int | None = None) -> Refund:
    """Give the payment back, as the API does."""
    now = timezone.now()
    asked = request_refund(
        scope=SCOPE, intent_id=world.intent.id, amount=amount, origin=PERSON, now=now
    )
    sent = run_refund(refund_id=asked.id, now=now)
    world.hear_of_the_payment()
    return sent


def test_ac_083_a_chargeback_is_answered_and_won(world: World) -> None:
    world.pay()
    before = balances()

    opened = world.dispute()
    assert (opened.status, opened.amount_withdrawn) == ("needs_response", 1000)
    assert moved(before)["dispute_withheld"] == 1000
    answered = answer(opened)
    won = world.advance("win")

    assert (answered.status, answered.submissions) == ("under_review", 1)
    assert (won.status, won.amount_withdrawn, won.amount_lost) == ("won", 0, 0)
    assert won.funds.count() == 2
    assert moved(before) == world.costs(gateway_clearing=0)
    assert told_of(won) == [*ANSWERED, "funds_reinstated", "closed"]
    assert world.told()["packet_sha256"] == Submission.objects.get().sha256


def test_ac_083_a_chargeback_is_answered_and_lost(world: World) -> None:
    world.pay()
    before = balances()
    answer(world.dispute())

    lost = world.advance("lose")

    assert (lost.status, lost.amount_withdrawn, lost.amount_lost) == ("lost", 1000, 1000)
    assert moved(before) == world.costs(gateway_clearing=-1000, dispute_losses=1000)
    assert told_of(lost) == [*ANSWERED, "closed", "updated"]


def test_ac_083_a_chargeback_is_accepted(world: World) -> None:
    world.pay()
    before = balances()
    opened = world.dispute()

    accept_dispute(scope=SCOPE, dispute_id=opened.id, origin=PERSON, now=timezone.now())
    accepted = world.hear()

    assert (accepted.status, accepted.amount_lost) == ("accepted", 1000)
    assert moved(before) == world.costs(gateway_clearing=-1000, dispute_losses=1000)
    assert told_of(accepted) == [*OPENED, "closed", "updated"]


def test_ac_084_an_inquiry_moves_no_money_and_closes_without_loss(world: World) -> None:
    world.pay()
    before = balances()

    asked = world.dispute(stage="inquiry")
    closed = world.advance("close")

    assert (asked.status, asked.stage) == ("warning_needs_response", "inquiry")
    assert (closed.status, closed.amount_lost) == ("warning_closed", 0)
    assert moved(before) == {}
    assert told_of(closed) == ["created", "closed"]


def test_ac_084_an_inquiry_may_become_a_chargeback(world: World) -> None:
    world.pay()
    before = balances()
    world.dispute(stage="inquiry")

    escalated = world.advance("escalate")

    assert (escalated.status, escalated.stage) == ("needs_response", "chargeback")
    assert escalated.amount_withdrawn == 1000
    assert moved(before) == world.costs(gateway_clearing=-1000, dispute_withheld=1000)


def test_ac_085_more_may_be_taken_than_was_paid(world: World) -> None:
    world.pay(amount=10_800)
    before = balances()
    answer(world.dispute(amount="11050"))

    lost = world.advance("lose")

    assert (lost.amount, lost.amount_lost) == (11_050, 11_050)
    assert moved(before) == world.costs(
        gateway_clearing=-11_050, dispute_losses=10_800, fx_gain_loss=-250
    )


def test_ac_086_a_charged_back_payment_is_not_refunded(world: World) -> None:
    intent = world.pay()
    world.dispute()
    before = balances()

    with pytest.raises(ChargeDisputed) as refusal:
        refund(world)

    assert (refusal.value.code, refusal.value.status) == ("charge_disputed", 409)
    assert not Refund.objects.exists()
    assert moved(before) == {}
    (charge,) = world.simulator.control("GET", f"charges?reference={intent.id}")["data"]
    assert charge["refunded"] == 0


def test_ac_086_a_payment_of_which_the_bank_only_asks_may_be_refunded(world: World) -> None:
    intent = world.pay()
    before = balances()
    world.dispute(stage="inquiry")

    refund(world)

    (charge,) = world.simulator.control("GET", f"charges?reference={intent.id}")["data"]
    assert charge["refunded"] == 1000
    assert moved(before) == {"gateway_clearing": -1000, "refunds": 1000}


def test_ac_086_a_refunded_payment_may_still_be_disputed(world: World) -> None:
    world.pay()
    before = balances()
    refund(world)

    answer(world.dispute())
    won = world.advance("win")

    assert (won.status, won.amount_withdrawn) == ("won", 0)
    assert moved(before) == world.costs(gateway_clearing=-1000, refunds=1000)


def test_ac_087_evidence_is_drafted_often_and_submitted_once(world: World) -> None:
    world.pay()
    opened = world.dispute()
    now = timezone.now()
    for name in ("Ada", "Ada L.", "Ada Lovelace"):
        draft = {"customer_name": name}
        save_evidence(scope=SCOPE, dispute_id=opened.id, evidence=draft, now=now)

    submit_evidence(scope=SCOPE, dispute_id=opened.id, origin=PERSON, now=now)
    with pytest.raises(EvidenceAlreadySubmitted):
        submit_evidence(scope=SCOPE, dispute_id=opened.id, origin=PERSON, now=now)
    heard = world.hear()

    assert (heard.status, heard.submissions) == ("under_review", 1)
    submission = Submission.objects.get()
    assert submission.evidence == {"customer_name": "Ada Lovelace"}
    assert (world.told()["submissions"], world.told()["packet_sha256"]) == (1, submission.sha256)
    assert told_of(heard) == ANSWERED


class Killed(BaseException):
    """The process is gone."""


def test_ac_087_a_process_that_dies_once_the_bank_has_the_evidence_is_followed_by_no_second_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pay()
    opened = world.dispute()
    send = HttpTransport.send

    def send_and_die(self: HttpTransport, method: str, target: str, **request: Any) -> HttpAnswer:
        answer = send(self, method, target, **request)
        if world.told()["submissions"]:
            raise Killed
        return answer

    monkeypatch.setattr(HttpTransport, "send", send_and_die)
    with pytest.raises(Killed):
        answer(opened)
    monkeypatch.undo()
    sweep_disputes(now=timezone.now())
    with pytest.raises(EvidenceAlreadySubmitted):
        answer(opened)
    heard = world.hear()

    assert (heard.status, heard.submissions) == ("under_review", 1)
    submission = Submission.objects.get()
    assert submission.sent_at is not None
    assert (world.told()["submissions"], world.told()["packet_sha256"]) == (1, submission.sha256)
    assert told_of(heard) == ANSWERED


def test_ac_087_reminders_come_once_each_and_past_its_deadline_a_dispute_expires(
    world: World,
) -> None:
    world.pay()
    before = balances()
    opened = world.dispute()
    due_at = opened.due_at
    assert due_at is not None

    for left in (timedelta(days=days) for days in (7, 5, 3, 2, 1)):
        for _ in range(2):
            check_dispute(dispute_id=opened.id, now=due_at - left + timedelta(minutes=1))
    check_dispute(dispute_id=opened.id, now=due_at + timedelta(minutes=6))
    world.simulator.control("POST", "clock", {"advance": 8 * 86_400})
    expired = world.hear()

    reminders = Event.objects.filter(object_id=opened.id, type="charge.dispute.deadline_near")
    assert [event.data["days"] for event in reminders.order_by("sequence")] == [7, 3, 1]
    assert (expired.status, expired.amount_lost) == ("expired", 1000)
    assert moved(before) == world.costs(gateway_clearing=-1000, dispute_losses=1000)
    assert told_of(expired).count("closed") == 1


def test_ac_088_a_prevented_dispute_is_a_refund_and_stays_so_when_it_is_reported_lost(
    world: World,
) -> None:
    world.pay()
    before = balances()
    world.dispute(stage="inquiry")

    prevented = world.advance("prevent")
    assert (prevented.status, prevented.amount_lost) == ("prevented", 1000)
    reported = world.advance("report_lost")

    assert (reported.status, reported.amount_lost) == ("prevented", 1000)
    assert reported.funds.filter(kind="lost").count() == 1
    assert moved(before) == {"gateway_clearing": -1000, "refunds": 1000}
    assert told_of(reported).count("closed") == 1


def test_ac_088_what_we_refunded_ourselves_is_not_given_back_twice(world: World) -> None:
    world.pay()
    before = balances()
    world.dispute(stage="inquiry")
    returned = refund(world)

    world.advance("prevent")
    reported = world.advance("report_lost")

    # Adyen has no word for it: the inquiry just ends.
    ends = {"stripe": ("prevented", returned.id), "adyen": ("warning_closed", "")}
    assert (reported.status, reported.refund_id) == ends[world.rig.psp]
    assert reported.amount_lost == 0
    assert moved(before) == {"gateway_clearing": -1000, "refunds": 1000}


def test_ac_089_two_undisputed_payments_of_the_card_are_put_into_the_evidence(
    world: World,
) -> None:
    told = {"ip_address": "203.0.113.7", "device": "MacBook-9f2c11d4e8a7b3"}
    known: dict[str, Any] = {"description": "Plan Pro", "metadata": told}
    earlier = [world.pay(**known) for _ in range(4)]
    charges = []
    for intent, days in zip(earlier, (119, 121, 363, 365), strict=True):
        move_back(attempt_of(intent), days)
        charges.append(PaymentAttempt.objects.get(intent=intent))
    world.pay(**known)

    disputed = world.dispute()
    draft = suggest_compelling(disputed)
    save_evidence(
        scope=SCOPE,
        dispute_id=disputed.id,
        evidence={ENHANCED: {CE3: draft}},
        now=timezone.now(),
    )
    submit_evidence(scope=SCOPE, dispute_id=disputed.id, origin=PERSON, now=timezone.now())

    named = [each["charge"] for each in draft["prior_undisputed_transactions"]]
    assert named == [each.charge_id for each in charges[1:3]]
    assert required_actions(draft) == []
    # Stripe has a place for them and checks that they are its own; Adyen reads the packet.
    sent = [each.charge_reference for each in charges[1:3]]
    assert world.told().get("compelling", []) == (sent if world.rig.psp == "stripe" else [])
    packet = Submission.objects.get().packet
    assert packet is not None
    pages = PdfReader(BytesIO(bytes(packet.content))).pages
    text = "".join(page.extract_text() for page in pages)
    assert "Compelling evidence 3.0" in text
    assert all(charge_id[:20] in text for charge_id in named)


def test_ac_090_disputes_and_reports_of_fraud_count_for_the_schemes_ratio(world: World) -> None:
    for _ in range(3):
        world.pay()
    world.dispute()
    world.warn_of_fraud()
    world.pay(token="tok_mastercard")
    world.dispute()
    now = timezone.now()

    for _ in range(2):
        count_standings(now=now)

    visa = SchemeStanding.objects.get(network="visa")
    assert (visa.disputes, visa.fraud_reports, visa.payments) == (1, 1, 3)
    assert (visa.percent, visa.alert) == (Decimal("66.67"), 100)
    # Mastercard counts against last month's payments, of which there were none.
    mastercard = SchemeStanding.objects.get(network="mastercard")
    assert (mastercard.disputes, mastercard.payments) == (1, 0)
    assert (mastercard.percent, mastercard.alert) == (Decimal(0), 0)
    assert Event.objects.filter(type="dispute_ratio.limit_near").count() == 1


def test_ac_091_only_what_a_bank_decided_counts_for_the_win_rate(world: World) -> None:
    for stage, end in (
        ("chargeback", "win"),
        ("chargeback", "lose"),
        ("inquiry", "close"),
        ("inquiry", "prevent"),
    ):
        world.pay()
        opened = world.dispute(stage=stage)
        if stage == "chargeback":
            answer(opened)
        world.advance(end)
    now = timezone.now()

    (outcome,) = count_outcomes_by(
        SCOPE, Grouping.GATEWAY, since=now - timedelta(days=1), until=now + timedelta(days=1)
    )

    assert (outcome.name, outcome.closed) == (world.name, 4)
    assert (outcome.won, outcome.lost, outcome.prevented) == (1, 1, 1)
    assert outcome.rate.percent == Decimal("50.00")
    assert outcome.fees == 2 * world.fee


def come_back(world: World) -> Dispute:
    """Let the bank come back to a chargeback that the merchant has won."""
    answer(world.dispute())
    world.advance("win")
    return world.advance("appeal")


def test_ac_092_a_bank_that_comes_back_opens_a_second_round(world: World) -> None:
    world.pay()
    before = balances()

    again = come_back(world)

    # Stripe takes the money at once, Adyen only when the round is lost.
    taken, moves = {"stripe": (1000, 4), "adyen": (0, 2)}[world.rig.psp]
    assert (again.status, again.stage, again.round) == ("needs_response", "pre_arbitration", 2)
    assert (again.amount_withdrawn, again.submitted_at) == (taken, None)
    assert again.due_at is not None
    answered = answer(again)
    won = world.advance("win")
    assert (answered.status, answered.stage) == ("under_review", "pre_arbitration")
    assert (won.status, won.amount_withdrawn, won.funds.count()) == ("won", 0, moves)
    assert [each.round for each in Submission.objects.order_by("id")] == [1, 2]
    assert moved(before) == world.costs(rounds=2, gateway_clearing=0)


def test_ac_092_a_second_round_that_is_lost_takes_the_money(world: World) -> None:
    world.pay()
    before = balances()
    answer(come_back(world))

    lost = world.advance("lose")

    assert (lost.status, lost.amount_withdrawn, lost.amount_lost) == ("lost", 1000, 1000)
    costs = world.costs(rounds=2, gateway_clearing=-1000, dispute_losses=1000)
    assert moved(before) == costs


def test_ac_092_a_second_round_may_be_given_up(world: World) -> None:
    world.pay()
    before = balances()
    again = come_back(world)

    accept_dispute(scope=SCOPE, dispute_id=again.id, origin=PERSON, now=timezone.now())
    accepted = world.hear()

    assert (accepted.status, accepted.amount_lost) == ("accepted", 1000)
    costs = world.costs(rounds=2, gateway_clearing=-1000, dispute_losses=1000)
    assert moved(before) == costs


@pytest.mark.parametrize(("ruling", "end", "lost"), [("win", "won", 0), ("lose", "lost", 1000)])
def test_ac_092_the_scheme_has_the_last_word(
    world: World, ruling: str, end: str, lost: int
) -> None:
    world.pay()
    before = balances()
    answer(come_back(world))

    at_scheme = world.advance("arbitrate")
    with pytest.raises((DisputeClosed, EvidenceAlreadySubmitted)):
        answer(at_scheme)
    final = world.advance(ruling)

    # For Stripe an appeal is one stage, however far it goes.
    stage, round_ = {"stripe": ("pre_arbitration", 2), "adyen": ("arbitration", 3)}[world.rig.psp]
    assert (at_scheme.status, at_scheme.stage, at_scheme.round) == ("under_review", stage, round_)
    assert at_scheme.closed_at is None
    assert (final.status, final.stage, final.amount_lost) == (end, stage, lost)
    costs = world.costs(rounds=2, gateway_clearing=-lost, dispute_losses=lost)
    assert moved(before) == costs


def test_a_banks_warning_of_fraud_is_kept_once(world: World) -> None:
    intent = world.pay()

    world.warn_of_fraud()

    report = FraudReport.objects.get()
    assert (report.intent_id, report.network, report.is_actionable) == (intent.id, "visa", True)
    assert Event.objects.filter(type="radar.early_fraud_warning.created").count() == 1
