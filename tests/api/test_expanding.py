"""Every id that an object shows is replaced by the object itself, when a request asks for it."""

from typing import Any

import pytest
from django.urls import resolve

from apps.api.shapes import Shape
from tests.api.filled_shop import objects_of_everything
from tests.api.test_isolation import TESTED_IN_THEIR_APPS, addresses, fill
from tests.conftest import ApiClient
from tests.fake_gateway import FakeGateway, use_gateways

pytestmark = pytest.mark.django_db

TESTED_ELSEWHERE = tuple(TESTED_IN_THEIR_APPS)
NO_BRACES = str.maketrans("", "", "{}")


def shape_of(path: str) -> Shape | None:
    view: Any = resolve(path).func
    shape = view.view_class.answers.get("GET") if hasattr(view, "view_class") else None
    return shape if isinstance(shape, Shape) and shape.ids else None


def test_every_id_that_an_object_shows_can_be_expanded(api: ApiClient, settings: Any) -> None:
    settings.WEBHOOKS_ALLOW_LOOPBACK = True
    with use_gateways(settings, FakeGateway()):
        ids = objects_of_everything(api)
    kept: dict[str, set[str]] = {}
    seen = set()
    for method, template in addresses():
        shape = shape_of(template.translate(NO_BRACES))
        if method != "GET" or shape is None or template.startswith(TESTED_ELSEWHERE):
            continue
        path = fill(api, template, ids)
        assert path is not None, template
        answer = api.get(path, {"expand[]": sorted(shape.ids)})
        assert answer.status_code == 200, (path, answer.content)
        shown = answer.json()
        seen |= {f"{shape.kind}.{name}" for name in shape.ids if isinstance(shown[name], dict)}
        kept[path] = {name for name in shape.ids if isinstance(shown[name], str)}

    assert {path: names for path, names in kept.items() if names} == {}
    assert {"refund.charge", "transfer.destination", "credit_note.invoice"} <= seen


@pytest.mark.parametrize(
    ("collection", "names"),
    [
        ("/v1/refunds", ["balance_transaction", "charge", "payment_intent"]),
        ("/v1/transfers", ["destination"]),
    ],
)
def test_the_answer_to_a_post_expands_what_a_get_expands(
    api: ApiClient, settings: Any, collection: str, names: list[str]
) -> None:
    with use_gateways(settings, FakeGateway()):
        objects_of_everything(api)
        changed = api.get(collection).json()["data"][0]["id"]

        shown = api.post(f"{collection}/{changed}", {"metadata": {"a": "1"}, "expand": names})

    assert shown.status_code == 200, shown.content
    assert [name for name in names if not isinstance(shown.json()[name], dict)] == []


def test_a_post_expands_what_is_deeper_and_what_is_shown_only_when_asked_for(
    api: ApiClient, settings: Any
) -> None:
    with use_gateways(settings, FakeGateway()):
        ids = objects_of_everything(api)
        default = {"default_payment_method": ids["method_id"]}

        shown = api.post(
            f"/v1/customers/{ids['customer_id']}",
            {
                "invoice_settings": default,
                "expand": ["invoice_settings.default_payment_method", "subscriptions"],
            },
        ).json()

    assert shown["invoice_settings"]["default_payment_method"]["id"] == ids["method_id"]
    assert [each["id"] for each in shown["subscriptions"]["data"]] == [ids["subscription_id"]]


@pytest.mark.parametrize("path", ["email", "nothing", "nothing.id"])
def test_a_post_with_a_path_that_leads_nowhere_changes_nothing(api: ApiClient, path: str) -> None:
    refused = api.post("/v1/customers", {"email": "ada@payer.example", "expand": [path]})

    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (
        400,
        "parameter_invalid",
        "expand[0]",
    )
    assert api.get("/v1/customers").json()["data"] == []
