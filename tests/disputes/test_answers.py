"""Deadlines, drafts, the one submission, and giving up."""

import hashlib
from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.disputes.errors import (
    DisputeClosed,
    DisputePastDue,
    EvidenceAlreadySubmitted,
    EvidenceEmpty,
    EvidenceTooLong,
    InquiryNotAcceptable,
)
from apps.disputes.matrix import FIELD_LIMIT, TOTAL_LIMIT, checklist, missing
from apps.disputes.models import Dispute, DisputeCase, Submission
from apps.disputes.services.endings import accept_dispute
from apps.disputes.services.evidence import save_evidence, submit_evidence
from apps.disputes.services.sweeps import check_dispute, find_missed_disputes, sweep_disputes
from apps.gateways.base import DisputeStage
from apps.gateways.errors import GatewayRejected, GatewayUnknown
from apps.outbox.models import Event
from tests.disputes.stories import PERSON, balances, history, paid, tell
from tests.factories.payments import SCOPE
from tests.fake_gateway import FakeGateway
from tests.races import race

pytestmark = pytest.mark.django_db


def disputed(gateway: FakeGateway) -> Dispute:
    """Return a chargeback that waits for an answer for seven days."""
    _, payment = paid(gateway)
    return tell(gateway.open_dispute(payment, now=timezone.now()))


def save(dispute: Dispute, **evidence: str) -> DisputeCase:
    """Keep a draft."""
    now = timezone.now()
    return save_evidence(scope=SCOPE, dispute_id=dispute.id, evidence=evidence, now=now)


def submit(dispute: Dispute) -> Dispute:
    """Send the draft."""
    now = timezone.now()
    return submit_evidence(scope=SCOPE, dispute_id=dispute.id, origin=PERSON, now=now)


def reminders(dispute: Dispute) -> list[int]:
    """Return of how many days it was reminded."""
    events = Event.objects.filter(object_id=dispute.id, type="charge.dispute.deadline_near")
    return [event.data["days"] for event in events.order_by("sequence")]


def test_ac_087_a_draft_is_saved_often_and_each_state_of_it_is_kept(gateway: FakeGateway) -> None:
    dispute = disputed(gateway)

    save(dispute, customer_name="Ada", product_description="Book")
    save(dispute, customer_name="Ada Lovelace")
    case = save(dispute, product_description="")

    assert case.evidence == {"customer_name": "Ada Lovelace"}
    assert case.history.count() == 3
    assert gateway.evidence == {}


def test_ac_087_evidence_is_submitted_once(gateway: FakeGateway) -> None:
    dispute = disputed(gateway)
    save(dispute, customer_name="Ada")

    sent = submit(dispute)
    with pytest.raises(EvidenceAlreadySubmitted):
        submit(dispute)
    with pytest.raises(EvidenceAlreadySubmitted):
        save(dispute, customer_name="Bob")

    assert (sent.status, sent.submissions, sent.submitted_by) == ("under_review", 1, PERSON.actor)
    assert gateway.evidence == {dispute.gateway_reference: {"customer_name": "Ada"}}
    submission = Submission.objects.get()
    packet = gateway.packets[dispute.gateway_reference]
    assert submission.sha256 == hashlib.sha256(packet).hexdigest()
    assert submission.packet is not None
    assert bytes(submission.packet.content) == packet
    assert gateway.calls.count(("submit_evidence", submission.id)) == 1


@pytest.mark.django_db(transaction=True)
def test_ac_087_two_people_pressing_submit_together_send_one(gateway: FakeGateway) -> None:
    dispute = disputed(gateway)
    save(dispute, customer_name="Ada")

    press = partial(submit, dispute)
    outcomes = race(dispute, press, press)

    assert sorted(type(each).__name__ for each in outcomes) == [
        "Dispute",
        "EvidenceAlreadySubmitted",
    ]
    assert gateway.count("submit_evidence") == 1


def test_the_database_keeps_one_submission_per_round(gateway: FakeGateway) -> None:
    dispute = disputed(gateway)
    save(dispute, customer_name="Ada")
    submit(dispute)

    with pytest.raises(IntegrityError, match="one_submission_per_round"), transaction.atomic():
        Submission.objects.create(
            dispute=dispute,
            round=1,
            evidence={},
            sha256="",
            submitted_by="x",
            created_at=timezone.now(),
        )


def test_evidence_whose_fate_is_unknown_is_sent_again_with_the_same_key(
    gateway: FakeGateway,
) -> None:
    dispute = disputed(gateway)
    save(dispute, customer_name="Ada")
    gateway.before = [GatewayUnknown("no answer")]

    waiting = submit(dispute)
    sweep_disputes(now=timezone.now() + timedelta(seconds=1))

    assert waiting.status == "needs_response"
    dispute.refresh_from_db()
    assert (dispute.status, dispute.submissions) == ("under_review", 1)
    submission = Submission.objects.get()
    assert gateway.calls.count(("submit_evidence", submission.id)) == 2


def test_evidence_that_the_bank_has_is_not_sent_again_when_only_the_answer_got_lost(
    gateway: FakeGateway,
) -> None:
    dispute = disputed(gateway)
    save(dispute, customer_name="Ada")
    gateway.after = [GatewayUnknown("no answer")]

    waiting = submit(dispute)
    sweep_disputes(now=timezone.now() + timedelta(seconds=1))

    assert waiting.status == "needs_response"
    dispute.refresh_from_db()
    assert (dispute.status, dispute.submissions) == ("under_review", 1)
    assert Submission.objects.get().sent_at is not None
    assert gateway.count("submit_evidence") == 1


def test_evidence_of_a_dispute_that_was_won_meanwhile_is_not_sent_again(
    gateway: FakeGateway,
) -> None:
    dispute = disputed(gateway)
    save(dispute, customer_name="Ada")
    gateway.after = [GatewayUnknown("no answer")]

    submit(dispute)
    tell(gateway.win_dispute(dispute.gateway_reference))
    check_dispute(dispute_id=dispute.id, now=timezone.now())

    won = Dispute.objects.get()
    assert (won.status, won.submitted_by) == ("won", PERSON.actor)
    assert Submission.objects.get().sent_at is not None
    assert gateway.count("submit_evidence") == 1


def test_ac_087_a_sweep_while_evidence_is_on_its_way_uses_the_same_key(
    gateway: FakeGateway,
) -> None:
    dispute = disputed(gateway)
    save(dispute, customer_name="Ada")

    def sweep_meanwhile() -> None:
        gateway.on_call = None
        sweep_disputes(now=timezone.now() + timedelta(seconds=1))

    gateway.on_call = sweep_meanwhile
    sent = submit(dispute)

    submission = Submission.objects.get()
    calls = [key for operation, key in gateway.calls if operation == "submit_evidence"]
    assert calls == [submission.id, submission.id]
    assert (sent.status, sent.submissions) == ("under_review", 1)
    told = history(sent)
    assert (told.count("evidence_submitted"), told.count("updated")) == (1, 1)


def test_evidence_that_did_not_leave_answers_no_later_round(gateway: FakeGateway) -> None:
    _, payment = paid(gateway)
    now = timezone.now()
    asked = tell(gateway.open_dispute(payment, now=now, stage=DisputeStage.INQUIRY))
    save(asked, customer_name="Ada")
    gateway.before = [GatewayUnknown("no answer")]
    submit(asked)
    gateway.move_dispute(asked.gateway_reference, stage=DisputeStage.CHARGEBACK)
    tell(gateway.move_funds(asked.gateway_reference, -1000))
    gateway.calls.clear()

    check_dispute(dispute_id=asked.id, now=timezone.now())
    again, unsent = Dispute.objects.get(), gateway.count("submit_evidence")
    save(again, customer_name="Ada Lovelace")
    answered = submit(again)

    assert (again.status, again.round, again.submitted_at, unsent) == ("needs_response", 2, None, 0)
    assert (answered.status, gateway.count("submit_evidence")) == ("under_review", 1)
    assert gateway.evidence == {asked.gateway_reference: {"customer_name": "Ada Lovelace"}}


def test_an_answer_that_the_gateway_has_not_confirmed_does_not_expire(
    gateway: FakeGateway,
) -> None:
    dispute = disputed(gateway)
    save(dispute, customer_name="Ada")
    assert dispute.due_at is not None
    gateway.before = [GatewayUnknown("no answer")] * 3

    submit(dispute)
    sweep_disputes(now=dispute.due_at + timedelta(minutes=6))
    waiting = Dispute.objects.get()
    sweep_disputes(now=dispute.due_at + timedelta(minutes=20))

    assert (waiting.status, waiting.amount_lost) == ("needs_response", 0)
    assert (Dispute.objects.get().status, gateway.count("submit_evidence")) == ("under_review", 3)
    assert balances()["dispute_withheld"] == 1000


def test_evidence_that_the_gateway_refuses_is_a_draft_again(gateway: FakeGateway) -> None:
    dispute = disputed(gateway)
    save(dispute, customer_name="Ada")
    gateway.before = [GatewayRejected("no such field", code="parameter_unknown")]

    refused = submit(dispute)
    sent = submit(dispute)

    assert (refused.status, refused.submitted_at) == ("needs_response", None)
    assert sent.status == "under_review"
    assert Submission.objects.filter(refused_at__isnull=True).count() == 1


def test_nothing_is_submitted_without_evidence(gateway: FakeGateway) -> None:
    dispute = disputed(gateway)

    with pytest.raises(EvidenceEmpty):
        submit(dispute)

    assert gateway.count("submit_evidence") == 0


def test_ac_087_what_banks_would_cut_off_is_refused(gateway: FakeGateway) -> None:
    dispute = disputed(gateway)
    wanted = [each.field for each in checklist("fraudulent", {})]
    names = [field.name for field in wanted if not field.is_file][:8]

    with pytest.raises(EvidenceTooLong) as one:
        save(dispute, customer_name="x" * (FIELD_LIMIT + 1))
    with pytest.raises(EvidenceTooLong) as all_of_it:
        save(dispute, **dict.fromkeys(names, "x" * 19_000))

    assert one.value.context == {"field": "customer_name", "length": 20_001, "limit": 20_000}
    assert all_of_it.value.context["length"] == 152_000
    assert all_of_it.value.context["limit"] == TOTAL_LIMIT
    assert not DisputeCase.objects.exists()


def test_the_checklist_names_what_is_still_missing() -> None:
    # The packet writes the other charge's receipt.
    assert missing("duplicate", {"duplicate_charge_id": "ch_1"}) == ["duplicate_charge_explanation"]
    assert missing("unrecognized", {}) == missing("fraudulent", {})


def test_of_a_parcel_that_did_not_come_banks_want_all() -> None:
    shipped = {"shipping_address": "Main Street 1", "shipping_carrier": "DHL"}

    assert not {name for name in missing("product_not_received", {}) if "shipping" in name}
    assert missing("product_not_received", shipped)[-3:] == [
        "shipping_date",
        "shipping_tracking_number",
        "shipping_documentation",
    ]


def test_ac_087_reminders_come_seven_three_and_one_days_before(gateway: FakeGateway) -> None:
    _, payment = paid(gateway)
    now = timezone.now()
    due_at = now + timedelta(days=10)
    dispute = tell(gateway.open_dispute(payment, now=now, due_at=due_at), now=now)

    for hours in range(0, 240, 6):
        sweep_disputes(now=now + timedelta(hours=hours))

    assert reminders(dispute) == [7, 3, 1]


def test_ac_087_a_dispute_that_opens_two_days_before_its_end_is_reminded_of_at_once(
    gateway: FakeGateway,
) -> None:
    _, payment = paid(gateway)
    now = timezone.now()
    due_at = now + timedelta(days=2)
    dispute = tell(gateway.open_dispute(payment, now=now, due_at=due_at), now=now)

    sweep_disputes(now=now)
    at_once = reminders(dispute)
    for hours in range(0, 49, 6):
        sweep_disputes(now=now + timedelta(hours=hours, minutes=1))

    assert (at_once, reminders(dispute)) == ([3], [3, 1])


def test_ac_087_a_dispute_of_which_we_hear_after_its_end_expires_with_the_first_look(
    gateway: FakeGateway,
) -> None:
    _, payment = paid(gateway)
    now = timezone.now()
    opened_at, due_at = now - timedelta(days=10), now - timedelta(days=2)

    heard = tell(gateway.open_dispute(payment, now=opened_at, due_at=due_at), now=now)
    with pytest.raises(DisputePastDue):
        save(heard, customer_name="Ada")
    sweep_disputes(now=now)

    expired = Dispute.objects.get()
    assert (heard.status, heard.amount_withdrawn) == ("needs_response", 1000)
    assert (expired.status, expired.amount_lost) == ("expired", 1000)
    assert balances()["dispute_losses"] == 1000
    assert reminders(expired) == []


def test_ac_087_an_answered_dispute_is_not_reminded_of(gateway: FakeGateway) -> None:
    dispute = disputed(gateway)
    save(dispute, customer_name="Ada")
    submit(dispute)

    sweep_disputes(now=timezone.now() + timedelta(days=6))

    assert reminders(dispute) == []


def test_ac_087_past_its_deadline_a_dispute_expires_and_is_a_loss(gateway: FakeGateway) -> None:
    dispute = disputed(gateway)
    assert dispute.due_at is not None

    sweep_disputes(now=dispute.due_at + timedelta(minutes=6))

    dispute.refresh_from_db()
    assert (dispute.status, dispute.amount_lost) == ("expired", 1000)
    assert balances()["dispute_losses"] == 1000
    with pytest.raises(DisputeClosed):
        save(dispute, customer_name="Ada")


def test_ac_087_after_the_deadline_nothing_is_taken(gateway: FakeGateway) -> None:
    dispute = disputed(gateway)
    late = timezone.now() + timedelta(days=8)

    with pytest.raises(DisputePastDue):
        save_evidence(
            scope=SCOPE, dispute_id=dispute.id, evidence={"customer_name": "Ada"}, now=late
        )


def test_an_accepted_dispute_is_lost_by_our_own_wish(gateway: FakeGateway) -> None:
    dispute = disputed(gateway)

    accepted = accept_dispute(scope=SCOPE, dispute_id=dispute.id, origin=PERSON, now=timezone.now())
    told = tell(gateway.disputes[dispute.gateway_reference])

    assert (accepted.status, accepted.amount_lost) == ("accepted", 1000)
    assert told.status == "accepted"
    assert balances()["dispute_losses"] == 1000


def test_an_inquiry_is_not_accepted_but_refunded(gateway: FakeGateway) -> None:
    _, payment = paid(gateway)
    dispute = tell(gateway.open_dispute(payment, now=timezone.now(), stage=DisputeStage.INQUIRY))

    with pytest.raises(InquiryNotAcceptable):
        accept_dispute(scope=SCOPE, dispute_id=dispute.id, origin=PERSON, now=timezone.now())

    assert gateway.count("accept_dispute") == 0


def test_a_dispute_of_which_no_webhook_told_is_found(gateway: FakeGateway) -> None:
    _, payment = paid(gateway)
    now = timezone.now()
    gateway.open_dispute(payment, now=now)

    assert find_missed_disputes(now=now) == 1
    assert find_missed_disputes(now=now) == 0
    assert Dispute.objects.get().amount_withdrawn == 1000
