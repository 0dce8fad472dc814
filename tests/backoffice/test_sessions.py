"""Sessions of staff: a click, silence or the evening ends them; money wants a fresh code."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.backoffice.models import DialogClaim, StaffAction, StaffSession, User
from apps.backoffice.policies import is_factor_fresh, is_session_over
from apps.backoffice.services.second_factor import check_second_factor
from apps.backoffice.services.sessions import end_other_sessions, keep_session, open_session
from apps.payments.models import PaymentIntent
from tests.backoffice.house import House, audited, furnish
from tests.factories.backoffice import staff
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]
INDEX = "/admin/"


@pytest.fixture
def house(db: None, gateway: FakeGateway) -> House:
    return furnish(gateway)


def let_pass(**age: timedelta) -> None:
    """Let all sessions be as old as said: `seen_at`, `factor_at`, `started_at`."""
    now = timezone.now()
    started = max([*age.values(), timedelta()])
    StaffSession.objects.update(
        **{"started_at": now - started, **{name: now - passed for name, passed in age.items()}}
    )


@pytest.mark.parametrize(
    ("started", "seen", "is_over"),
    [
        (timedelta(minutes=14, seconds=59), timedelta(minutes=14, seconds=59), False),
        (timedelta(minutes=15), timedelta(minutes=15), True),
        (timedelta(hours=11, minutes=59), timedelta(0), False),
        (timedelta(hours=12), timedelta(0), True),
    ],
)
def test_a_session_ends_after_silence_and_after_a_working_day(
    started: timedelta, seen: timedelta, is_over: bool
) -> None:
    now = timezone.now()

    assert is_session_over(started_at=now - started, seen_at=now - seen, now=now) is is_over


def test_a_code_is_fresh_for_five_minutes() -> None:
    now = timezone.now()

    assert is_factor_fresh(now - timedelta(minutes=4, seconds=59), now=now)
    assert not is_factor_fresh(now - timedelta(minutes=5), now=now)


def test_fifteen_minutes_without_a_click_log_out(enter_as: EnterAs) -> None:
    client = enter_as("support_agent")
    assert client.get(INDEX).status_code == 200

    let_pass(seen_at=timedelta(minutes=15))
    out = client.get(INDEX)

    assert out["Location"].startswith("/admin/login/")
    session = StaffSession.objects.get()
    assert (session.ended_at is not None, session.ended_by) == (True, "")
    assert client.get(INDEX).status_code == 302


def test_clicks_keep_a_session_alive_and_one_a_minute_is_written(enter_as: EnterAs) -> None:
    client = enter_as("support_agent")
    let_pass(seen_at=timedelta(seconds=59))
    before = StaffSession.objects.get().seen_at

    client.get(INDEX)
    assert StaffSession.objects.get().seen_at == before
    let_pass(seen_at=timedelta(minutes=14))
    client.get(INDEX)

    assert timezone.now() - StaffSession.objects.get().seen_at < timedelta(minutes=1)


def test_who_manages_staff_ends_a_session_and_its_browser_is_out(enter_as: EnterAs) -> None:
    agent, manager = enter_as("support_agent"), enter_as("admin")
    session = StaffSession.objects.get(user__email="support_agent@shop.example")

    url = reverse("admin:backoffice_staffsession_dialog", args=[session.pk, "end"])
    answer = manager.post(url, {"nonce": str(uuid.uuid4()), "reason": "A lost laptop."})

    assert answer.status_code == 302
    assert agent.get(INDEX)["Location"].startswith("/admin/login/")
    assert manager.get(INDEX).status_code == 200
    session.refresh_from_db()
    assert session.ended_by == "staff:admin@shop.example"
    assert audited().action == "staffsession.end"


def test_a_session_is_worth_nothing_to_somebody_else() -> None:
    ana, eve = staff(email="ana@shop.example"), staff(email="eve@shop.example")
    now = timezone.now()
    session = open_session(user=ana, ip="", browser="", now=now)

    assert keep_session(session_id=session.id, user=eve, now=now) is None
    assert keep_session(session_id=session.id, user=ana, now=now) == session


def test_other_sessions_end_and_this_one_stays() -> None:
    ana = staff(email="ana@shop.example")
    now = timezone.now()
    here, *_ = (open_session(user=ana, ip="", browser="", now=now) for _ in range(3))

    assert end_other_sessions(session_id=here.id, by=ana, now=now) == 2
    assert list(StaffSession.objects.filter(ended_at=None)) == [here]


def test_everybody_sees_their_own_account_and_no_other(enter_as: EnterAs) -> None:
    agent, manager = enter_as("support_agent"), enter_as("admin")
    own = User.objects.get(email="support_agent@shop.example")

    url = reverse("admin:backoffice_profile_change", args=[own.pk])

    assert "Recovery codes left" in agent.get(url).content.decode()
    assert manager.get(url).status_code == 404
    end_others = reverse("admin:backoffice_profile_dialog", args=[own.pk, "end-others"])
    open_session(user=own, ip="", browser="Elsewhere", now=timezone.now())
    agent.post(end_others, {"nonce": str(uuid.uuid4())})
    assert (
        StaffSession.objects.filter(user=own, ended_at=None).exclude(browser="Tests").count() == 0
    )
    assert agent.get(url).status_code == 200


def test_new_recovery_codes_are_shown_once(enter_as: EnterAs) -> None:
    agent = enter_as("support_agent")
    own = User.objects.get(email="support_agent@shop.example")
    url = reverse("admin:backoffice_profile_dialog", args=[own.pk, "recovery-codes"])

    shown = agent.post(url, {"nonce": str(uuid.uuid4())})

    codes = shown.context["outcome"].secret.split("\n")
    assert len(codes) == 10
    assert check_second_factor(user=own, code=codes[0]) is not None
    assert codes[1] not in str([*StaffAction.objects.values(), *DialogClaim.objects.values()])


@pytest.mark.parametrize("password", ["short", "password1234", "rae@shop.example", "123456789012"])
def test_a_weak_password_is_refused(password: str) -> None:
    person = staff(email="rae@shop.example")

    with pytest.raises(ValidationError):
        validate_password(password, person)


# --- a fresh second factor --------------------------------------------------------------------


def refund_of(house: House) -> tuple[str, dict[str, str]]:
    url = reverse("admin:payments_paymentintent_dialog", args=[house.paid.pk, "refund"])
    form = {
        "nonce": str(uuid.uuid4()),
        "amount": "4.00",
        "cause": "duplicate",
        "reason": "Charged twice.",
    }
    return url, form


def code_of(email: str) -> str:
    device = TOTPDevice.objects.get(user=User.objects.get(email=email))
    return f"{totp(device.bin_key):06d}"


def refunded(house: House) -> int:
    return int(PaymentIntent.objects.get(pk=house.paid.pk).amount_refunded)


def test_money_wants_a_fresh_code_and_takes_it_in_the_dialog(
    house: House, enter_as: EnterAs
) -> None:
    client = enter_as("support_lead")
    let_pass(factor_at=timedelta(minutes=5))
    url, form = refund_of(house)

    opened = client.get(url)
    missing = client.post(url, form)
    wrong = client.post(url, {**form, "code": "000000"})

    assert "code" in opened.context["form"].fields
    assert (missing.status_code, wrong.status_code, refunded(house)) == (422, 422, 50)

    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    done = client.post(url, {**form, "code": code_of("support_lead@shop.example")})

    assert (done.status_code, refunded(house)) == (302, 450)
    assert "code" not in client.get(url).context["form"].fields


def test_a_form_that_is_wrong_costs_no_code(house: House, enter_as: EnterAs) -> None:
    client = enter_as("support_lead")
    let_pass(factor_at=timedelta(minutes=5))
    url, form = refund_of(house)
    code = code_of("support_lead@shop.example")

    refused = client.post(url, {**form, "amount": "99999", "code": code})
    done = client.post(url, {**form, "code": code})

    assert (refused.status_code, done.status_code, refunded(house)) == (422, 302, 450)


def test_a_dialog_sent_twice_with_one_code_does_its_work_once(
    house: House, enter_as: EnterAs
) -> None:
    client = enter_as("support_lead")
    let_pass(factor_at=timedelta(minutes=5))
    url, form = refund_of(house)
    form["code"] = code_of("support_lead@shop.example")

    answers = [client.post(url, form).status_code for _ in range(2)]

    assert (answers, refunded(house)) == ([302, 302], 450)


def test_a_full_refund_sent_twice_is_answered_alike(house: House, enter_as: EnterAs) -> None:
    client = enter_as("support_lead")
    url, form = refund_of(house)
    form["amount"] = "10.00"

    first, second = (client.post(url, form, follow=True) for _ in range(2))

    assert refunded(house) == 1050
    for answer in (first, second):
        assert "10.00\u00a0EUR is on its way back" in answer.content.decode()


def test_looking_wants_no_fresh_code(house: House, enter_as: EnterAs) -> None:
    client = enter_as("support_lead")
    let_pass(factor_at=timedelta(minutes=5))

    assert client.get(reverse("admin:payments_paymentintent_changelist")).status_code == 200


MONEY: list[tuple[str, str, Any]] = [
    ("payments_paymentintent", "capture", lambda house: house.held),
    ("payments_paymentintent", "cancel", lambda house: house.held),
    ("payouts_seller", "pay-out", lambda house: house.seller),
    ("disputes_dispute", "accept", lambda house: house.dispute),
    ("backoffice_user", "role", lambda house: house.person),
    ("backoffice_approval", "approve", lambda house: house.approval),
]


@pytest.mark.parametrize(("model", "dialog", "row"), MONEY)
def test_what_moves_money_or_gives_access_asks(
    house: House, superuser_client: Client, model: str, dialog: str, row: Any
) -> None:
    let_pass(factor_at=timedelta(minutes=5))

    form = superuser_client.get(reverse(f"admin:{model}_dialog", args=[row(house).pk, dialog]))

    assert "code" in form.context["form"].fields
