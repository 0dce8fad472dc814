from typing import Any

import pytest

from apps.api import expansion
from apps.api.expansion import expand, read_expand
from apps.common.errors import DomainError
from apps.common.origin import Scope

SCOPE = Scope(merchant_id="mer_1", livemode=False)
Asked = list[tuple[str, frozenset[str]]]


def load_customers(ids: set[str], _scope: Scope) -> dict[str, dict[str, Any]]:
    asked.append(("cus", frozenset(ids)))
    return {id_: {"id": id_, "card": "pm_of_" + id_} for id_ in ids if id_ != "cus_gone"}


def load_methods(ids: set[str], _scope: Scope) -> dict[str, dict[str, Any]]:
    asked.append(("pm", frozenset(ids)))
    return {id_: {"id": id_} for id_ in ids}


def load_refunds(ids: set[str], _scope: Scope) -> dict[str, dict[str, Any]]:
    asked.append(("ch", frozenset(ids)))
    return {id_: {"object": "list", "data": [{"customer": "cus_1"}]} for id_ in ids}


asked: Asked = []


@pytest.fixture(autouse=True)
def _loaders(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = {"cus": f"{__name__}.load_customers", "pm": f"{__name__}.load_methods"}
    monkeypatch.setattr(expansion, "_loader_paths", lambda: paths)
    included = {"charge.refunds": f"{__name__}.load_refunds"}
    monkeypatch.setattr(expansion, "_inclusion_paths", lambda: included)
    asked.clear()


def test_an_id_becomes_its_object() -> None:
    body = {"id": "pi_1", "customer": "cus_1", "other": "cus_2"}

    assert expand(body, ["customer"], SCOPE) == {
        "id": "pi_1",
        "customer": {"id": "cus_1", "card": "pm_of_cus_1"},
        "other": "cus_2",
    }
    assert body["customer"] == "cus_1"


def test_two_levels_on_a_list_cost_one_look_up_each() -> None:
    rows = [{"customer": "cus_1"}, {"customer": "cus_2"}, {"customer": None}]

    shown = expand({"object": "list", "data": rows}, ["data.customer.card"], SCOPE)

    assert [row["customer"] and row["customer"]["card"] for row in shown["data"]] == [
        {"id": "pm_of_cus_1"},
        {"id": "pm_of_cus_2"},
        None,
    ]
    assert asked == [
        ("cus", frozenset({"cus_1", "cus_2"})),
        ("pm", frozenset({"pm_of_cus_1", "pm_of_cus_2"})),
    ]
    assert rows[0] == {"customer": "cus_1"}


def test_what_is_shown_only_when_asked_for_is_added_to_all_in_one_look_up() -> None:
    rows = [{"id": f"ch_{n}", "object": "charge"} for n in (1, 2)]

    shown = expand({"object": "list", "data": rows}, ["data.refunds.data.customer"], SCOPE)

    refunds = [row["refunds"]["data"][0]["customer"]["id"] for row in shown["data"]]
    assert refunds == ["cus_1", "cus_1"]
    assert asked == [("ch", frozenset({"ch_1", "ch_2"})), ("cus", frozenset({"cus_1"}))]
    assert "refunds" not in rows[0]


def test_another_kind_of_object_has_no_such_list() -> None:
    with pytest.raises(DomainError):
        expand({"id": "pi_1", "object": "payment_intent"}, ["refunds"], SCOPE)


def test_paths_may_share_a_beginning() -> None:
    shown = expand({"customer": "cus_1"}, ["customer", "customer.card"], SCOPE)

    assert shown == {"customer": {"id": "cus_1", "card": {"id": "pm_of_cus_1"}}}


def test_lists_of_ids_are_expanded_and_objects_that_are_gone_stay_ids() -> None:
    shown = expand({"customers": ["cus_1", "cus_gone"]}, ["customers"], SCOPE)

    assert shown == {"customers": [{"id": "cus_1", "card": "pm_of_cus_1"}, "cus_gone"]}


@pytest.mark.parametrize("path", ["nothing", "amount", "currency", "customer.nothing"])
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    with pytest.raises(DomainError) as refusal:
        expand({"amount": 1, "currency": "eur", "customer": "cus_1"}, [path], SCOPE)

    assert (refusal.value.status, refusal.value.param) == (400, "expand[0]")


@pytest.mark.parametrize("value", [{"a": "b"}, [1], [""], ["a.b.c.d.e"], ["a"] * 21, 7])
def test_what_is_no_list_of_paths_is_refused(value: Any) -> None:
    with pytest.raises(DomainError) as refusal:
        read_expand(value)

    assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        (None, []),
        ("a", ["a"]),
        (["a.b"], ["a.b"]),
        ("data.a.data.b.c.data.d", ["data.a.data.b.c.data.d"]),
    ],
)
def test_paths_are_read(value: Any, paths: list[str]) -> None:
    assert read_expand(value) == paths
