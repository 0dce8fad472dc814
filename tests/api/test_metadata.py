"""The metadata of every object: two updates at one moment both stay, an empty text unsets all."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django.apps import apps
from django.db import models

from simulator.testing import RunningSimulator
from tests.api.filled_shop import objects_of_everything
from tests.api.test_document import document, operations
from tests.api.test_isolation import TESTED_IN_THEIR_APPS, fill
from tests.conftest import ApiClient
from tests.live.conftest import simulator
from tests.races import race

__all__ = ["simulator"]

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def updates_of_metadata() -> Iterator[str]:
    """Return the paths of the objects whose metadata can be changed."""
    for operation, said in operations():
        method, path = operation.split(" ")
        if method == "POST" and path.endswith("}") and "metadata" in parameters_of(said):
            yield path


def parameters_of(operation: dict[str, Any]) -> dict[str, Any]:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        if "$ref" in schema:
            schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return dict(schema.get("properties", {}))
    return {}


def row_of(id_: str) -> models.Model:
    """Return the row behind an object."""
    for model in apps.get_models():
        if isinstance(model._meta.pk, models.CharField) and hasattr(model, "metadata"):
            row = model._base_manager.filter(pk=id_).first()
            if row is not None:
                return row
    raise LookupError(id_)


def test_updates_at_one_moment_both_stay_until_all_is_unset(
    api: ApiClient, simulator: RunningSimulator, settings: Any
) -> None:
    settings.WEBHOOKS_ALLOW_LOOPBACK = True
    ids = objects_of_everything(api)

    lost, kept, unfilled = {}, {}, set()
    for template in updates_of_metadata():
        path = fill(api, template, ids)
        if path is None:
            unfilled.add(template.split("/{")[0])
            continue
        assert api.post(path, {"metadata": {"before": "0"}}).status_code == 200
        first, second = (
            partial(ApiClient(api.secret_key).post, path, {"metadata": {name: "1"}})
            for name in ("one", "two")
        )
        answers = race(row_of(path.rpartition("/")[2]), first, second)
        noted = api.get(path).json()["metadata"]
        if noted != {"before": "0", "one": "1", "two": "1"}:
            lost[template] = (noted, answers)
        unset = api.post(path, {"metadata": ""})
        if unset.status_code != 200 or unset.json()["metadata"] != {}:
            kept[template] = unset.content

    assert lost == {}
    assert kept == {}
    assert unfilled <= set(TESTED_IN_THEIR_APPS)
