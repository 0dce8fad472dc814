"""The chart in code, in PostgreSQL and in the documentation is one chart."""

from pathlib import Path

import pytest

from apps.ledger import recipes
from apps.ledger.chart import CHART
from apps.ledger.states import Side
from tests.ledger.books import execute

DOCUMENT = Path(__file__).parents[2] / "docs" / "ledger.md"


@pytest.mark.django_db
def test_postgresql_knows_the_chart() -> None:
    rows = execute("SELECT code, kind, normal_side, shards, floor FROM ledger_chart")

    assert rows == [
        (line.code, line.kind.value, line.normal_side.value, line.shards, line.floor)
        for line in CHART
    ]


def test_the_document_prints_the_chart() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")

    for line in CHART:
        row = (
            f"| `{line.code}` | {line.kind} | {line.normal_side} | {line.owner} | {line.meaning} |"
        )
        assert row in text, row


def test_codes_are_unique_and_floors_fit_one_row() -> None:
    assert len({line.code for line in CHART}) == len(CHART)
    for line in CHART:
        assert line.floor is None or line.shards == 1
        grows_by_debit = line.normal_side == Side.DEBIT
        assert grows_by_debit == (line.kind in {"asset", "expense"}) or line.kind == "income"


def test_the_document_explains_every_recipe() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")

    for name in set(recipes.__all__) - {"Fact", "Share"}:
        assert f"`{name}`" in text, name
