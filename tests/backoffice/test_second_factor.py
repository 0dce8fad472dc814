"""The way in: a password, a second factor, and nothing before both."""

import base64
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.backoffice.models import RecoveryDevice, User
from apps.backoffice.services import create_staff, setup_roles
from apps.backoffice.services.people import UnknownRole, invite_staff, shut_out
from apps.backoffice.services.second_factor import check_second_factor, renew_recovery_codes
from tests.factories.backoffice import staff

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
LOGIN, FACTOR, INDEX = "/admin/login/", "/admin/second-factor/", "/admin/"


@pytest.fixture
def ana() -> tuple[User, str]:
    setup_roles()
    return create_staff(email="ana@shop.example", role="support_agent", password=PASSWORD)


def give_password(client: Client, password: str = PASSWORD) -> Any:
    return client.post(LOGIN, {"username": "ana@shop.example", "password": password})


def code_of(secret: str, *, steps: int = 0) -> str:
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    return f"{totp(key, drift=steps):06d}"


def test_the_password_alone_opens_nothing(client: Client, ana: tuple[User, str]) -> None:
    give_password(client)

    for url in (INDEX, "/admin/payments/paymentintent/", "/admin/search/?s=pi&extended=1"):
        response = client.get(url, follow=True)
        assert response.request["PATH_INFO"] == FACTOR, url


def test_both_factors_open_the_page_that_was_asked_for(
    client: Client, ana: tuple[User, str]
) -> None:
    give_password(client)

    response = client.post(f"{FACTOR}?next=/admin/payments/refund/", {"code": code_of(ana[1])})

    assert response["Location"] == "/admin/payments/refund/"
    assert client.get("/admin/payments/refund/").status_code == 200


def test_nobody_is_sent_to_another_site(client: Client, ana: tuple[User, str]) -> None:
    give_password(client)

    response = client.post(f"{FACTOR}?next=https://evil.example/", {"code": code_of(ana[1])})

    assert response["Location"] == INDEX


def test_a_code_works_once(ana: tuple[User, str]) -> None:
    user, secret = ana
    code = code_of(secret)

    assert check_second_factor(user=user, code=code) is not None
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert check_second_factor(user=user, code=code) is None


def test_wrong_codes_slow_the_next_try_down(client: Client, ana: tuple[User, str]) -> None:
    give_password(client)

    wrong = client.post(FACTOR, {"code": "000000"})
    too_soon = client.post(FACTOR, {"code": code_of(ana[1])})

    assert "This code is wrong" in wrong.content.decode()
    assert too_soon.status_code == 200
    assert client.get(INDEX).status_code == 302


def test_five_wrong_passwords_close_the_log_in_even_to_the_right_one(
    client: Client, ana: tuple[User, str]
) -> None:
    answers = [give_password(client, "wrong").status_code for _ in range(5)]

    assert answers == [200, 200, 200, 200, 429]
    assert give_password(client).status_code == 429


def test_a_newcomer_enrols_and_gets_recovery_codes_once(client: Client) -> None:
    setup_roles()
    user, password = invite_staff(email="ana@shop.example", name="Ana", role="auditor")
    give_password(client, password)

    offered = client.get(FACTOR)
    assert not TOTPDevice.objects.exists()
    form = {"key": offered.context["enrolment"], "code": code_of(offered.context["secret"])}
    done = client.post(FACTOR, form)

    codes = done.context["codes"]
    assert len(codes) == 10
    assert client.get(INDEX).status_code == 200
    assert check_second_factor(user=user, code=codes[0]) is not None
    assert codes[0].replace("-", "") not in str(RecoveryDevice.objects.values())


def test_a_wrong_first_code_enrols_nothing_and_keeps_the_key(client: Client) -> None:
    setup_roles()
    _, password = invite_staff(email="ana@shop.example", name="Ana", role="auditor")
    give_password(client, password)
    offered = client.get(FACTOR)

    again = client.post(FACTOR, {"key": offered.context["enrolment"], "code": "000000"})

    assert again.context["secret"] == offered.context["secret"]
    assert not TOTPDevice.objects.exists()


def test_nobody_enrols_with_a_key_that_we_did_not_offer_them(client: Client) -> None:
    setup_roles()
    _, password = invite_staff(email="ana@shop.example", name="Ana", role="auditor")
    give_password(client, password)

    client.post(FACTOR, {"key": "W10:forged:signature", "code": "123456"})

    assert not TOTPDevice.objects.exists()


def test_recovery_codes_work_once_and_new_ones_end_the_old(ana: tuple[User, str]) -> None:
    user, _ = ana
    old = renew_recovery_codes(user=user)
    new = renew_recovery_codes(user=user)

    assert check_second_factor(user=user, code=old[0]) is None
    RecoveryDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert check_second_factor(user=user, code=new[0].upper()) is not None
    assert check_second_factor(user=user, code=new[0]) is None


def test_who_is_shut_out_is_out_with_the_next_click(client: Client, ana: tuple[User, str]) -> None:
    user, secret = ana
    give_password(client)
    client.post(FACTOR, {"code": code_of(secret)})
    assert client.get(INDEX).status_code == 200

    shut_out(user=user, by=staff(is_superuser=True), now=timezone.now())

    assert client.get(INDEX)["Location"].startswith(LOGIN)


def test_staff_is_created_again_without_a_copy(ana: tuple[User, str]) -> None:
    user, secret = ana

    same, kept = create_staff(
        email="ANA@shop.example", role="finance", password=PASSWORD, totp_secret=secret
    )

    assert (same.pk, kept) == (user.pk, secret)
    assert [group.name for group in same.groups.all()] == ["finance"]
    assert TOTPDevice.objects.count() == 1
    with pytest.raises(UnknownRole):
        create_staff(email="eve@shop.example", role="king", password=PASSWORD)
    assert not User.objects.filter(email="eve@shop.example").exists()


def test_the_policy_of_content_is_loose_below_admin_only(client: Client) -> None:
    admin = client.get(LOGIN)["Content-Security-Policy"]
    elsewhere = client.get("/nothing-here")["Content-Security-Policy"]

    assert "script-src 'self' 'unsafe-eval'" in admin
    assert "frame-ancestors 'none'" in admin
    assert "unsafe" not in elsewhere
    assert "default-src 'none'" in elsewhere


def test_pages_of_the_back_office_are_not_kept_by_caches(
    client: Client, ana: tuple[User, str]
) -> None:
    give_password(client)
    client.post(FACTOR, {"code": code_of(ana[1])})

    response = client.get("/admin/payments/refund/")

    assert "no-store" in response["Cache-Control"]
