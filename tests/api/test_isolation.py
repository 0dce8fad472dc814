"""
Whose an object is: every address that names one, asked by another merchant and in the other mode.

The addresses come from the API's document, so a new one is in the matrix or fails it.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from apps.api.models import Merchant
from apps.api.services import create_api_key, create_merchant
from config.api_examples import EXAMPLES
from simulator.testing import RunningSimulator
from tests.api.filled_shop import objects_of_everything
from tests.api.test_document import operations
from tests.conftest import ApiClient
from tests.live.conftest import simulator
from tests.live.running import ROOT

__all__ = ["simulator"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# What nobody makes through the API is asked for by a stranger in the tests of its app.
TESTED_IN_THEIR_APPS = {
    "/v1/disputes": "tests/disputes/test_api.py",
    "/v1/files": "tests/disputes/test_files.py",
    "/v1/mandates": "tests/vault/test_mandates.py",
    "/v1/radar/early_fraud_warnings": "tests/disputes/test_warnings.py",
    "/v1/reconciliation/exceptions": "tests/reconciliation/test_resolving.py",
    "/v1/reconciliation/files": "tests/reconciliation/test_api.py",
    "/v1/reconciliation/runs": "tests/reconciliation/test_api.py",
    "/v1/reviews": "tests/fraud/test_api.py",
    "/v1/webhook_deliveries": "tests/webhooks/test_endpoints_api.py",
}
# The same for everybody.
PUBLIC = {"/v1/reporting/report_types"}
# Lists that want to know of whose entries they are asked.
LISTS = {
    "/v1/payments": {"checkout_id": "checkout-1"},
    "/v1/radar/value_list_items": {"value_list": "list_id"},
    "/v1/subscription_items": {"subscription": "subscription_id"},
}


def addresses() -> Iterator[tuple[str, str]]:
    for operation, _ in operations():
        method, path = operation.split(" ")
        if "{" in path:
            yield method, path


def first_of(api: ApiClient, collection: str, ids: dict[str, str]) -> str | None:
    """Return the newest object of a list of the caller's own."""
    wanted = {name: ids.get(value, value) for name, value in LISTS.get(collection, {}).items()}
    rows = api.get(collection, wanted).json()["data"]
    return (rows[0].get("payment_order_id") or rows[0]["id"]) if rows else None


def fill(api: ApiClient, path: str, ids: dict[str, str]) -> str | None:
    """Put the caller's own objects into a path; None where there is none."""
    while found := re.match(r"([^{]*)/\{\w+\}", path):
        own = first_of(api, found[1], ids)
        if own is None:
            return None
        path = f"{found[1]}/{own}{path[found.end() :]}"
    return path


def ask(api: ApiClient, method: str, path: str, template: str) -> Any:
    if method == "POST":
        bodies = EXAMPLES.get(f"POST {template}", {"none": {}})
        return api.post(path, dict(next(iter(bodies.values()))))
    return api.delete(path) if method == "DELETE" else api.get(path)


def test_objects_of_others_do_not_exist(
    api: ApiClient, merchant: Merchant, simulator: RunningSimulator, settings: Any
) -> None:
    settings.WEBHOOKS_ALLOW_LOOPBACK = True
    now = timezone.now()
    ids = objects_of_everything(api)
    stranger = create_merchant(name="Eve's books", now=now)
    callers = [
        ApiClient(create_api_key(merchant=stranger, livemode=False, now=now)[1]),
        ApiClient(create_api_key(merchant=merchant, livemode=True, now=now)[1]),
    ]

    unfilled, shown = set(), []
    for method, template in addresses():
        collection = template.split("/{")[0]
        path = None if collection in {*TESTED_IN_THEIR_APPS, *PUBLIC} else fill(api, template, ids)
        if path is None:
            unfilled.add(collection)
            continue
        before = api.get(path) if method == "GET" else None
        for caller in callers:
            answer = ask(caller, method, path, template)
            if answer.status_code != 404:
                shown.append((method, template, answer.status_code, answer.content))
        if before is not None:
            after = api.get(path)
            assert (before.status_code, after.status_code) == (200, 200), path
            assert after.content == before.content

    assert shown == []
    assert unfilled == {*TESTED_IN_THEIR_APPS, *PUBLIC}


def test_what_is_tested_elsewhere_is_tested_there() -> None:
    for path in TESTED_IN_THEIR_APPS.values():
        text = (ROOT / path).read_text()
        assert re.search(r"def test_\w*(another|other|stranger|nobody)", text), path
