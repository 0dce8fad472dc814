"""From the gateway's notice to won, lost or prevented: status, history and money."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.disputes.models import Dispute, DisputeFunds, FraudReport
from apps.disputes.services.warnings import record_fraud_warning
from apps.disputes.states import DisputeStatus
from apps.gateways.base import DisputeResult, DisputeStage, DisputeState, FraudWarning
from apps.outbox.models import Event
from apps.payments.errors import ChargeDisputed, RefundExceedsCaptured
from apps.payments.models import Refund
from apps.payments.services.refunds import request_refund, run_refund
from apps.webhooks.errors import UnknownObject
from tests.disputes.stories import PERSON, balances, history, moved, paid, tell
from tests.factories.payments import SCOPE
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db


def win_silently(dispute: Dispute) -> None:
    """Change the row alone, and look at it as the commit would."""
    with transaction.atomic(), connection.cursor() as cursor:
        Dispute.objects.filter(pk=dispute.pk).update(status=DisputeStatus.WON)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def refund(intent_id: str, amount: int | None = None) -> Refund:
    """Ask for a refund as the API does, and send it."""
    now = timezone.now()
    asked = request_refund(scope=SCOPE, intent_id=intent_id, amount=amount, origin=PERSON, now=now)
    return run_refund(refund_id=asked.id, now=now)


def test_ac_083_a_chargeback_takes_the_money_and_a_fee(gateway: FakeGateway) -> None:
    intent, payment = paid(gateway)
    before = balances()
    opened = gateway.open_dispute(payment, now=timezone.now())

    dispute = tell(opened, times=3)

    assert (dispute.status, dispute.stage) == ("needs_response", "chargeback")
    assert (dispute.amount, dispute.amount_withdrawn, dispute.amount_fees) == (1000, 1000, 1500)
    assert dispute.intent_id == intent.id
    assert history(dispute) == ["created", "funds_withdrawn"]
    after = balances()
    assert after["gateway_clearing"] == before["gateway_clearing"] - 2500
    assert (after["dispute_withheld"], after["dispute_fees"]) == (1000, 1500)


@pytest.mark.parametrize(("fee_returned", "fees"), [(0, 1500), (1500, 0)])
def test_ac_083_a_won_dispute_brings_the_money_back_and_the_fee_where_the_gateway_returns_it(
    gateway: FakeGateway, fee_returned: int, fees: int
) -> None:
    _, payment = paid(gateway)
    before = balances()
    opened = gateway.open_dispute(payment, now=timezone.now())
    tell(opened)

    dispute = tell(gateway.win_dispute(opened.reference, fee=-fee_returned), times=2)

    assert (dispute.status, dispute.amount_withdrawn, dispute.amount_fees) == ("won", 0, fees)
    assert history(dispute) == ["created", "funds_withdrawn", "funds_reinstated", "closed"]
    assert dispute.funds.count() == 2
    assert balances().get("dispute_fees", 0) == fees
    assert balances()["gateway_clearing"] == before["gateway_clearing"] - fees
    assert "dispute_withheld" not in balances()


def test_ac_083_a_lost_dispute_is_a_loss_of_what_was_booked(gateway: FakeGateway) -> None:
    _, payment = paid(gateway)
    opened = gateway.open_dispute(payment, now=timezone.now())
    tell(opened)

    dispute = tell(gateway.move_dispute(opened.reference, state=DisputeState.LOST), times=2)

    assert (dispute.status, dispute.amount_lost) == ("lost", 1000)
    assert balances()["dispute_losses"] == 1000
    assert "dispute_withheld" not in balances()


def test_ac_084_an_inquiry_moves_no_money_and_closing_it_is_no_loss(gateway: FakeGateway) -> None:
    _, payment = paid(gateway)
    before = balances()
    opened = gateway.open_dispute(payment, now=timezone.now(), stage=DisputeStage.INQUIRY)
    asked = tell(opened)
    closed = tell(gateway.move_dispute(opened.reference, state=DisputeState.CLOSED))

    assert asked.status == "warning_needs_response"
    assert (closed.status, closed.amount_lost, closed.amount_withdrawn) == ("warning_closed", 0, 0)
    assert not DisputeFunds.objects.exists()
    assert balances() == before


def test_ac_085_what_was_taken_above_the_booking_is_an_exchange_loss(
    gateway: FakeGateway,
) -> None:
    _, payment = paid(gateway, amount=10800)
    opened = gateway.open_dispute(payment, now=timezone.now(), amount=11050)
    tell(opened)

    dispute = tell(gateway.move_dispute(opened.reference, state=DisputeState.LOST))

    assert (dispute.amount, dispute.amount_lost) == (11050, 11050)
    assert (balances()["dispute_losses"], balances()["fx_gain_loss"]) == (10800, -250)


def test_ac_086_a_charged_back_payment_is_not_refunded(gateway: FakeGateway) -> None:
    intent, payment = paid(gateway)
    opened = gateway.open_dispute(payment, now=timezone.now())
    tell(opened)

    with pytest.raises(ChargeDisputed) as refusal:
        refund(intent.id)

    assert (refusal.value.code, refusal.value.status) == ("charge_disputed", 409)
    assert refusal.value.context["disputed"] == 1000
    assert not Refund.objects.exists()
    assert gateway.count("refund") == 0


def test_ac_086_the_database_refuses_the_refund_too(gateway: FakeGateway) -> None:
    intent, payment = paid(gateway)
    returned = refund(intent.id, 100)
    tell(gateway.open_dispute(payment, now=timezone.now()))

    copy = (
        "INSERT INTO payments_refund SELECT (jsonb_populate_record(NULL::payments_refund,"
        ' to_jsonb(refund) || \'{"id": "re_copy"}\')).* FROM payments_refund refund'
        " WHERE id = %s"
    )
    with (
        pytest.raises(IntegrityError, match="is disputed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(copy, [returned.id])

    assert Refund.objects.count() == 1


def test_ac_086_an_inquiry_may_be_refunded_and_a_won_dispute_again(gateway: FakeGateway) -> None:
    asked_about, first = paid(gateway)
    tell(gateway.open_dispute(first, now=timezone.now(), stage=DisputeStage.INQUIRY))
    won, second = paid(gateway)
    opened = gateway.open_dispute(second, now=timezone.now())
    tell(opened)
    tell(gateway.win_dispute(opened.reference))

    assert [refund(intent.id).status for intent in (asked_about, won)] == ["succeeded"] * 2


def test_ac_086_what_a_lost_dispute_took_is_not_refunded_again(gateway: FakeGateway) -> None:
    intent, payment = paid(gateway)
    opened = gateway.open_dispute(payment, now=timezone.now(), amount=700)
    tell(opened)
    tell(gateway.move_dispute(opened.reference, state=DisputeState.LOST))

    with pytest.raises(RefundExceedsCaptured) as refusal:
        refund(intent.id, 301)

    assert refusal.value.context == {"requested": 301, "refundable": 300}
    assert refund(intent.id, 300).status == "succeeded"


def test_ac_086_a_refunded_payment_may_be_disputed(gateway: FakeGateway) -> None:
    intent, payment = paid(gateway)
    refund(intent.id)

    opened = gateway.open_dispute(payment, now=timezone.now())
    tell(opened)
    dispute = tell(gateway.win_dispute(opened.reference))

    assert (dispute.status, dispute.amount_withdrawn) == ("won", 0)


def test_ac_088_a_prevented_dispute_is_a_refund_and_stays_one_when_reported_lost(
    gateway: FakeGateway,
) -> None:
    _, payment = paid(gateway)
    opened = gateway.open_dispute(payment, now=timezone.now(), fee=0)
    tell(opened)
    prevented = tell(gateway.move_dispute(opened.reference, state=DisputeState.PREVENTED))
    booked = balances()

    lost = tell(gateway.move_dispute(opened.reference, state=DisputeState.LOST), times=2)

    assert (prevented.status, prevented.amount_lost) == ("prevented", 1000)
    assert (booked["refunds"], booked.get("dispute_losses")) == (1000, None)
    assert lost.status == "prevented"
    assert balances() == booked


def test_ac_088_a_refund_that_prevented_a_dispute_is_linked_and_counts_once(
    gateway: FakeGateway,
) -> None:
    intent, payment = paid(gateway)
    opened = gateway.open_dispute(payment, now=timezone.now(), stage=DisputeStage.INQUIRY)
    tell(opened)
    returned = refund(intent.id, 400)
    booked = balances()

    dispute = tell(gateway.move_dispute(opened.reference, state=DisputeState.PREVENTED))

    assert (dispute.status, dispute.refund_id) == ("prevented", returned.id)
    assert balances() == booked
    assert refund(intent.id).amount == 600


def test_ac_092_a_bank_that_comes_back_opens_a_second_round(gateway: FakeGateway) -> None:
    _, payment = paid(gateway)
    now = timezone.now()
    opened = gateway.open_dispute(payment, now=now)
    tell(opened)
    tell(gateway.win_dispute(opened.reference))
    gateway.move_dispute(
        opened.reference,
        state=DisputeState.NEEDS_RESPONSE,
        stage=DisputeStage.PRE_ARBITRATION,
        amount=900,
        due_at=now + timedelta(days=30),
        is_charge_refundable=False,
    )

    again = tell(gateway.move_funds(opened.reference, -900, fee=1500))
    final = tell(gateway.move_dispute(opened.reference, state=DisputeState.LOST))

    assert (again.status, again.stage, again.round) == ("needs_response", "pre_arbitration", 2)
    assert (again.amount, again.due_at, again.closed_at) == (900, now + timedelta(days=30), None)
    assert (final.status, final.stage, final.amount_lost) == ("lost", "pre_arbitration", 900)
    assert balances()["dispute_fees"] == 3000


@pytest.mark.parametrize(
    ("end", "lost", "cleared"), [(DisputeState.LOST, 900, -900), (DisputeState.WON, 0, 0)]
)
def test_ac_092_the_scheme_decides_a_third_round_for_good(
    gateway: FakeGateway, end: DisputeState, lost: int, cleared: int
) -> None:
    _, payment = paid(gateway)
    before = balances()
    now = timezone.now()
    opened = gateway.open_dispute(payment, now=now, amount=900, fee=0)
    tell(opened)
    tell(gateway.win_dispute(opened.reference))
    asked = {"state": DisputeState.NEEDS_RESPONSE, "due_at": now + timedelta(days=10)}
    gateway.move_dispute(opened.reference, stage=DisputeStage.PRE_ARBITRATION, **asked)
    tell(gateway.move_funds(opened.reference, -900))
    pre_arbitration = tell(gateway.move_dispute(opened.reference, state=DisputeState.LOST))

    arbitration = tell(
        gateway.move_dispute(opened.reference, stage=DisputeStage.ARBITRATION, **asked), times=2
    )
    if end == DisputeState.WON:
        gateway.win_dispute(opened.reference)
    final = tell(gateway.move_dispute(opened.reference, state=end), times=2)

    assert (pre_arbitration.status, pre_arbitration.amount_lost) == ("lost", 900)
    assert (arbitration.status, arbitration.stage, arbitration.round) == (
        "needs_response",
        "arbitration",
        3,
    )
    # The loss of the second round is taken back while the scheme decides.
    assert (arbitration.amount_lost, arbitration.amount_withdrawn) == (0, 900)
    assert (final.status, final.stage, final.amount_lost) == (str(end), "arbitration", lost)
    changes = {"gateway_clearing": cleared, "dispute_losses": lost}
    assert moved(before) == {code: change for code, change in changes.items() if change}


def test_a_dispute_that_is_won_after_all_takes_the_loss_back(gateway: FakeGateway) -> None:
    _, payment = paid(gateway)
    opened = gateway.open_dispute(payment, now=timezone.now())
    tell(opened)
    tell(gateway.move_dispute(opened.reference, state=DisputeState.LOST))

    dispute = tell(gateway.win_dispute(opened.reference))

    assert (dispute.status, dispute.amount_lost) == ("won", 0)
    assert {"dispute_losses", "dispute_withheld"}.isdisjoint(balances())


def test_a_dispute_of_a_payment_we_do_not_know_yet_waits(gateway: FakeGateway) -> None:
    _, payment = paid(gateway)
    stranger = replace(payment, reference="pi_of_somebody_else")
    opened = gateway.open_dispute(stranger, now=timezone.now())

    with pytest.raises(UnknownObject):
        tell(opened)

    assert not Dispute.objects.exists()


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_ac_073_answers_in_any_order_and_twice_end_in_the_same_state(
    gateway: FakeGateway, order: tuple[int, ...]
) -> None:
    _, payment = paid(gateway)
    before = balances()
    opened = gateway.open_dispute(payment, now=timezone.now(), stage=DisputeStage.INQUIRY)
    reference = opened.reference
    gateway.move_dispute(reference, stage=DisputeStage.CHARGEBACK, is_charge_refundable=False)
    escalated = gateway.move_funds(reference, -1000, fee=1500)
    answered = gateway.move_dispute(reference, state=DisputeState.UNDER_REVIEW, submissions=1)
    won = gateway.win_dispute(reference)
    answers: list[DisputeResult] = [opened, escalated, answered, won]

    for place in [*order, *order]:
        gateway.disputes[reference] = answers[place]
        tell(answers[place])
    dispute = Dispute.objects.get()

    assert (dispute.status, dispute.stage) == ("won", "chargeback")
    assert (dispute.amount_withdrawn, dispute.amount_fees, dispute.funds.count()) == (0, 1500, 2)
    assert balances()["gateway_clearing"] == before["gateway_clearing"] - 1500


def test_the_row_is_the_fold_of_its_events(gateway: FakeGateway) -> None:
    _, payment = paid(gateway)
    opened = gateway.open_dispute(payment, now=timezone.now())
    tell(opened)
    dispute = tell(gateway.move_dispute(opened.reference, state=DisputeState.LOST))

    folded = Dispute(id=dispute.id)
    for event in Event.objects.filter(object_id=dispute.id).order_by("sequence"):
        folded.apply(event.type, event.data)

    names = {field.attname for field in Dispute._meta.concrete_fields} - Dispute.OUTSIDE_HISTORY
    assert {name: getattr(folded, name) for name in names} == {
        name: getattr(dispute, name) for name in names
    }


def test_no_status_changes_without_its_event(gateway: FakeGateway) -> None:
    _, payment = paid(gateway)
    dispute = tell(gateway.open_dispute(payment, now=timezone.now()))

    with pytest.raises(IntegrityError, match="without an event"):
        win_silently(dispute)

    dispute.refresh_from_db()
    assert dispute.status == "needs_response"


def test_a_banks_warning_of_fraud_is_kept_once(gateway: FakeGateway) -> None:

    intent, payment = paid(gateway)
    warning = FraudWarning(
        reference="issfr_1",
        kind="made_with_stolen_card",
        is_actionable=True,
        payment_reference=payment.reference,
    )

    for _ in range(2):
        record_fraud_warning(
            gateway="stripe_main", warning=warning, origin=PERSON, now=timezone.now()
        )

    report = FraudReport.objects.get()
    assert (report.intent_id, report.network, report.is_actionable) == (intent.id, "visa", True)
    assert Event.objects.filter(type="radar.early_fraud_warning.created").count() == 1
