"""Reports are tested over payments that a gateway with a script has taken, and over 60 days."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.db import transaction

from tests.payments.conftest import gateway, two_gateways  # noqa: F401 - fixtures
from tests.reporting.history import NOW, make_history


@pytest.fixture(scope="module")
def facts(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Make the 60 days once for a module, whose tests only look at them."""
    clock = time_machine.travel(NOW, tick=False)
    with clock, django_db_blocker.unblock(), transaction.atomic():
        make_history()
        yield
        transaction.set_rollback(True)
