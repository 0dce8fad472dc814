import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from apps.gateways.base import Timeouts
from apps.gateways.registry import (
    UnknownGateway,
    gateway_names,
    get_gateway,
    read_account,
    reset_gateways,
)
from apps.gateways.stripe.adapter import StripeGateway


def account(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "stripe",
        "api_base": "http://127.0.0.1:1",
        "api_key": "sk_test_1",
        "webhook_secret": "whsec_new, whsec_old",
        "connect_timeout": 0.1,
        "read_timeout": 0.2,
        "total_timeout": 0.3,
    } | changes


@pytest.fixture(autouse=True)
def accounts(settings: Any) -> Iterator[dict[str, Any]]:
    settings.GATEWAYS = {"stripe_eu": account(), "stripe_us": account()}
    reset_gateways()
    yield settings.GATEWAYS
    reset_gateways()


def test_names_come_in_the_order_of_preference() -> None:
    assert gateway_names() == ["stripe_eu", "stripe_us"]


def test_a_gateway_is_built_once_per_process_and_account() -> None:
    with ThreadPoolExecutor(8) as pool:
        built = {id(gateway) for gateway in pool.map(get_gateway, ["stripe_eu"] * 64)}

    assert len(built) == 1
    assert get_gateway("stripe_us") is not get_gateway("stripe_eu")
    assert isinstance(get_gateway("stripe_us"), StripeGateway)
    assert (get_gateway("stripe_us").name, get_gateway("stripe_us").kind) == (
        "stripe_us",
        "stripe",
    )


def test_reset_builds_anew() -> None:
    first = get_gateway("stripe_eu")

    reset_gateways()

    assert get_gateway("stripe_eu") is not first


def test_a_forked_process_shares_no_connection() -> None:
    get_gateway("stripe_eu")

    child = os.fork()
    if child == 0:
        from apps.gateways import registry  # noqa: PLC0415 - in the child

        os._exit(len(registry._gateways))

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_an_account_nobody_named_is_unknown() -> None:
    with pytest.raises(UnknownGateway, match="stripe_gone"):
        get_gateway("stripe_gone")


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"kind": "paypel"}, "unknown kind 'paypel'"), ({"api_key": ""}, "_API_KEY is missing")],
)
def test_incomplete_settings_are_refused(
    accounts: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    accounts["stripe_eu"].update(changes)

    with pytest.raises(ImproperlyConfigured, match=message):
        get_gateway("stripe_eu")


@pytest.mark.parametrize(
    "secrets", ["whsec_new,whsec_old", "whsec_new whsec_old", " whsec_new , whsec_old,"]
)
def test_an_account_has_all_its_secrets_and_timeouts(secrets: str) -> None:
    got = read_account("stripe_eu", account(webhook_secret=secrets))

    assert got.webhook_secrets == ("whsec_new", "whsec_old")
    assert got.timeouts == Timeouts(connect=0.1, read=0.2, total=0.3)
    assert "sk_test_1" not in repr(got)
    assert "whsec" not in repr(got)


def test_without_a_webhook_secret_there_is_none() -> None:
    assert read_account("stripe_eu", account(webhook_secret="")).webhook_secrets == ()
