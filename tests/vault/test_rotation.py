"""Keys rotate: everything encrypted is written anew, and stays readable all the while."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.gateways.models import AdyenFact
from apps.vault.models import GatewayToken
from apps.vault.tokens import digests_of
from tests.factories.payments import stored_method

pytestmark = pytest.mark.django_db


def rotate() -> list[str]:
    out = StringIO()
    call_command("rotate_field_keys", stdout=out)
    return out.getvalue().splitlines()


def stored_texts() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT token FROM vault_gatewaytoken ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


def noted_fact() -> AdyenFact:
    return AdyenFact.objects.create(
        gateway="adyen_main", code="AUTHORISATION", success=True, reference="A1", amount=1,
        currency="EUR", occurred_at=timezone.now(), details="{}",
    )  # fmt: skip


def test_all_columns_are_written_anew_and_the_old_key_can_go(settings: Any) -> None:
    method = stored_method("stripe_main", "adyen_main")
    noted_fact()
    before = stored_texts()
    settings.FIELD_ENCRYPTION_KEYS = ["new-key", "test-field-key"]

    lines = rotate()

    assert "vault_gatewaytoken.token: 2 written anew" in lines
    assert "gateways_adyenfact.details: 1 written anew" in lines
    assert not set(before) & set(stored_texts())
    settings.FIELD_ENCRYPTION_KEYS = ["new-key"]
    assert {row.token for row in method.tokens.all()} == {"pm_stripe_main", "pm_adyen_main"}
    assert GatewayToken.objects.get(digest__in=digests_of("pm_adyen_main")).gateway == "adyen_main"
    assert AdyenFact.objects.get().details == "{}"


def test_what_is_current_is_left_alone() -> None:
    stored_method("stripe_main")
    before = stored_texts()

    assert "vault_gatewaytoken.token: 0 written anew" in rotate()
    assert stored_texts() == before


def test_a_value_of_a_lost_key_is_told(settings: Any) -> None:
    stored_method("stripe_main")
    settings.FIELD_ENCRYPTION_KEYS = ["another-key"]

    with pytest.raises(CommandError, match="1 values were written with a key"):
        rotate()


def test_nothing_else_of_a_fact_may_change() -> None:
    noted_fact()

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        AdyenFact.objects.update(amount=2)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        AdyenFact.objects.all().delete()
