"""Four eyes: who asks, who decides, and what happens then."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from apps.api.models import Merchant
from apps.backoffice.errors import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalWaiting,
    ApproverNotAllowed,
    NoteRequired,
    OwnRequest,
)
from apps.backoffice.models import Approval, User
from apps.backoffice.services import approve, expire_approvals, reject, request_approval
from apps.backoffice.states import ApprovalStatus
from apps.common.errors import InvalidParameter, ResourceMissing
from apps.common.origin import Origin, Scope
from tests.factories.backoffice import staff
from tests.races import race

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
SCOPE = Scope("mer_test", livemode=False)


@pytest.fixture(autouse=True)
def kinds(settings: Any) -> None:
    settings.APPROVAL_KINDS = "tests.backoffice.kinds.KINDS"


def ask(by: User, *, kind: str = "opening", subject: str = "mer_new") -> Approval:
    return request_approval(
        scope=SCOPE,
        kind=kind,
        subject_id=subject,
        payload={"name": "Ada's books"},
        amount=125_000,
        currency="EUR",
        reason="They are ready.",
        origin=Origin(actor=by.actor),
        now=NOW,
    )


def say_yes(approval: Approval, by: User, *, now: datetime = NOW) -> Approval:
    return approve(
        approval_id=approval.id, user=by, note="Fine.", origin=Origin(actor=by.actor), now=now
    )


@pytest.mark.django_db
def test_a_request_waits_for_72_hours_with_what_was_asked() -> None:
    clerk = staff(email="ana@shop.example")

    approval = ask(clerk)

    approval.refresh_from_db()
    assert approval.status == ApprovalStatus.PENDING
    assert approval.requested_by == "staff:ana@shop.example"
    assert (approval.amount, approval.currency) == (125_000, "EUR")
    assert approval.expires_at == NOW + timedelta(hours=72)
    assert not Merchant.objects.exists()


@pytest.mark.django_db
def test_a_second_person_says_yes_and_it_happens() -> None:
    approval = ask(staff())
    lead = staff("backoffice.change_user", email="lead@shop.example")

    say_yes(approval, lead)

    approval.refresh_from_db()
    assert approval.status == ApprovalStatus.APPROVED
    assert (approval.decided_by, approval.decided_at) == ("staff:lead@shop.example", NOW)
    assert approval.note == "Fine."
    assert Merchant.objects.get().name == "Ada's books by staff:lead@shop.example"


@pytest.mark.django_db
@pytest.mark.parametrize("is_superuser", [False, True])
def test_ac_049f_nobody_approves_their_own_request(is_superuser: bool) -> None:
    lead = staff("backoffice.change_user", is_superuser=is_superuser)
    approval = ask(lead)

    with pytest.raises(OwnRequest):
        say_yes(approval, lead)
    with pytest.raises(OwnRequest):
        reject(
            approval_id=approval.id,
            user=lead,
            note="No.",
            origin=Origin(actor=lead.actor),
            now=NOW,
        )

    approval.refresh_from_db()
    assert approval.status == ApprovalStatus.PENDING
    assert not Merchant.objects.exists()


@pytest.mark.django_db
def test_postgresql_refuses_one_pair_of_eyes_too() -> None:
    approval = ask(staff(email="ana@shop.example"))

    with pytest.raises(IntegrityError, match="approval_four_eyes"), transaction.atomic():
        Approval.objects.filter(pk=approval.id).update(
            status=ApprovalStatus.APPROVED, decided_by="staff:ana@shop.example"
        )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change", [{"amount": 1}, {"payload": {"name": "Eve"}}, {"requested_by": "staff:x"}]
)
def test_postgresql_keeps_what_was_asked(change: dict[str, Any]) -> None:
    approval = ask(staff())

    with pytest.raises(IntegrityError, match="in other words"), transaction.atomic():
        Approval.objects.filter(pk=approval.id).update(**change)


@pytest.mark.django_db
def test_postgresql_keeps_a_decision() -> None:
    approval = ask(staff())
    say_yes(approval, staff("backoffice.change_user"))

    with pytest.raises(IntegrityError, match="is approved already"), transaction.atomic():
        Approval.objects.filter(pk=approval.id).update(note="I never said so.")
    with pytest.raises(IntegrityError, match="approvals are kept"), transaction.atomic():
        Approval.objects.filter(pk=approval.id).delete()


@pytest.mark.django_db
def test_who_lacks_the_kinds_permission_decides_nothing() -> None:
    approval = ask(staff())

    with pytest.raises(ApproverNotAllowed) as refusal:
        say_yes(approval, staff("backoffice.view_user"))

    assert refusal.value.context["permission"] == "backoffice.change_user"
    approval.refresh_from_db()
    assert approval.status == ApprovalStatus.PENDING


@pytest.mark.django_db
def test_a_decision_is_made_once() -> None:
    approval = ask(staff())
    say_yes(approval, staff("backoffice.change_user"))

    with pytest.raises(ApprovalDecided):
        say_yes(approval, staff("backoffice.change_user"))

    assert Merchant.objects.count() == 1


@pytest.mark.django_db
def test_a_rejection_needs_a_note_and_undoes_what_was_held_back() -> None:
    approval = ask(staff())
    lead = staff("backoffice.change_user", email="lead@shop.example")
    say_no = partial(
        reject, approval_id=approval.id, user=lead, origin=Origin(actor=lead.actor), now=NOW
    )

    with pytest.raises(NoteRequired):
        say_no(note="  ")
    say_no(note="Not yet.")

    approval.refresh_from_db()
    assert approval.status == ApprovalStatus.REJECTED
    assert Merchant.objects.get().name == "rejected by staff:lead@shop.example"


@pytest.mark.django_db
def test_what_the_platform_refuses_leaves_the_request_waiting() -> None:
    approval = ask(staff(), kind="impossible")

    with pytest.raises(InvalidParameter, match="Not today"):
        say_yes(approval, staff("backoffice.change_user"))

    approval.refresh_from_db()
    assert approval.status == ApprovalStatus.PENDING
    assert approval.decided_by == ""
    assert not Merchant.objects.exists()


@pytest.mark.django_db
def test_the_same_request_waits_once_and_may_be_asked_again_after_a_no() -> None:
    first = ask(staff())
    with pytest.raises(ApprovalWaiting) as refusal:
        ask(staff())
    assert refusal.value.context == {"subject": "mer_new", "approval": first.id}

    lead = staff("backoffice.change_user")
    reject(approval_id=first.id, user=lead, note="No.", origin=Origin(actor=lead.actor), now=NOW)

    assert ask(staff()).status == ApprovalStatus.PENDING


@pytest.mark.django_db
def test_an_unknown_kind_cannot_be_asked_for() -> None:
    with pytest.raises(ResourceMissing):
        ask(staff(), kind="wishes")

    assert not Approval.objects.exists()


@pytest.mark.django_db
def test_after_72_hours_a_request_ends_as_by_a_no() -> None:
    approval = ask(staff())
    lead = staff("backoffice.change_user")
    late = NOW + timedelta(hours=72)

    with pytest.raises(ApprovalExpired):
        say_yes(approval, lead, now=late)
    assert expire_approvals(now=late - timedelta(seconds=1)) == 0
    assert expire_approvals(now=late) == 1
    assert expire_approvals(now=late) == 0

    approval.refresh_from_db()
    assert approval.status == ApprovalStatus.EXPIRED
    assert (approval.decided_by, approval.decided_at) == ("", late)
    assert Merchant.objects.get().name == "expired by clock"


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_leads_pressing_yes_together_let_it_happen_once() -> None:
    approval = ask(staff())
    first, second = staff("backoffice.change_user"), staff("backoffice.change_user")

    outcomes = race(approval, partial(say_yes, approval, first), partial(say_yes, approval, second))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Approval", "ApprovalDecided"]
    assert Merchant.objects.count() == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM backoffice_approval WHERE status = 'approved'")
        assert cursor.fetchone() == (1,)
