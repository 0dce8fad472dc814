"""The audit trail is chained: what was changed, removed or slipped in is found by its id."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.backoffice.figures import measure_audit_trail
from apps.backoffice.models import AuditCheck, AuditLink, StaffAction
from apps.backoffice.services import audit
from apps.backoffice.services.audit import check_audit_trail

WRITERS = 4
EACH = 5


def act(number: int, **facts: Any) -> StaffAction:
    return StaffAction.objects.create(
        at=timezone.now(),
        actor="staff:rae@shop.example",
        roles=["finance"],
        ip="192.0.2.7",
        action="paymentintent.refund",
        object_type="payments.paymentintent",
        object_id=f"pi_{number}",
        before={"amount_refunded": 0},
        after={"amount_refunded": number},
        succeeded=True,
        request_id="req_1",
        **facts,
    )


@contextmanager
def as_owner_of_the_tables() -> Iterator[Any]:
    """Do what no code of the platform can: switch the guards off for a moment."""
    tables = ("backoffice_staffaction", "backoffice_auditlink")
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield cursor
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def found() -> tuple[str, str]:
    check = check_audit_trail(now=timezone.now())
    return check.first_bad, check.detail


@pytest.mark.django_db
def test_each_action_follows_the_one_before() -> None:
    actions = [act(number) for number in range(3)]

    links = list(AuditLink.objects.order_by("number"))

    assert [link.number for link in links] == [1, 2, 3]
    assert [link.action_id for link in links] == [action.id for action in actions]
    assert bytes(links[0].previous_hash) == bytes(32)
    assert [bytes(link.previous_hash) for link in links[1:]] == [
        bytes(link.hash) for link in links[:-1]
    ]
    assert found() == ("", "")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("tamper", "place", "detail"),
    [
        ("UPDATE backoffice_staffaction SET actor = 'staff:x' WHERE id = %s", 1, "was changed"),
        ("UPDATE backoffice_staffaction SET after = '{}' WHERE id = %s", 1, "was changed"),
        (
            "UPDATE backoffice_staffaction SET at = at + interval '1 s' WHERE id = %s",
            0,
            "was changed",
        ),
        ("DELETE FROM backoffice_staffaction WHERE id = %s", 1, "was removed"),
        ("DELETE FROM backoffice_staffaction WHERE id = %s", 2, "was removed"),
        ("DELETE FROM backoffice_auditlink WHERE action_id = %s", 2, "is in no link of the chain"),
    ],
)
def test_the_first_bad_action_is_named(tamper: str, place: int, detail: str) -> None:
    actions = [act(number) for number in range(3)]

    with as_owner_of_the_tables() as cursor:
        cursor.execute(tamper, [actions[place].id])

    assert found() == (actions[place].id, detail)


@pytest.mark.django_db
def test_an_action_that_was_slipped_in_is_found() -> None:
    act(1)

    with as_owner_of_the_tables():
        forged = act(2)

    assert found() == (forged.id, "is in no link of the chain")


@pytest.mark.django_db
def test_a_link_without_the_one_before_is_found() -> None:
    actions = [act(number) for number in range(3)]

    with as_owner_of_the_tables() as cursor:
        cursor.execute("DELETE FROM backoffice_auditlink WHERE number = 1")

    assert found() == (actions[1].id, "the link before it is missing")


@pytest.mark.django_db
def test_a_switched_off_guard_is_found() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE backoffice_staffaction DISABLE TRIGGER USER")

    first_bad, detail = found()

    assert first_bad == "backoffice_staffaction"
    assert detail.startswith("has no working trigger backoffice_staffaction_")


@pytest.mark.django_db
def test_a_long_chain_is_checked_in_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "WINDOW_LINKS", 2)
    actions = [act(number) for number in range(5)]

    with as_owner_of_the_tables() as cursor:
        cursor.execute(
            "UPDATE backoffice_staffaction SET reason = 'x' WHERE id = %s", [actions[4].id]
        )

    assert found() == (actions[4].id, "was changed")


@pytest.mark.django_db
def test_how_a_session_writes_times_does_not_matter() -> None:
    act(1)

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'Asia/Tokyo'")
        assert found() == ("", "")


@pytest.mark.django_db(transaction=True)
def test_actions_at_the_same_time_take_turns() -> None:
    def write(writer: int) -> None:
        try:
            for number in range(EACH):
                act(writer * 100 + number)
        finally:
            connection.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))

    numbers = list(AuditLink.objects.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, WRITERS * EACH + 1))
    assert found() == ("", "")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [lambda: AuditLink.objects.update(hash=b""), lambda: AuditLink.objects.all().delete()],
)
def test_postgresql_keeps_the_links(change: Callable[[], object]) -> None:
    act(1)

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        change()


@pytest.mark.django_db
def test_the_command_says_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    action = act(1)
    call_command("audit_verify")
    assert capsys.readouterr().out == "The chain holds: 1 actions.\n"

    with as_owner_of_the_tables() as cursor:
        cursor.execute("UPDATE backoffice_staffaction SET ip = NULL")

    with pytest.raises(CommandError, match=f"The chain is broken: {action.id} was changed."):
        call_command("audit_verify")


def test_an_auditor_verifies_and_reads_a_break_in_red(enter_as: Callable[[str], Client]) -> None:
    client = enter_as("auditor")
    action = act(1)
    page = reverse("admin:backoffice_staffaction_changelist")
    verify = reverse("admin:backoffice_staffaction_list_dialog", args=["verify"])

    before = client.get(page).content.decode()
    with as_owner_of_the_tables() as cursor:
        cursor.execute("UPDATE backoffice_staffaction SET outcome = 'x'")
    client.post(verify, {"nonce": str(uuid.uuid4())})
    after = client.get(page).content.decode()

    assert "The chain is broken" not in before
    alarm = f'<p class="bo-alarm" role="alert">The chain is broken: {action.id} was changed.</p>'
    assert alarm in after
    assert AuditCheck.objects.get().first_bad == action.id
    assert StaffAction.objects.latest("id").action == "staffaction.verify"


@pytest.mark.django_db
def test_prometheus_hears_of_a_break() -> None:
    now = timezone.now()
    act(1)
    assert [metric.samples for metric in measure_audit_trail(now)] == [[], []]

    check_audit_trail(now=now)
    whole = {metric.name: metric.samples[0].value for metric in measure_audit_trail(now)}
    with as_owner_of_the_tables() as cursor:
        cursor.execute("UPDATE backoffice_staffaction SET action = 'x'")
    check_audit_trail(now=now)
    broken = {metric.name: metric.samples[0].value for metric in measure_audit_trail(now)}

    assert whole == {
        "pay_audit_chain_broken": 0.0,
        "pay_audit_checked_timestamp_seconds": now.timestamp(),
    }
    assert broken["pay_audit_chain_broken"] == 1.0
