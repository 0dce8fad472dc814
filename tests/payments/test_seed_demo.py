"""The demo's keys and log-ins survive a second start, and are made anew when they must."""

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Count, Sum
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.api.models import ApiKey, Merchant
from apps.backoffice.models import Approval, User
from apps.backoffice.services.people import roles
from apps.common.demo import Demo
from apps.common.origin import Scope
from apps.customers.models import Customer
from apps.fraud.models import Decision, Review, Rule
from apps.ledger.tasks import keep_ledger
from apps.outbox.models import Message
from apps.payments.models import PaymentAttempt, PaymentIntent
from apps.reconciliation.models import Discrepancy, ReconciliationRun, Settlement
from apps.subscriptions.models import Invoice, Subscription
from tests.conftest import ApiClient
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


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


def make_history(path: Path, *, payments: int = 120) -> None:
    call_command("seed_demo", credentials=path, payments=payments, days=60, verbosity=0)


def figures() -> dict[str, Any]:
    rows = PaymentIntent.objects.values_list("status", "currency").annotate(
        Count("id"), Sum("amount_received"), Sum("amount_refunded")
    )
    return {f"{status} {currency}": tuple(sums) for status, currency, *sums in rows}


def test_the_demo_s_history_folds_to_its_rows_and_its_books_balance(tmp_path: Path) -> None:
    make_history(tmp_path / "credentials.json")

    call_command("rebuild", verify=True, stdout=StringIO())
    call_command("ledger_verify", stdout=StringIO())
    assert PaymentIntent.objects.count() == 120
    assert PaymentAttempt.objects.filter(kept=True).count() > 90
    assert Customer.objects.count() == 9
    assert Approval.objects.filter(status="pending").count() >= 1
    assert Message.objects.filter(dead_at=None, object_id__startswith="pi_").count() <= 10


def test_the_history_also_comes_to_a_platform_that_runs(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    shop = ApiClient(seed(tmp_path / "credentials.json")["secret_key"])
    asked = {"amount": 1050, "currency": "eur", "payment_method": "tok_visa", "confirm": True}
    paid = shop.post("/v1/payment_intents", asked).json()
    keep_ledger(now=timezone.now())
    waiting = list(Message.objects.values_list("id", flat=True))

    make_history(tmp_path / "credentials.json")

    call_command("rebuild", verify=True, stdout=StringIO())
    call_command("ledger_verify", stdout=StringIO())
    assert paid["status"] == "succeeded"
    assert PaymentIntent.objects.count() == 121
    assert Message.objects.filter(id__in=waiting).count() == len(waiting) > 0
    assert Decision.objects.filter(intent_id=paid["id"]).count() == 1
    call_command("repeat_webhooks", "--since=2020-01-01T00:00+00:00", stdout=StringIO())
    assert len(gateway.calls) == 1
    assert keep_ledger(now=timezone.now()) > 0


def test_every_screen_of_the_demo_has_something_to_look_at(tmp_path: Path) -> None:
    make_history(tmp_path / "credentials.json", payments=900)

    call_command("rebuild", verify=True, stdout=StringIO())
    call_command("ledger_verify", stdout=StringIO())
    assert Subscription.objects.count() == 24
    assert set(Invoice.objects.values_list("status", flat=True)) >= {"open", "paid"}
    assert set(Rule.objects.values_list("status", flat=True)) == {"live", "shadow", "draft"}
    assert Review.objects.filter(status="open").exists()
    assert ReconciliationRun.objects.count() == 10
    statuses = set(Settlement.objects.values_list("status", flat=True))
    assert statuses == {"in_transit", "received"}
    # Nearly all agrees: only what was planted waits for a person.
    kinds = Discrepancy.objects.filter(status="open").values_list("kind", flat=True)
    assert sorted(kinds) == ["amount_over", "bank_unexplained", "missing_in_ledger"]


def test_the_same_seed_makes_the_same_figures_and_a_second_run_adds_nothing(
    tmp_path: Path,
) -> None:
    make_history(tmp_path / "credentials.json")
    first = figures()
    make_history(tmp_path / "credentials.json")

    assert figures() == first
    assert sum(row[0] for row in first.values()) == 120


def test_another_seed_makes_another_shop() -> None:
    demos = [
        Demo(scope=Scope("mer_x", livemode=False), days=1, payments=1, seed=seed, now=NOW)
        for seed in (7, 7, 8)
    ]

    drawn = [demo.dice("payments").random() for demo in demos]

    assert drawn[0] == drawn[1] != drawn[2]
    assert demos[0].dice("disputes").random() != drawn[0]
