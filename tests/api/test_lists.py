from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.api.models import Merchant
from tests.conftest import ApiClient

pytestmark = [pytest.mark.urls("tests.api.resource"), pytest.mark.django_db]

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def notes(merchant: Merchant) -> list[str]:
    """Five notes, a second apart, oldest first; the merchant of the key is out of the way."""
    Merchant.objects.filter(pk=merchant.pk).update(created_at=NOON - timedelta(days=1))
    return [
        Merchant.objects.create(
            id=f"mer_{'z' * 25}{n}",
            name=str(n),
            created_at=NOON + timedelta(seconds=n, milliseconds=500),
        ).id
        for n in range(5)
    ]


def ids(answer: Any) -> list[str]:
    return [entry["id"] for entry in answer.json()["data"]]


def test_pages_go_from_the_newest_to_the_oldest(api: ApiClient, notes: list[str]) -> None:
    first = api.get("/v1/notes", {"limit": 2})
    second = api.get("/v1/notes", {"limit": 2, "starting_after": ids(first)[-1]})
    back = api.get("/v1/notes", {"limit": 1, "ending_before": ids(second)[0]})

    assert ids(first) == [notes[4], notes[3]]
    assert ids(second) == [notes[2], notes[1]]
    assert ids(back) == [notes[3]]
    assert [page.json()["has_more"] for page in (first, second, back)] == [True, True, True]
    assert first.json()["object"] == "list"
    assert first.json()["url"] == "/v1/notes"


@pytest.mark.usefixtures("notes")
def test_the_last_page_says_so(api: ApiClient) -> None:
    page = api.get("/v1/notes", {"limit": 10})

    assert len(ids(page)) == 6
    assert page.json()["has_more"] is False
    assert api.get("/v1/notes", {"starting_after": ids(page)[-1]}).json()["data"] == []


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize("cursor", ["mer_unknown", "x", "pi_01kahxk4m0f1v8y2c6d9e3g7hj"])
@pytest.mark.parametrize("name", ["starting_after", "ending_before"])
def test_a_cursor_that_is_no_object_of_the_list_is_404(
    api: ApiClient, name: str, cursor: str
) -> None:
    answer = api.get("/v1/notes", {name: cursor})

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "resource_missing"
    assert answer.json()["error"]["param"] == name


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"created[gte]": 1}, [4, 3, 2, 1]),
        ({"created[gt]": 1}, [4, 3, 2]),
        ({"created[lte]": 1, "created[gte]": 0}, [1, 0]),
        ({"created[lt]": 1, "created[gte]": 0}, [0]),
        ({"created": 3}, [3]),
    ],
)
def test_creation_times_compare_in_whole_seconds(
    api: ApiClient, notes: list[str], query: dict[str, int], found: list[int]
) -> None:
    base = int(NOON.timestamp())

    answer = api.get("/v1/notes", {name: base + second for name, second in query.items()})

    assert ids(answer) == [notes[n] for n in found]


def test_a_page_with_a_cursor_costs_one_statement(
    api: ApiClient, notes: list[str], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    api.get("/v1/notes")

    with django_assert_num_queries(1):
        api.get("/v1/notes", {"limit": 2, "starting_after": notes[3]})
