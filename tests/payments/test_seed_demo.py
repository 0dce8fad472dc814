"""The demo's keys and log-ins survive a second start, and are made anew when they must."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.api.models import ApiKey, Merchant
from apps.backoffice.models import User
from apps.backoffice.services.people import roles

pytestmark = pytest.mark.django_db


def seed(path: Path) -> dict[str, Any]:
    call_command("seed_demo", credentials=path, verbosity=0)
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_the_file_holds_what_a_program_needs_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    made = seed(tmp_path / "credentials.json")

    assert made["secret_key"].startswith("sk_test_")
    assert made["publishable_key"].startswith("pk_test_")
    assert [person["role"] for person in made["staff"]] == ["superuser", *roles()]
    for person in made["staff"]:
        user = User.objects.get(email=person["email"])
        assert user.check_password(person["password"])
        assert user.is_superuser == (person["role"] == "superuser")
        assert TOTPDevice.objects.get(user=user).confirmed
        assert person["totp_secret"]
    assert (tmp_path / "credentials.json").stat().st_mode & 0o777 == 0o600


def test_a_second_start_keeps_everything(tmp_path: Path) -> None:
    first = seed(tmp_path / "credentials.json")
    second = seed(tmp_path / "credentials.json")

    assert first == second
    assert Merchant.objects.count() == 1
    assert ApiKey.objects.count() == 2
    assert User.objects.count() == 1 + len(roles())


def test_a_lost_file_gets_new_keys_for_the_same_merchant(tmp_path: Path) -> None:
    first = seed(tmp_path / "credentials.json")
    second = seed(tmp_path / "other.json")

    assert first["secret_key"] != second["secret_key"]
    assert Merchant.objects.count() == 1
    admin = second["staff"][0]
    assert User.objects.get(email=admin["email"]).check_password(admin["password"])


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "credentials.json").write_text("{")

    assert seed(tmp_path / "credentials.json")["secret_key"].startswith("sk_test_")
