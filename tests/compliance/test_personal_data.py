"""The list of what is known about people is whole: a new column has to be put on it, or beside."""

from typing import Any

from django.apps import apps
from django.db import models

from apps.compliance.personal_data import SECTIONS, WITHOUT_PEOPLE

# Kinds of columns that could hold what somebody wrote; a short text without choices could too.
TEXTS = (
    models.TextField,
    models.JSONField,
    models.BinaryField,
    models.GenericIPAddressField,
)
SHORT = 10


def columns_of_texts() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for model in apps.get_models():
        if model._meta.managed:
            names = {
                str(field.column) for field in model._meta.concrete_fields if holds_text(field)
            }
            found.setdefault(model._meta.db_table, set()).update(names)
    return {table: names for table, names in found.items() if names}


def holds_text(field: "models.Field[Any, Any]") -> bool:
    if field.is_relation or field.primary_key:
        return False
    if isinstance(field, models.CharField):
        is_id = str(field.column).endswith("_id")
        return not field.choices and not is_id and (field.max_length or SHORT + 1) > SHORT
    return isinstance(field, TEXTS) or field.get_internal_type() == "ArrayField"


def listed() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for section in SECTIONS:
        found.setdefault(section.table, set()).update(section.personal)
    for table, (_reason, names) in WITHOUT_PEOPLE.items():
        found.setdefault(table, set()).update(names.split())
    return {table: names for table, names in found.items() if names}


def test_every_column_that_could_hold_a_person_is_on_the_list_or_beside_it() -> None:
    columns = columns_of_texts()
    missing = {table: names - listed().get(table, set()) for table, names in columns.items()}

    assert {table: names for table, names in missing.items() if names} == {}, (
        "Say in apps/compliance/personal_data.py whose they are."
    )


def test_the_list_names_nothing_that_is_not_there() -> None:
    columns = {
        model._meta.db_table: {field.column for field in model._meta.concrete_fields}
        for model in apps.get_models()
    }
    ghosts = {table: names - columns.get(table, set()) for table, names in listed().items()}

    assert {table: names for table, names in ghosts.items() if names} == {}


def test_a_column_is_on_one_side_only() -> None:
    for section in SECTIONS:
        beside = WITHOUT_PEOPLE.get(section.table, ("", ""))[1].split()

        assert set(section.personal) & set(beside) == set(), section.table


def test_a_new_column_would_be_noticed() -> None:
    words: models.Field[Any, Any] = models.CharField(max_length=40)
    words.set_attributes_from_name("nickname")
    code: models.Field[Any, Any] = models.CharField(max_length=3)
    code.set_attributes_from_name("currency")

    assert holds_text(words) is True
    assert holds_text(code) is False
