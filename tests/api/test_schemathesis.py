"""
Schemathesis against the running server: odd requests, and chains of requests.

Its own report says whether each phase came to its end, and which requests followed upon which.
"""

import json
from pathlib import Path

import httpx
import pytest

from tests.api.filled_shop import named, objects_of_a_shop
from tests.api.schemathesis_run import Report, run_schemathesis
from tests.conftest import ApiClient
from tests.live.conftest import simulator, web
from tests.live.running import RunningWeb
from tests.sdk.typed_client import with_json_bodies_only

__all__ = ["simulator", "web"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# More examples find more; these find what a day's work may break.
EXAMPLES_OF_AN_OPERATION = 3
CHAINS = 20
PREPARATION = ("probing", "schema_analysis", "auth_bootstrap")
# The addresses that chains of one area are made of, and how many kinds of steps from an answer to
# the next request are to be accepted at least; chance decides which.
AREAS = {
    "payments": ("charges|payment_intents|refunds", 6),
    "customers": ("checkout|customers|events|payment_methods|setup_intents", 8),
    "billing": ("billing|coupons|credit_notes|dunning|invoice|prices|products|subscr|test_h", 6),
    "sellers": ("accounts|balance|payments(/|$)|payouts|transfers", 6),
    "the rest": ("dispute|files|gateways|ledger|radar|reconci|report|reviews|routing|webh", 4),
}


def write_document(web: RunningWeb, folder: Path) -> str:
    """
    Write the document of the running server as it is tested, and return the file's name.

    Forms are what JSON is in other words, and one currency as good as the next: each would be
    tried with everything else.
    """
    document = with_json_bodies_only(httpx.get(f"{web.url}/v1/openapi.json").json())
    document["components"]["schemas"]["Currency"]["enum"] = ["eur", "jpy"]
    (folder / "openapi.json").write_text(json.dumps(document))
    return "openapi.json"


def write_settings(folder: Path, *, paths: dict[str, str]) -> None:
    """Let `paths` name real objects; requests expand nothing, so that most are understood."""
    parameters = [f'"path.{name}" = "{value}"' for name, value in paths.items()]
    lines = [
        "[parameters]",
        '"query.expand[]" = []',
        *parameters,
        "[phases.coverage]",
        "unexpected-methods = []",
        "[phases.stateful]",
        "max-steps = 10",
        "[phases.stateful.inference]",
        "algorithms = []",
    ]
    (folder / "schemathesis.toml").write_text("\n".join([*lines, ""]))


def assert_complete(report: Report, *phases: str) -> None:
    """Check that no phase found a fault, and that none was cut short."""
    assert report.exit_code == 0, report.text
    assert report.stop_reason == "completed"
    ran = {name: status for name, status in report.phases.items() if status != "skip"}
    assert ran == dict.fromkeys([*PREPARATION, *phases], "success")


def test_odd_requests_find_no_fault(web: RunningWeb, api: ApiClient, tmp_path: Path) -> None:
    ids = objects_of_a_shop(api)
    write_settings(tmp_path, paths=ids)

    report = run_schemathesis(
        write_document(web, tmp_path),
        *("--url", web.url, "--phases", "examples,coverage,fuzzing"),
        *("--max-examples", str(EXAMPLES_OF_AN_OPERATION)),
        secret_key=api.secret_key,
        folder=tmp_path,
        objects=named(ids),
    )

    assert_complete(report, "examples", "coverage", "fuzzing")
    assert report.requests["examples"] >= 50
    assert report.requests["coverage"] >= 2000
    assert report.requests["fuzzing"] >= 400
    assert report.accepted["examples"] >= 20


@pytest.mark.parametrize("area", AREAS)
def test_chains_of_requests_find_no_fault(
    area: str, web: RunningWeb, api: ApiClient, tmp_path: Path
) -> None:
    addresses, steps = AREAS[area]
    ids = objects_of_a_shop(api)
    write_settings(tmp_path, paths={})

    report = run_schemathesis(
        write_document(web, tmp_path),
        *("--url", web.url, "--phases", "stateful", "--max-examples", str(CHAINS)),
        *("--include-path-regex", f"^/v1/({addresses})"),
        secret_key=api.secret_key,
        folder=tmp_path,
        objects=named(ids),
    )

    assert_complete(report, "stateful")
    assert report.links >= steps
    assert report.requests["stateful"] >= 50
    assert report.longest_chain >= 2
    assert len(report.followed) >= steps
