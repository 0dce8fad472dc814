"""Every address of the back-office, asked with every method by everybody: the committed table."""

import difflib
import os
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.backoffice.models import Profile, StaffAction, User
from apps.backoffice.services.exports import request_export
from config.roles import ROLES
from tests.backoffice.conftest import Enter
from tests.backoffice.house import House, furnish
from tests.backoffice.matrix import Answers, ask_everything, read_table, screens, write_table
from tests.factories.backoffice import staff
from tests.fake_gateway import FakeGateway

SUPERUSER, NO_ROLE, ONE_FACTOR, ANONYMOUS = "superuser", "no role", "one factor", "nobody"
PEOPLE = [SUPERUSER, *sorted(ROLES), NO_ROLE, ONE_FACTOR, ANONYMOUS]
# Set to write the table instead of comparing it.
IS_WRITING = bool(os.environ.get("WRITE_MATRIX"))

EnterAs = Callable[[str], Client]


@pytest.fixture
def house(db: None, gateway: FakeGateway) -> House:
    return furnish(gateway)


def log_in(person: str, enter: Enter, enter_as: EnterAs) -> Client:
    """Return the browser of this person."""
    if person in ROLES:
        return enter_as(person)
    if person == SUPERUSER:
        return enter(staff(is_superuser=True))
    if person == NO_ROLE:
        return enter(staff())
    client = Client()
    if person == ONE_FACTOR:
        client.force_login(
            staff(is_superuser=True), backend="django.contrib.auth.backends.ModelBackend"
        )
    return client


def rows_for(client: Client, house: House) -> dict[str, Any]:
    """Return an object for each screen; one's own where nobody sees those of others."""
    now = timezone.now()
    StaffAction.objects.create(at=now, actor="staff:rae", action="refund", succeeded=True)
    rows = {screen.opts.model_name: screen.model._base_manager.last() for screen in screens()}
    rows |= {each._meta.model_name: each for each in vars(house).values()}
    owner = User.objects.filter(pk=client.session.get("_auth_user_id", 0)).first() or house.person
    rows["profile"] = Profile.objects.get(pk=owner.pk)
    rows["export"] = request_export(
        user=owner, source="payments.refund", title="", query="", file_format="csv", now=now
    )
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("person", PEOPLE)
def test_everybody_is_answered_as_the_table_says(
    house: House, enter: Enter, enter_as: EnterAs, person: str
) -> None:
    client = log_in(person, enter, enter_as)

    answers = ask_everything(
        client, rows_for(client, house), with_all_methods=person in {SUPERUSER, ANONYMOUS}
    )

    if IS_WRITING:
        known = read_table()
        write_table(
            {each: known.get(each, {}) | {person: answers}.get(each, {}) for each in PEOPLE}
        )
    difference = list(
        difflib.unified_diff(
            lines_of(read_table()[person]), lines_of(answers), "table", person, n=0, lineterm=""
        )
    )
    assert difference == [], "\n".join([*difference, "If that is meant: make matrix"])


def lines_of(answers: Answers) -> list[str]:
    return [
        f"{methods} {address}: {status}" for (address, methods), status in sorted(answers.items())
    ]


def test_the_table_has_a_column_for_everybody_and_an_answer_in_every_field() -> None:
    table = read_table()

    assert list(table) == PEOPLE
    assert all(all(answers.values()) for answers in table.values())


def test_the_table_knows_no_broken_page_and_no_method_that_nobody_needs() -> None:
    table = read_table()

    statuses = {status for answers in table.values() for status in answers.values()}
    assert not [status for status in statuses if status.startswith("5")]
    # Nothing is put, patched or deleted, by anybody.
    odd = {
        address
        for (address, methods), status in table[SUPERUSER].items()
        if methods == "PUT*" and status not in {"404", "405"}
    }
    assert odd == set()


def test_only_dialogs_and_the_way_in_take_a_post() -> None:
    posted = {
        address
        for (address, methods), status in read_table()[SUPERUSER].items()
        if methods == "POST" and status not in {"404", "405"}
    }

    assert {address for address in posted if "/do/" not in address} == {
        "/admin/login/",
        "/admin/logout/",
        "/admin/password_change/",
        "/admin/second-factor/",
    }
