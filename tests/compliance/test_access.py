"""A review of access sees everybody and every key, those without access too."""

import csv
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.api.models import ApiKeyKind, Merchant
from apps.api.services import create_api_key
from apps.backoffice.services import setup_roles
from tests.factories.backoffice import staff

pytestmark = pytest.mark.django_db


def review(tmp_path: Path) -> dict[str, dict[str, str]]:
    out = StringIO()
    call_command("access_review", str(tmp_path / "access.csv"), stdout=out)
    with (tmp_path / "access.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert f"{len(rows)} people and keys are in access.csv." in out.getvalue()
    return {row["name"]: row for row in rows}


def test_people_stand_with_their_roles_and_second_factor(tmp_path: Path) -> None:
    setup_roles()
    ana = staff(email="ana@shop.example", role="finance_lead")
    TOTPDevice.objects.create(user=ana, name="authenticator", confirmed=True)
    gone = staff(email="gone@shop.example", role="support_agent")
    gone.is_active = False
    gone.save(update_fields=["is_active"])
    staff(email="root@shop.example", is_superuser=True)

    rows = review(tmp_path)

    assert rows["ana@shop.example"]["rights"] == "finance_lead"
    assert rows["ana@shop.example"]["has_second_factor"] == "yes"
    assert rows["ana@shop.example"]["is_active"] == "yes"
    assert rows["gone@shop.example"]["is_active"] == "no"
    assert rows["gone@shop.example"]["has_second_factor"] == "no"
    assert rows["root@shop.example"]["rights"] == "superuser"


def test_keys_stand_with_their_scopes_and_their_end(tmp_path: Path, merchant: Merchant) -> None:
    now = timezone.now()
    wide, secret = create_api_key(merchant=merchant, livemode=True, now=now)
    narrow, _ = create_api_key(
        merchant=merchant,
        livemode=False,
        now=now,
        kind=ApiKeyKind.RESTRICTED,
        scopes=["refunds:write"],
    )
    narrow.revoked_at = now - timedelta(days=1)
    narrow.save(update_fields=["revoked_at"])

    rows = review(tmp_path)

    assert (rows[wide.display]["rights"], rows[wide.display]["mode"]) == ("all", "live")
    assert rows[wide.display]["owner"] == "Ada's books"
    assert (rows[narrow.display]["rights"], rows[narrow.display]["is_active"]) == (
        "refunds:write",
        "no",
    )
    assert secret not in (tmp_path / "access.csv").read_text()
